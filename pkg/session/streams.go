package session

import (
	"sync/atomic"

	"github.com/weirmedia/weir/pkg/reason"
)

// streamGroup holds what the sessions of one stream share. It is there while there
// is one. Guarded by the registry's lock, but for skips.
type streamGroup struct {
	open   int
	closed Counts // of the sessions that have closed
	skips  atomic.Pointer[tally]
}

// skipped counts a skip. Most streams have none, so there is a tally once there is
// one.
func (g *streamGroup) skipped(why reason.Reason) {
	t := g.skips.Load()
	if t == nil {
		fresh := newTally()
		if !g.skips.CompareAndSwap(nil, &fresh) {
			t = g.skips.Load()
		} else {
			t = &fresh
		}
	}
	t.add(why)
}

// joinStream makes s one of the sessions of its stream. The caller holds the lock.
func (r *Registry) joinStream(s *Session) {
	s.stream = r.streams[s.info.Stream]
	if s.stream == nil {
		s.stream = &streamGroup{}
		r.streams[s.info.Stream] = s.stream
	}
	s.stream.open++
}

// leaveStream undoes joinStream and keeps what s counted. The caller holds the lock.
func (r *Registry) leaveStream(s *Session, final Counts) {
	s.stream.closed.add(final)
	if s.stream.open--; s.stream.open == 0 {
		delete(r.streams, s.info.Stream)
	}
}

// StreamTotals adds up the sessions of one stream since somebody was there without
// interruption: when the last has closed, the counts begin anew.
type StreamTotals struct {
	Publishers int            // now
	Viewers    map[string]int // by protocol, now; waiting ones are left out
	Counts
	Skips map[reason.Reason]uint64
}

// StreamTotals returns the totals of these streams. Those that nobody publishes,
// watches or waits for have none.
func (r *Registry) StreamTotals(streams []string) map[string]*StreamTotals {
	out := make(map[string]*StreamTotals, len(streams))
	groups := make(map[*streamGroup]*StreamTotals, len(streams))
	r.mu.Lock()
	for _, name := range streams {
		if g := r.streams[name]; g != nil {
			t := &StreamTotals{Viewers: make(map[string]int), Counts: g.closed, Skips: map[reason.Reason]uint64{}}
			if skips := g.skips.Load(); skips != nil {
				t.Skips = skips.load()
			}
			out[name], groups[g] = t, t
		}
	}
	list := r.all()
	r.mu.Unlock()
	r.walk(list, func(s *Session) {
		t := groups[s.stream]
		if t == nil {
			return
		}
		t.Counts.add(s.counts())
		switch {
		case s.closed:
		case s.info.Action == Publish:
			t.Publishers++
		case s.info.Action == Play && s.state == Active:
			t.Viewers[s.info.Protocol]++
		}
	}, nil)
	return out
}
