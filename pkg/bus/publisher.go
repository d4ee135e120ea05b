package bus

import (
	"errors"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// ErrRevoked is what a publisher's methods return once it was closed, taken
// over or ended.
var ErrRevoked = errors.New("no longer the publisher of this stream")

// Publisher is the handle by which one session writes a stream. Its methods
// are called by one goroutine at a time, Close by any.
type Publisher struct {
	stream    *Stream
	kill      func(reason.Reason)
	refresh   func()       // nil if it cannot be asked
	witness   Witness      // nil for nobody
	lastFrame atomic.Int64 // av.Now() of the newest frame

	// Guarded by stream.mu.
	named   bool // the layout is of this publisher
	began   bool // a frame of this publisher was accepted
	firstAt int64
	keyed   bool // a video key frame was seen
	started bool // viewers may begin at one of its frames
	// refreshed is av.Now() of the newest time that it was asked for a key frame.
	refreshed int64
}

// Stream returns the stream that p writes.
func (p *Publisher) Stream() *Stream { return p.stream }

// do runs f under the stream's lock if p is still the publisher. The lock does not
// outlast a panic of f, which costs the publisher's session only.
func (p *Publisher) do(f func(s *Stream)) error {
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pub != p {
		return ErrRevoked
	}
	f(s)
	return nil
}

// Hint announces kinds of tracks that will come, before they do.
func (p *Publisher) Hint(kinds [av.Kinds]bool) error {
	return p.do(func(s *Stream) {
		if !p.named || s.layout.Load().Hinted != kinds {
			s.setLayout(func(l *av.Layout) {
				p.begin(l)
				l.Hinted = kinds
				l.Ready = l.Ready || settled(l)
			})
		}
	})
}

// SetMetadata replaces what the publisher says about its stream.
func (p *Publisher) SetMetadata(m av.Metadata) error {
	return p.do(func(s *Stream) {
		if !p.named || !slices.Equal(s.layout.Load().Metadata, m) {
			s.setLayout(func(l *av.Layout) {
				p.begin(l)
				l.Metadata = m
			})
		}
	})
}

// SetTrack adds t or replaces the track of the same ID. A track equal to the
// present one changes nothing.
func (p *Publisher) SetTrack(t *av.Track) error {
	return p.do(func(s *Stream) {
		if p.named && hasTrack(s.layout.Load(), t) {
			return
		}
		s.setLayout(func(l *av.Layout) {
			p.begin(l)
			tracks := slices.DeleteFunc(slices.Clone(l.Tracks), func(o *av.Track) bool { return o.ID == t.ID })
			tracks = append(tracks, t)
			slices.SortFunc(tracks, func(a, b *av.Track) int { return a.ID - b.ID })
			l.Tracks = tracks
			l.Ready = l.Ready || settled(l)
		})
	})
}

// begin forgets the previous publisher's layout at the first word of this one.
func (p *Publisher) begin(l *av.Layout) {
	if !p.named {
		p.named = true
		*l = av.Layout{}
	}
}

func hasTrack(l *av.Layout, t *av.Track) bool {
	return slices.ContainsFunc(l.Tracks, func(o *av.Track) bool {
		return reflect.DeepEqual(o, t)
	})
}

// settled reports whether kinds were hinted and each has a track.
func settled(l *av.Layout) bool {
	if !slices.Contains(l.Hinted[:], true) {
		return false
	}
	for k, want := range l.Hinted {
		if want && l.First(av.Kind(k)) == nil {
			return false
		}
	}
	return true
}

// Write publishes f, which belongs to the stream from then on. Its times are
// the publisher's; Write moves them to the stream's timeline. Video before the
// publisher's first key frame cannot be decoded and is dropped.
func (p *Publisher) Write(f *av.Frame) error {
	taken := false
	if err := p.do(func(s *Stream) { taken = p.take(s, f) }); err != nil {
		return err
	}
	if taken {
		p.stream.plain.wake()
	}
	return nil
}

// take adds f to the stream, unless it is too early. The caller locks.
func (p *Publisher) take(s *Stream, f *av.Frame) bool {
	p.lastFrame.Store(f.Arrival)
	if f.Track.Kind == av.Video && !p.keyed {
		if !f.Key || !s.layout.Load().Leads(f.Track) {
			s.stats.early++
			return false
		}
		p.keyed = true
	}
	s.timeline.place(f)
	p.settle(f)
	f.Layout = s.layout.Load()
	s.stats.count(f)
	if start := s.plain.insert(f); start && !p.started {
		p.started = true
		if p.witness != nil {
			p.witness.FrameKnown()
		}
	}
	return true
}

// settle declares the layout ready after enough media without the hinted track.
func (p *Publisher) settle(f *av.Frame) {
	s := p.stream
	if !p.began {
		p.began, p.firstAt = true, f.DTS
	}
	if l := s.layout.Load(); !l.Ready && f.DTS-p.firstAt >= int64(s.plain.limits.Settle) {
		s.setLayout(func(l *av.Layout) { l.Ready = true })
	}
}

// checkSilence runs when the publisher may have been silent for too long.
func (p *Publisher) checkSilence() {
	s := p.stream
	s.mu.Lock()
	if s.pub != p {
		s.mu.Unlock()
		return
	}
	silent := time.Duration(av.Now() - p.lastFrame.Load())
	left := s.bus.limitsOf(s.name).PublishTimeout - silent
	if left > 0 {
		s.arm(left, p.checkSilence)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	p.kill(reason.PublishTimeout)
}

// Close gives the stream up; its grace period begins. It may be called
// repeatedly and after a takeover.
func (p *Publisher) Close() { p.stream.leave(p) }

// End ends the stream at once, without a grace period, if p is still the
// publisher. Close is to be called after it all the same.
func (p *Publisher) End(why reason.Reason) {
	p.stream.end(why, func() bool { return p.stream.pub == p })
}
