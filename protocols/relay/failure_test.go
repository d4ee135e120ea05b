package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
)

// TestSlowFailures: sources that take longer to fail than the longest pause count as
// failures too.
func TestSlowFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) {
			cameras("test://a", "test://b")(c)
			c.MaxDelay = config.Duration(2 * time.Second)
			c.Pulls[0].Retry = 1
		})
		r.hangs("test://a", true)
		r.hangs("test://b", true)
		defer r.watch("cam/1")()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got, i := r.asked(), r.pull("cam/1"); got != "test://a test://b test://a test://b" || i.State != Failed {
			t.Errorf("asked for %q, %+v", got, i)
		}
	})
}

// TestOnlyPromises: a source that only says what it is going to send makes no stream,
// and is left in time.
func TestOnlyPromises(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://a", "test://b"))
		defer r.watch("cam/1")()
		synctest.Wait()
		for range 9 {
			r.now().parts <- Part{Announces: true, Bytes: 10}
			r.now().parts <- Part{Why: "unknown tag type", Bytes: 10}
			time.Sleep(time.Second)
		}
		if s := r.host.Bus.Stream("cam/1"); s != nil || r.pull("cam/1").State != Connecting {
			t.Errorf("a stream without media: %+v", r.pull("cam/1"))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := r.asked(); got != "test://a test://b" {
			t.Errorf("asked for %q", got)
		}
		r.now().parts <- Part{Announces: true, Metadata: av.Metadata{{Name: "title", Value: "b"}}}
		r.now().send(0)
		synctest.Wait()
		if s := r.host.Bus.Stream("cam/1"); s == nil || len(s.Layout().Metadata) != 1 {
			t.Error("what was said before the media is lost")
		}
	})
}

// TestUnanswered: what is told of a connection that failed.
func TestUnanswered(t *testing.T) {
	const timeout = time.Second
	live, over := t.Context(), func(cause error) context.Context {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		return ctx
	}
	expired, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	early := fmt.Errorf("dial: %w", &net.DNSError{Err: "i/o timeout", IsTimeout: true})
	tests := []struct {
		name string
		ctx  context.Context
		err  error
		says string
		why  reason.Reason
	}{
		{"refused", live, errors.New("refused"), "refused", ""},
		{"expired", expired, errors.New("closed"), "the source did not answer within 1s", reason.HandshakeTimeout},
		{"the socket knows first", live, early, "the source did not answer within 1s", reason.HandshakeTimeout},
		{"not wanted", over(errIdle), early, errIdle.Error(), reason.NoViewers},
		{"long", live, reason.Wrap(reason.BadMedia, errors.New(strings.Repeat("é", maxTold))), strings.Repeat("é", maxTold/2) + "…", reason.BadMedia},
	}
	for _, tt := range tests {
		err := unanswered(tt.ctx, tt.err, "source", timeout)
		if err == nil || err.Error() != tt.says || reason.Of(err, "") != tt.why {
			t.Errorf("%s: %v (%s), want %s (%s)", tt.name, err, reason.Of(err, ""), tt.says, tt.why)
		}
	}
	if err := unanswered(expired, nil, "source", timeout); err != nil {
		t.Error(err)
	}
}
