package reconnect

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

func TestReconnector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var delays []time.Duration
		r := Reconnector{MinDelay: time.Second, MaxDelay: 4 * time.Second, Failed: func(err error, delay time.Duration) {
			if err != io.ErrUnexpectedEOF {
				t.Errorf("told of %v", err)
			}
			delays = append(delays, delay)
		}}
		sessions := 0
		err := r.Run(context.Background(), func(context.Context) error {
			switch sessions++; sessions {
			case 6:
				time.Sleep(4 * time.Second) // long enough to start anew
			case 7:
				return nil
			}
			return io.ErrUnexpectedEOF
		})
		if err != nil || sessions != 7 {
			t.Fatalf("%d sessions, %v", sessions, err)
		}
		for i, longest := range []time.Duration{1, 2, 4, 4, 4, 1} {
			if longest *= time.Second; delays[i] < longest/2 || delays[i] > longest {
				t.Errorf("delay %d is %v, want %v to %v", i, delays[i], longest/2, longest)
			}
		}
	})
}

type refusal bool

func (r refusal) Error() string   { return "refused" }
func (r refusal) Permanent() bool { return bool(r) }

func TestReconnectorGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Minute, io.ErrClosedPipe)
		defer cancel()
		run := func(err error) error {
			return Reconnector{}.Run(ctx, func(context.Context) error { return err })
		}
		hopeless := fmt.Errorf("wrapped: %w", refusal(true))
		if err := run(hopeless); !errors.Is(err, hopeless) || ctx.Err() != nil {
			t.Errorf("got %v", err)
		}
		untrusted := &tls.CertificateVerificationError{Err: io.ErrNoProgress}
		if err := run(untrusted); !errors.Is(err, untrusted) || ctx.Err() != nil {
			t.Errorf("got %v", err)
		}
		if err := run(refusal(false)); err != io.ErrClosedPipe {
			t.Errorf("got %v, want the context's cause", err)
		}
	})
}
