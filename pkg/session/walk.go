package session

import (
	"iter"
	"slices"
)

// walkStep is how many sessions are looked at before somebody else gets the lock:
// 10,000 at once hold it for 0.5 ms (BenchmarkAll10000), longer on a busy machine, in
// which no session could begin or end; so many hold it for 6 µs.
const walkStep = 128

// all returns the sessions that are there, oldest first. The caller holds the lock.
func (r *Registry) all() []*Session {
	out := make([]*Session, 0, len(r.sessions))
	for e := r.order.Front(); e != nil; e = e.Next() {
		out = append(out, e.Value.(*Session))
	}
	return out
}

// walk calls see for each of list, with the lock, which is given away now and then;
// some may have closed meanwhile. After each step it calls rest without the lock,
// until that returns false.
func (r *Registry) walk(list []*Session, see func(*Session), rest func() bool) {
	for step := range slices.Chunk(list, walkStep) {
		r.mu.Lock()
		for _, s := range step {
			see(s)
		}
		r.mu.Unlock()
		if rest != nil && !rest() {
			return
		}
	}
}

// each calls see for each session, oldest first, with the lock. What begins
// meanwhile is left out, and what ends before its turn.
func (r *Registry) each(see func(*Session)) {
	r.mu.Lock()
	list := r.all()
	r.mu.Unlock()
	r.walk(list, func(s *Session) {
		if !s.closed {
			see(s)
		}
	}, nil)
}

// All returns the sessions, oldest first, each as it is at its turn. What begins
// meanwhile is left out, and what ends before its turn. Nobody who opens or closes
// sessions waits until all were looked at.
func (r *Registry) All() iter.Seq[Snapshot] {
	return func(yield func(Snapshot) bool) {
		r.mu.Lock()
		list := r.all()
		r.mu.Unlock()
		step := make([]Snapshot, 0, walkStep)
		r.walk(list, func(s *Session) {
			if !s.closed {
				step = append(step, s.snapshot())
			}
		}, func() bool {
			for _, s := range step {
				if !yield(s) {
					return false
				}
			}
			step = step[:0]
			return true
		})
	}
}

// List returns all sessions, oldest first, as All does.
func (r *Registry) List() []Snapshot {
	r.mu.Lock()
	n := len(r.sessions)
	r.mu.Unlock()
	return slices.AppendSeq(make([]Snapshot, 0, n), r.All())
}
