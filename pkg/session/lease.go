package session

import (
	"context"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

const (
	// renewTimeout bounds the wait for the answer whether a session may go on.
	renewTimeout = 10 * time.Second
	// renewPause is the least time between two such questions: an answer that is
	// over at once must not keep anybody busy, and who gives none is asked again.
	renewPause = time.Second
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
	ctx, cancel := context.WithTimeout(context.Background(), renewTimeout)
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
		s.renewAfter(renewPause)
	default:
		s.grant = g
		s.renewInTime()
	}
}

// Recheck asks for every session whether it may go on, after what allows it has
// changed. It does not wait for the answers.
func (r *Registry) Recheck() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sessions {
		if s.grant.Renew != nil {
			go s.renew()
		}
	}
}
