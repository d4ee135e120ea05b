package bus

import (
	"context"
	"slices"
	"sync"
)

// Watch tells of streams that begin, lose their publisher, get one again, by
// takeover too, and end. Nobody waits for its reader: a stream that changed several
// times meanwhile is told of once, with its newest state, be it the one that was told
// before. Next is used by one goroutine at a time.
type Watch struct {
	bus    *Bus
	signal chan struct{}

	mu     sync.Mutex
	queue  []*Stream // to look at, oldest change first
	queued map[*Stream]bool
	told   map[*Stream]phase // of those that have not been told to have ended
}

// phase is a state in a stream's life: Live by another publisher is another phase.
type phase struct {
	state State
	turn  uint64
}

// Event is a stream and the state that it has now.
type Event struct {
	Stream *Stream
	State  State
}

// Watch returns a watch that begins with the streams that are there. It must be
// closed.
func (b *Bus) Watch() *Watch {
	w := &Watch{bus: b, signal: make(chan struct{}, 1), queued: make(map[*Stream]bool), told: make(map[*Stream]phase)}
	b.mu.Lock()
	list := append(slices.Clone(*b.watches.Load()), w)
	b.watches.Store(&list)
	b.mu.Unlock()
	for _, s := range b.Streams() {
		w.note(s)
	}
	return w
}

// Close ends the watch. A Next that waits keeps waiting for its context.
func (w *Watch) Close() {
	b := w.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(*b.watches.Load()), func(other *Watch) bool { return other == w })
	b.watches.Store(&list)
}

// changed tells the watches to look at s.
func (b *Bus) changed(s *Stream) {
	for _, w := range *b.watches.Load() {
		w.note(s)
	}
}

func (w *Watch) note(s *Stream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, told := w.told[s]
	switch {
	case !told && s.State() == Ended: // or streams would pile up for a reader that does not read
		w.queue = slices.DeleteFunc(w.queue, func(other *Stream) bool { return other == s })
		delete(w.queued, s)
	case !w.queued[s]:
		w.queue, w.queued[s] = append(w.queue, s), true
		select {
		case w.signal <- struct{}{}:
		default:
		}
	}
}

// Next returns the next event and waits for one until ctx ends. The first of a
// stream says Live or Grace; after Ended there is none. A stream that ended
// before it was told of is left out.
func (w *Watch) Next(ctx context.Context) (Event, error) {
	for {
		if e, ok := w.poll(); ok {
			return e, nil
		}
		select {
		case <-w.signal:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}

// poll returns what can be told without waiting.
func (w *Watch) poll() (Event, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) > 0 {
		s := w.queue[0]
		w.queue = slices.Delete(w.queue, 0, 1)
		delete(w.queued, s)
		now := s.phase()
		before, told := w.told[s]
		switch {
		case now == before, now.state == Ended && !told:
			continue
		case now.state == Ended:
			delete(w.told, s)
		default:
			w.told[s] = now
		}
		return Event{s, now.state}, true
	}
	return Event{}, false
}

// State returns where the stream is in its life.
func (s *Stream) State() State { return s.phase().state }

func (s *Stream) phase() phase {
	s.mu.Lock()
	defer s.mu.Unlock()
	return phase{s.state, s.turn}
}
