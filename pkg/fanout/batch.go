package fanout

import (
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// Sending costs by the call more than by the byte, so a loaded loop sends less
// often: above batchAt of its time, sound waits for the next picture; above
// spreadAt, passes over a log's viewers get rarer. Below, all goes at once.
const (
	batchAt = 0.15
	// unbatchAt is where batching ends: it saves about two thirds of the calls,
	// so a loop that batches at this share would stay below batchAt without.
	unbatchAt = 0.04
	spreadAt  = 0.50
	// loadWindow is how often the share is measured.
	loadWindow = int64(200 * time.Millisecond)

	// audioWait is how long sound waits for a picture at most: the distance of
	// pictures at 25 a second.
	audioWait = int64(40 * time.Millisecond)
	// slowVideo is the distance of pictures from which on sound does not wait.
	slowVideo = int64(60 * time.Millisecond)
)

// load measures the share of its time that a loop is busy. The loop owns it.
type load struct {
	since, busy int64 // of the window being measured
	share       float64
	batching    bool
}

// add counts the time from begin to end as busy.
func (l *load) add(begin, end int64) {
	l.busy += end - begin
	span := end - l.since
	if span < loadWindow {
		return
	}
	share := float64(l.busy) / float64(span)
	l.share += (min(share, 1) - l.share) / 2 // one odd window does not decide
	l.since, l.busy = end, 0
	switch {
	case l.share > batchAt:
		l.batching = true
	case l.share < unbatchAt:
		l.batching = false
	}
}

// rhythm is what a group remembers to decide when its viewers are served.
type rhythm struct {
	passed    int64 // when they last were
	lastVideo int64 // arrival of the newest picture
	videoGap  int64 // distance of the two newest pictures; 0 if there are none
	waiting   int64 // arrival of the oldest message that waits; 0 if none does
	sound     bool  // nothing but sound waits
	held      bool  // the group is in loop.held
}

// note takes in a message that was just pulled.
func (r *rhythm) note(m mark) {
	if r.waiting == 0 {
		r.waiting, r.sound = max(m.arrival, 1), true // of a forgotten message the arrival is 0
	}
	if m.kind == av.Audio {
		return
	}
	r.sound = false
	if m.kind == av.Video {
		if r.lastVideo != 0 {
			r.videoGap = m.arrival - r.lastVideo
		}
		r.lastVideo = m.arrival
	}
}

// due returns when the viewers of a group with rhythm r are to be served; what
// is not after now means at once.
func (l *loop) due(r *rhythm, now int64) int64 {
	switch interval := int64(l.limits.Interval); {
	case interval > 0:
		return r.passed + interval
	case !l.load.batching:
		return now
	}
	due := now
	steady := r.videoGap > 0 && r.videoGap <= slowVideo && now-r.lastVideo <= 2*slowVideo
	if r.sound && steady {
		due = r.waiting + audioWait
	}
	if l.load.share > spreadAt {
		spread := (l.load.share - spreadAt) / (1 - spreadAt) * float64(l.limits.MaxInterval)
		due = max(due, r.passed+int64(spread))
	}
	return due
}

// look pulls a group that was woken and serves or holds it.
func (l *loop) look(g *group) {
	g.dirty.Store(false)
	g.pull()
	if now := av.Now(); g.edge.ended || l.due(&g.rhythm, now) <= now {
		l.pass(g)
	} else if !g.rhythm.held {
		g.rhythm.held = true
		l.held = append(l.held, g)
	}
}

// serveHeld serves the held groups whose time has come and sets the timer for
// the others.
func (l *loop) serveHeld() {
	if len(l.held) == 0 {
		return
	}
	now, next := av.Now(), int64(0)
	kept := l.held[:0]
	for _, g := range l.held {
		switch due := l.due(&g.rhythm, now); {
		case g.rhythm.waiting == 0 || len(g.viewers) == 0: // served meanwhile
			g.rhythm.held = false
		case due <= now:
			g.rhythm.held = false
			l.pass(g)
		default:
			kept = append(kept, g)
			if next == 0 || due < next {
				next = due
			}
		}
	}
	clear(l.held[len(kept):])
	l.held = kept
	if next != 0 {
		l.timer.Reset(time.Duration(next - now))
	}
}
