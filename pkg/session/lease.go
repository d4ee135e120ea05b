package session

import (
	"context"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
)

const (
	// renewTimeout bounds the wait for the answer whether a session may go on.
	renewTimeout = 10 * time.Second
	// renewPause is the least time between two such questions: an answer that is
	// over at once must not keep anybody busy, and who gives none is asked again, more
	// and more seldom up to longestPause: thousands of sessions may have none.
	renewPause   = time.Second
	longestPause = 30 * time.Second
)

// renewInTime makes the session ask when what allows it expires. The caller holds
// the lock.
func (s *Session) renewInTime() {
	if s.grant.Renew != nil && !s.grant.Expires.IsZero() {
		s.renewAfter(time.Until(s.grant.Expires))
	}
}

// renewAfter makes the session ask after some time. The caller holds the lock.
func (s *Session) renewAfter(d time.Duration) {
	if s.lease != nil {
		s.lease.Stop()
	}
	s.lease = time.AfterFunc(max(d, renewPause), s.renew)
}

// renew asks whether the session may go on: the answer no ends it, no answer does
// not.
func (s *Session) renew() {
	r := s.registry
	r.mu.Lock()
	ask := s.grant.Renew
	r.mu.Unlock()
	if ask == nil {
		return // it lasts, since somebody else has asked meanwhile
	}
	ctx, cancel := context.WithTimeout(r.life, renewTimeout)
	defer cancel()
	g, err := ask(ctx)
	if reason.Of(err, "") == reason.Unauthorized {
		r.killFor(s.id, reason.Revoked, err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case s.closed:
	case err != nil:
		s.pause = min(max(2*s.pause, renewPause), longestPause)
		s.renewAfter(s.pause)
	default:
		s.grant, s.pause = g, 0
		s.renewInTime()
	}
}

// rechecking is how many sessions Recheck asks about at once. A service that answers
// after 50 ms is asked about 320 a second; of passwords fewer are hashed at once anyway.
const rechecking = 16

// Recheck asks for every session whether it may go on, after what allows it has
// changed. It does not wait for the answers, and asks about a few at a time. If it is
// called again before, it begins anew.
func (r *Registry) Recheck() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rechecks++
	c := &recheck{registry: r, number: r.rechecks}
	for e := r.order.Front(); e != nil; e = e.Next() {
		if s := e.Value.(*Session); s.grant.Renew != nil {
			c.due = append(c.due, s)
		}
	}
	for range min(rechecking, len(c.due)) {
		go c.run()
	}
}

// recheck is what one Recheck does.
type recheck struct {
	registry *Registry
	number   uint64
	due      []*Session // guarded by registry.mu
}

func (c *recheck) run() {
	for s := c.next(); s != nil; s = c.next() {
		s.renew()
	}
}

// next returns the next session to ask about, nil if there is none or another recheck
// has begun.
func (c *recheck) next() *Session {
	r := c.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(c.due) > 0 && c.number == r.rechecks && !r.stopping {
		s := c.due[0]
		c.due = c.due[1:]
		if !s.closed {
			return s
		}
	}
	return nil
}

// recheckLate asks about a session that was let in by who has been exchanged since: a
// Recheck may have missed it.
func (s *Session) recheckLate(g auth.Grant) {
	if g.Outdated != nil && g.Outdated() {
		go s.renew()
	}
}
