package bus

import (
	"io"
	"sync"
	"time"
)

// sharedSet holds what is derived from a view: made on first demand, shared,
// and closed a while after the last user gave it back.
type sharedSet struct {
	linger time.Duration

	mu     sync.Mutex
	values map[any]*sharedValue
	ended  bool
}

type sharedValue struct {
	value  io.Closer
	users  int
	timer  *time.Timer
	closed bool
}

// Breakable is what a shared value implements if it can fail while it is used.
// A broken one is left to its users and not handed out any more.
type Breakable interface {
	// Broken reports that the value is of no more use. It must not block.
	Broken() bool
}

// Acquire returns what is derived from v under key, calling create if nobody
// has it yet or if it is broken (see Breakable). release gives it back and may be called repeatedly; a while after
// the last release the value is closed. create runs under the view's lock of
// derived values: it must be quick and must not call Acquire on the same view.
func Acquire[T io.Closer](v *View, key any, create func() (T, error)) (value T, release func(), err error) {
	s := &v.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.values[key]
	if e == nil || e.broken() {
		if value, err = create(); err != nil {
			return value, nil, err
		}
		if s.values == nil {
			s.values = make(map[any]*sharedValue)
		}
		if e != nil && e.users == 0 {
			s.drop(key, e)
		}
		e = &sharedValue{value: value}
		s.values[key] = e
	}
	e.users++
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
	var once sync.Once
	return e.value.(T), func() { once.Do(func() { s.release(key, e) }) }, nil
}

func (s *sharedSet) release(key any, e *sharedValue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.users--; e.users > 0 {
		return
	}
	if s.ended || s.linger <= 0 {
		s.drop(key, e)
		return
	}
	e.timer = time.AfterFunc(s.linger, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if e.users == 0 {
			s.drop(key, e)
		}
	})
}

// end closes what nobody uses and stops lingering.
func (s *sharedSet) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for key, e := range s.values {
		if e.users == 0 {
			s.drop(key, e)
		}
	}
}

func (s *sharedSet) drop(key any, e *sharedValue) {
	if s.values[key] == e { // not if it broke and was replaced
		delete(s.values, key)
	}
	if e.timer != nil {
		e.timer.Stop() // or it would keep what is closed now alive for the linger
		e.timer = nil
	}
	if !e.closed {
		e.closed = true
		_ = e.value.Close() // nobody is left who could be told
	}
}

func (e *sharedValue) broken() bool {
	b, ok := e.value.(Breakable)
	return ok && b.Broken()
}
