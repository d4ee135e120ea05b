package hlsclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/ts"
)

const (
	// maxInit bounds an initialization section in bytes; they have about one
	// thousand.
	maxInit = 4 << 20
	// maxFailures is how many segments, or versions of a playlist, in a row may
	// be refused before playing ends.
	maxFailures = 3
)

// rendition plays one media playlist.
type rendition struct {
	number   int
	ctx      context.Context // of the client
	fetch    *fetcher
	options  *Options
	url      *url.URL // of the playlist
	base     *url.URL // where it came from last
	follower Follower

	sent     time.Time // the last request for the playlist
	queue    []Piece
	failures int
	init     initSection
	ts       *ts.Demuxer // of the segments since the last discontinuity; nil before the first
	unit     *unit       // being read, or nil
	timeline timeline

	head  *Packet // of Client.Next
	ended bool
}

// initSection is the one that was loaded last.
type initSection struct {
	Map
	data []byte
}

// before reports whether r's next packet belongs before that of o.
func (r *rendition) before(o *rendition) bool {
	a, b := r.head.Frame, o.head.Frame
	return a == nil || b != nil && a.DTS < b.DTS
}

// next returns the next packet of the rendition.
func (r *rendition) next() (Packet, error) {
	for {
		if r.unit == nil {
			if err := r.begin(); err != nil {
				return Packet{}, err
			}
		}
		p, err := r.unit.next()
		if err == nil {
			r.failures = 0
			return p, nil
		}
		if err == io.EOF {
			err = nil
		}
		if err = r.finish(err); err != nil {
			return Packet{}, err
		}
	}
}

// begin begins to read the next segment that has media.
func (r *rendition) begin() error {
	for {
		if len(r.queue) == 0 {
			if err := r.more(); err != nil {
				return err
			}
			continue
		}
		p := r.queue[0]
		switch {
		case p.Gap || p.URI == "":
			r.pass()
			if p.Gap {
				r.tell(SegmentLoad{Segment: p.Segment})
			}
			continue
		case p.Segment.Encryption != "":
			return reason.Wrap(reason.Unsupported, fmt.Errorf("segment %d is encrypted (%.20s), which cannot be read", p.Segment.Number, p.Segment.Encryption))
		}
		r.unit = &unit{rendition: r, load: SegmentLoad{Segment: p.Segment}, discontinuity: r.timeline.begin(p.Segment)}
		return nil
	}
}

// initialization returns the bytes of an initialization section, nil for none.
func (r *rendition) initialization(m *Map) ([]byte, error) {
	switch {
	case m == nil:
		return nil, nil
	case r.init.data != nil && *m == r.init.Map:
		return r.init.data, nil
	}
	u, err := resolve(r.base, m.URI)
	if err != nil {
		return nil, err
	}
	b, _, err := r.fetch.read(r.ctx, u, m.Range, maxInit)
	if err != nil {
		return nil, fmt.Errorf("initialization section %s: %w", path.Base(u.Path), err)
	}
	r.init = initSection{*m, b}
	return b, nil
}

// transportStream returns what reads the next segment of MPEG-TS from b. It goes on
// with what the segments before have told, on which a sloppy one depends.
func (r *rendition) transportStream(b io.Reader, discontinuity bool) *ts.Demuxer {
	if r.ts == nil || discontinuity {
		r.ts = ts.NewDemuxer(b)
	} else {
		r.ts.Continue(b)
	}
	return r.ts
}

// finish ends the segment that is being read because of err, nil at its end. It
// returns err if it is final: a segment that the server does not have is passed
// over.
func (r *rendition) finish(err error) error {
	u := r.unit
	r.unit = nil
	u.close()
	u.load.Err = err
	if u.last {
		r.timeline.end(u.load.Segment)
	}
	r.tell(u.load)
	var status *StatusError
	if !errors.As(err, &status) {
		return err
	}
	if r.failures++; r.failures >= maxFailures {
		return err
	}
	r.skip(u.load.Segment.Number)
	return nil
}

// tell hands a segment to who wants to know.
func (r *rendition) tell(l SegmentLoad) {
	if r.options.Segment != nil && r.ctx.Err() == nil { // else it was Close
		l.Rendition = r.number
		r.options.Segment(l)
	}
}

// pass takes a piece out of the queue that nothing is read of.
func (r *rendition) pass() {
	p := r.queue[0]
	r.queue = r.queue[1:]
	if p.Last {
		r.timeline.end(p.Segment)
	}
}

// skip takes the rest of a segment out of the queue, as far as it is there.
func (r *rendition) skip(number uint64) {
	for len(r.queue) > 0 && r.queue[0].Segment.Number == number {
		r.pass()
	}
}

// more loads the playlist when it is time to, once.
func (r *rendition) more() error {
	if r.follower.Ended() {
		return io.EOF
	}
	wait, query := r.follower.Reload()
	timer := time.NewTimer(wait - time.Since(r.sent))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
	return r.load(query)
}

// load loads the playlist. That a server has nothing new in time (6.2.5.2) is no
// error as long as it does not happen again and again.
func (r *rendition) load(query string) error {
	u := *r.url
	if query != "" && u.RawQuery != "" {
		query = u.RawQuery + "&" + query
	}
	if query != "" {
		u.RawQuery = query
	}
	r.sent = time.Now()
	b, base, err := r.fetch.read(r.ctx, &u, Range{}, maxPlaylist)
	l := PlaylistLoad{Sent: r.sent, Took: time.Since(r.sent), Bytes: len(b), Blocking: query != ""}
	if err == nil {
		r.base = base
		return r.take(string(b), l)
	}
	l.Err = err
	r.report(l)
	var status *StatusError
	if errors.As(err, &status) && status.Status >= http.StatusInternalServerError && r.follower.list != nil {
		if r.failures++; r.failures < maxFailures {
			return nil
		}
	}
	return fmt.Errorf("playlist %s: %w", path.Base(r.url.Path), err)
}

// take takes a version of the playlist in.
func (r *rendition) take(text string, l PlaylistLoad) error {
	if r.sent.IsZero() {
		r.sent = l.Sent
	}
	m, err := ParseMedia(text)
	if err == nil {
		missed, restarts := r.follower.Missed, r.follower.Restarts
		pieces := r.follower.Update(m)
		r.queue = append(r.queue, pieces...)
		l.Media, l.New, l.Missed, l.Restarted = m, len(pieces), r.follower.Missed-missed, r.follower.Restarts > restarts
	}
	l.Err = err
	r.report(l)
	if err != nil {
		return fmt.Errorf("playlist %s: %w", path.Base(r.url.Path), err)
	}
	return nil
}

func (r *rendition) report(l PlaylistLoad) {
	if r.options.Playlist != nil && r.ctx.Err() == nil {
		l.Rendition = r.number
		r.options.Playlist(l)
	}
}
