package session

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Milestone is what a session has reached.
type Milestone string

// The milestones, in the order in which most sessions reach them.
const (
	Connected     Milestone = "connected"       // the peer came; the detail is the transport
	Handshake     Milestone = "handshake"       // the handshake of its protocol is done
	Authorised    Milestone = "authorised"      // the detail is the rule that decided
	Waited        Milestone = "waited"          // for its stream; the detail is for how long
	Transport     Milestone = "transport"       // what carries the media; the detail names it
	ICEPair       Milestone = "ice_pair"        // the addresses that media goes between
	Layout        Milestone = "layout"          // its tracks are known; the detail names them
	FirstKeyFrame Milestone = "first_key_frame" // the first frame that decoding can begin with
	Skip          Milestone = "skip"            // a viewer was moved on to a newer key frame
	Closed        Milestone = "closed"          // the detail is the reason
)

const (
	// usualSteps is how many steps a session without skips makes.
	usualSteps = 6
	// maxSteps bounds the steps that are kept, but for skips and the end.
	maxSteps = 16
	// firstSkips and lastSkips are how many skips are kept.
	firstSkips, lastSkips = 4, 4
)

// Step is a point of a session's timeline.
type Step struct {
	At     time.Time
	What   Milestone
	Detail string // in words, or empty
}

// step is a Step as it is kept: in words only when somebody asks.
type step struct {
	at     int64 // nanoseconds since 1970
	what   Milestone
	detail string
	n      int64 // of Waited the time, of Skip the frames
}

func (s step) told() Step {
	out := Step{time.Unix(0, s.at).UTC(), s.what, s.detail}
	switch s.what {
	case Waited:
		out.Detail = time.Duration(s.n).Round(time.Millisecond).String()
	case Skip:
		out.Detail += ", " + strconv.FormatInt(s.n, 10) + " frames"
	}
	return out
}

// timeline is what happened to a session: some 300 bytes, and at most 2 KB of a
// viewer that skips again and again. The session's own lock guards it, since
// delivery loops write it and must not wait for who lists sessions.
type timeline struct {
	steps []step // the newest skips aside
	skips int    // that there were
	last  []step // the newest skips after the first; a ring of lastSkips
}

func (t *timeline) add(s step) {
	if t.steps == nil {
		t.steps = make([]step, 0, usualSteps)
	}
	if len(t.steps)-min(t.skips, firstSkips) < maxSteps {
		t.steps = append(t.steps, s)
	}
}

func (t *timeline) addSkip(s step) {
	switch n := t.skips - firstSkips; {
	case n < 0:
		t.steps = append(t.steps, s)
	case n < lastSkips:
		t.last = append(t.last, s)
	default:
		t.last[n%lastSkips] = s
	}
	t.skips++
}

// has reports whether what was reached.
func (t *timeline) has(what Milestone) bool {
	return slices.ContainsFunc(t.steps, func(s step) bool { return s.what == what })
}

// told returns the timeline in words. One step stands for all skips that were not
// kept, with the time of the first that was kept after them.
func (t *timeline) told() []Step {
	out := make([]Step, 0, len(t.steps)+len(t.last)+1)
	for _, s := range t.steps {
		out = append(out, s.told())
	}
	after := t.skips - firstSkips
	if after > lastSkips {
		oldest := t.last[after%lastSkips]
		out = append(out, Step{time.Unix(0, oldest.at).UTC(), Skip, fmt.Sprintf("%d more", after-lastSkips)})
	}
	for i := range t.last {
		out = append(out, t.last[(max(after, lastSkips)+i)%lastSkips].told())
	}
	slices.SortStableFunc(out, func(a, b Step) int { return a.At.Compare(b.At) })
	return out
}

// Reached notes what the peer reached before it had a session, and when. The
// detail is kept as it is: it must not hold a secret or be long.
func (i *Info) Reached(what Milestone, at time.Time, detail string) {
	i.before = append(i.before[:len(i.before):len(i.before)], step{at: at.UnixNano(), what: what, detail: detail})
}

// begin notes what was reached before the session, and that it connected at the
// latest now.
func (s *Session) begin(before []step) {
	connected := step{at: s.since.UnixNano(), what: Connected, detail: s.info.Transport}
	for _, b := range before {
		connected.at = min(connected.at, b.at)
		if b.what != Connected {
			s.timeline.add(b)
		} else if b.detail != "" {
			connected.detail = b.detail
		}
	}
	s.timeline.steps = slices.Insert(s.timeline.steps, 0, connected)
}

// note adds a step that is reached now.
func (s *Session) note(what Milestone, detail string, n int64) {
	at := time.Now().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timeline.add(step{at, what, detail, n})
}

// Reached notes what the session has reached now. Like the other methods that
// write the timeline it does not wait for anybody, and is no matter for every
// frame. The detail must not hold a secret and is cut to 256 bytes.
func (s *Session) Reached(what Milestone, detail string) { s.note(what, clip(detail, maxText), 0) }

// LayoutKnown notes that the session publishes or gets the tracks of l, unless
// it is known to already.
func (s *Session) LayoutKnown(l *av.Layout) {
	detail := describe(l)
	at := time.Now().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range slices.Backward(s.timeline.steps) {
		if known.what == Layout {
			if known.detail == detail {
				return
			}
			break
		}
	}
	s.timeline.add(step{at: at, what: Layout, detail: detail})
}

// FrameKnown notes the first frame from which decoding can begin: that of a
// publisher, or that which a viewer has been sent. It does nothing later.
func (s *Session) FrameKnown() {
	at := time.Now().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.timeline.has(FirstKeyFrame) {
		s.timeline.add(step{at: at, what: FirstKeyFrame})
	}
}

// describe names the tracks of l, such as "H264 1280x720, AAC".
func describe(l *av.Layout) string {
	var b strings.Builder
	for i, t := range l.Tracks {
		if b.Len() > maxText {
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(t.Codec.String())
		if t.Width > 0 {
			fmt.Fprintf(&b, " %dx%d", t.Width, t.Height)
		}
	}
	return clip(b.String(), maxText)
}

// skipped adds a skip.
func (s *Session) skipped(why reason.Reason, frames int) {
	at := time.Now().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timeline.addSkip(step{at, Skip, string(why), int64(frames)})
}

// told returns the timeline so far.
func (s *Session) told() []Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.timeline.told()
}

// complete adds the end to the timeline.
func (e *End) complete() {
	detail := string(e.Reason)
	if e.Error != "" {
		detail += ": " + clip(e.Error, maxText)
	}
	e.Timeline = append(e.Timeline, Step{e.At.UTC(), Closed, detail})
}
