// Package reconnect begins sessions with servers anew when they fail.
package reconnect

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	defaultMinDelay = time.Second
	defaultMaxDelay = 30 * time.Second
)

// Permanent is implemented by errors that can tell that trying again cannot
// help.
type Permanent interface {
	error
	Permanent() bool
}

// Reconnector keeps a session going: it begins a new one when one fails, after
// a delay that doubles with each failure in a row. Delays are shortened by up to
// half at random, so that the clients of a server that was restarted do not come
// back all at once. The zero value is usable.
type Reconnector struct {
	// MinDelay is the first delay, MaxDelay the longest; 0 means 1 s and 30 s. A
	// session that has lasted for MaxDelay ends a row of failures.
	MinDelay, MaxDelay time.Duration
	// Failed, if not nil, is told why a session failed and when the next begins.
	Failed func(err error, delay time.Duration)
}

// Run calls session, which typically calls Publish or Play and then works until
// that fails, until it returns nil. Run gives up, with session's error, if
// trying again cannot help: an error that is Permanent, such as a *URLError, or a
// certificate that is not trusted. If ctx ends between two sessions, the error is
// ctx's cause.
func (r Reconnector) Run(ctx context.Context, session func(context.Context) error) error {
	first, longest := max(0, cmp.Or(r.MinDelay, defaultMinDelay)), max(0, cmp.Or(r.MaxDelay, defaultMaxDelay))
	delay := first
	for ctx.Err() == nil {
		began := time.Now()
		err := session(ctx)
		if err == nil || hopeless(err) {
			return err
		}
		if time.Since(began) >= longest {
			delay = first
		}
		wait := Spread(delay)
		delay = min(2*delay, longest)
		if r.Failed != nil && ctx.Err() == nil {
			r.Failed(err, wait)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	return context.Cause(ctx)
}

// Spread returns the delay, shortened by up to half at random.
func Spread(delay time.Duration) time.Duration {
	return delay - rand.N(delay/2+1) //nolint:gosec // spreading clients needs no secrecy
}

// hopeless reports whether trying again cannot help. A refusal may: streams are
// busy, and servers begin without their streams.
func hopeless(err error) bool {
	var permanent Permanent
	var untrusted *tls.CertificateVerificationError
	return errors.As(err, &permanent) && permanent.Permanent() || errors.As(err, &untrusted)
}
