package auth

import (
	"context"
	"sync"
)

// Switch decides by a Chain that can be exchanged while it runs: every question, and
// whether what was granted goes on, is decided by the chain of the moment. Failed
// attempts are counted across exchanges. Safe for concurrent use.
type Switch struct {
	options Options

	mu      sync.Mutex
	current *turn
}

// turn is the time of one chain. Its fields are guarded by Switch.mu.
type turn struct {
	chain *Chain
	users int  // questions that it is deciding
	over  bool // it is closed when there are no users
}

var _ Authorizer = (*Switch)(nil)

// NewSwitch returns a Switch with the chain of c. Errors are those of NewChain.
func NewSwitch(c Config, o Options) (*Switch, error) {
	first, err := NewChain(c, o)
	if err != nil {
		return nil, err
	}
	return &Switch{options: o, current: &turn{chain: first}}, nil
}

// Prepare returns a chain of c for Use. Errors are those of NewChain.
func (s *Switch) Prepare(c Config) (*Chain, error) {
	s.mu.Lock()
	o := s.options
	o.before = s.current.chain
	s.mu.Unlock()
	return NewChain(c, o)
}

// Use decides by c from now on, which Prepare made, and closes the chain before once
// nobody waits for its answer.
func (s *Switch) Use(c *Chain) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(s.current)
	s.current = &turn{chain: c}
}

// Close gives back what the chain of the moment holds. Nothing may be asked then.
func (s *Switch) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(s.current)
}

// end lets a turn end. The caller holds the lock.
func (s *Switch) end(t *turn) {
	t.over = true
	if t.users == 0 {
		t.chain.Close()
	}
}

// Authorize implements Authorizer.
func (s *Switch) Authorize(ctx context.Context, r Request) (Grant, error) {
	return s.decide(ctx, r, nil, nil)
}

// decide asks again, as the chain of the turn by knows how to, or if that is over the
// chain of the moment.
func (s *Switch) decide(ctx context.Context, r Request, by *turn, again func(context.Context) (Grant, error)) (Grant, error) {
	t := s.enter()
	defer s.leave(t)
	var g Grant
	var err error
	if t == by {
		g, err = again(ctx)
	} else {
		g, err = t.chain.Authorize(ctx, r)
	}
	if err != nil {
		return g, err
	}
	r.goesOn = true
	next := g.Renew
	g.Renew = func(ctx context.Context) (Grant, error) { return s.decide(ctx, r, t, next) }
	g.Outdated = func() bool { return s.isOver(t) }
	return g, nil
}

func (s *Switch) enter() *turn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current.users++
	return s.current
}

func (s *Switch) leave(t *turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.users--
	if t.over && t.users == 0 {
		t.chain.Close()
	}
}

func (s *Switch) isOver(t *turn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return t.over
}
