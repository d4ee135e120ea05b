package metrics

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
)

// authBounds are the upper bounds in seconds of how long an authorizer thinks: a
// look at a list, a hash of a password, a service far away that is slow.
var authBounds = [...]float64{.0001, .001, .01, .05, .1, .5, 1, 5, 10}

// What an authorizer answered.
const (
	authAllowed    = "allowed"
	authMissing    = "no_credentials"    // which are needed
	authWrong      = "wrong_credentials" // or some that are not good for this
	authForbidden  = "forbidden"         // no other credentials would help
	authLimited    = "limited"           // too many wrong passwords, or questions at once
	authUnanswered = "unanswered"        // the operator's service, say, cannot be reached
)

// Auth is an authorizer that counts the answers of another. Its Authorize is asked
// with protocols of the program's own, never with names that a peer chose: they
// become labels. Safe for concurrent use.
type Auth struct {
	next    auth.Authorizer
	buckets [len(authBounds) + 1]atomic.Uint64
	sum     atomic.Int64 // ns

	mu      sync.Mutex
	answers map[authAnswer]uint64
}

var _ auth.Authorizer = (*Auth)(nil)

type authAnswer struct{ protocol, outcome string }

// CountAuth returns an authorizer that counts what next answers.
func CountAuth(next auth.Authorizer) *Auth {
	return &Auth{next: next, answers: make(map[authAnswer]uint64)}
}

// Authorize implements auth.Authorizer. Answers to Grant.Renew are not counted.
func (a *Auth) Authorize(ctx context.Context, r auth.Request) (auth.Grant, error) {
	began := time.Now()
	g, err := a.next.Authorize(ctx, r)
	took := time.Since(began)
	i := 0
	for i < len(authBounds) && took.Seconds() > authBounds[i] {
		i++
	}
	a.buckets[i].Add(1)
	a.sum.Add(int64(took))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[authAnswer{r.Protocol, outcome(r, err)}]++
	return g, err
}

// outcome names the answer err to r.
func outcome(r auth.Request, err error) string {
	var denied *auth.Denied
	switch {
	case err == nil:
		return authAllowed
	case reason.Of(err, "") == reason.LimitReached:
		return authLimited
	case !errors.As(err, &denied):
		return authUnanswered
	case !denied.Authenticate:
		return authForbidden
	case r.Credentials == auth.Credentials{}:
		return authMissing
	}
	return authWrong
}

// authFamilies show an Auth.
type authFamilies struct{ answers, time *family }

func newAuthFamilies(c *catalogue) *authFamilies {
	return &authFamilies{
		answers: c.add(counter, "auth_answers_total", "Questions whether somebody may do something, by answer.", "protocol", "outcome"),
		time:    c.add(histogram, "auth_seconds", "Time until such a question was answered."),
	}
}

func (f *authFamilies) collect(out chan<- prometheus.Metric, a *Auth) {
	a.mu.Lock()
	for of, n := range a.answers {
		emit(out, f.answers, n, of.protocol, of.outcome)
	}
	a.mu.Unlock()
	emitHistogram(out, f.time, authBounds[:], func(i int) uint64 { return a.buckets[i].Load() }, time.Duration(a.sum.Load()))
}
