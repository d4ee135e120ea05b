package rtmp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/weirmedia/weir/protocols/rtmp/message"
)

// ReconnectRequest is a server's wish that its client connects again, since it
// is about to stop or another server suits better (Enhanced RTMP, version 2,
// section "Reconnect Request"). Until the client does, the stream goes on.
type ReconnectRequest struct {
	// URL is where to Publish or Play now, the key included. It may be the same
	// as before. It may hold a secret and should not be logged whole.
	URL         string
	Description string // for people; may be empty
}

// ReconnectRequested delivers what the server asks for, the newest only. A good
// moment to obey is before a key frame, with a new client. Who does not obey is
// cut off sooner or later. It is safe for concurrent use.
func (c *client) ReconnectRequested() <-chan ReconnectRequest { return c.reconnect }

// requested takes note of a request. Only the reading goroutine calls it.
func (c *client) requested(s message.Status) {
	target := c.url
	if tcURL := s.More.String("tcUrl"); tcURL != "" {
		other, err := c.url.elsewhere(tcURL)
		if err != nil {
			return // the wish cannot be granted; the stream goes on
		}
		target = other
	}
	select {
	case <-c.reconnect:
	default:
	}
	c.reconnect <- ReconnectRequest{URL: target.String(), Description: s.Description}
}

const (
	defaultMinDelay = time.Second
	defaultMaxDelay = 30 * time.Second
)

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
// trying again cannot help: a *URLError, or a certificate that is not trusted.
// If ctx ends between two sessions, the error is ctx's cause.
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
		wait := delay - rand.N(delay/2+1) //nolint:gosec // spreading clients needs no secrecy
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

// hopeless reports whether trying again cannot help. A refusal may: streams are
// busy, and servers begin without their streams.
func hopeless(err error) bool {
	var badURL *URLError
	var untrusted *tls.CertificateVerificationError
	return errors.As(err, &badURL) || errors.As(err, &untrusted)
}
