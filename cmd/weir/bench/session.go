package bench

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// state is how far a session has come.
type state uint8

const (
	idle       state = iota // not started
	connecting              // and waiting for the stream
	up                      // the server has accepted it
	failed                  // it ended before there was media
	cut                     // it ended by itself, with media
	stopped                 // the run was over
)

// errNotReached is why a session failed that was still connecting when the run
// ended.
var errNotReached = errors.New("still connecting when the run ended")

// session is one publisher or player and what became of it. Safe for
// concurrent use.
type session struct {
	url   string
	bytes atomic.Uint64 // received or sent

	mu                    sync.Mutex
	state                 state
	began, connected, end time.Time
	picture               time.Duration // from began to the first picture; 0: none yet
	err                   error         // why it failed or was cut
}

func (s *session) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.began = connecting, time.Now()
}

func (s *session) connect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.connected = up, time.Now()
}

func (s *session) firstPicture(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.picture = at.Sub(s.began)
}

// finish ends the session: because the run is over, or by itself because of
// err.
func (s *session) finish(over bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end = time.Now()
	switch {
	case over && s.state == up:
		s.state = stopped
	case over:
		s.state, s.err = failed, errNotReached
	case s.state == up && s.bytes.Load() > 0:
		s.state, s.err = cut, err
	default:
		s.state, s.err = failed, err
	}
}

// outcome is a copy of what a session knows.
type outcome struct {
	state                 state
	began, connected, end time.Time
	picture               time.Duration
	err                   error
	bytes                 uint64
}

func (s *session) outcome() outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	return outcome{s.state, s.began, s.connected, s.end, s.picture, s.err, s.bytes.Load()}
}
