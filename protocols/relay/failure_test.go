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

// TestWrongPassword: however viewers come and go, a source that refuses the credentials
// is left alone, since cameras lock out who tries often; and it is not asked when nobody
// is there.
func TestWrongPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) {
			cameras("test://a")(c)
			c.MaxDelay = config.Duration(10 * time.Minute)
		})
		r.refuses("test://a", reason.Wrap(reason.Unauthorized, errors.New("wrong password")))
		for range 14 { // not yet half of it
			leave := r.watch("cam/1")
			time.Sleep(time.Second)
			leave()
			time.Sleep(19 * time.Second)
		}
		if got, i := r.asked(), r.pull("cam/1"); got != "test://a" || i.State != Waiting {
			t.Errorf("asked for %q, %+v", got, i)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got, n := r.asked(), len(r.service.Pulls()); got != "" || n != 0 {
			t.Errorf("asked for %q without viewers, %d pulls are left", got, n)
		}
		defer r.watch("cam/1")()
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := r.asked(); len(strings.Fields(got)) < 6 {
			t.Errorf("asked for %q in an hour", got)
		}
	})
}

// await is a player: it returns what it is told, and after which time.
func (r *rig) await(name string) (told string, after time.Duration) {
	r.t.Helper()
	defer r.watch(name)()
	began := time.Now()
	if _, err := r.host.Bus.Await(r.t.Context(), name); err != nil {
		told = string(reason.Of(err, "")) + ": " + err.Error()
	}
	return told, time.Since(began)
}

// TestLateIsTold: who comes while a pull waits for its next try is told the last failure
// at once, unless that try comes soon enough; and in the end if it hangs.
func TestLateIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) {
			cameras("test://a")(c)
			c.MinDelay, c.MaxDelay = config.Duration(20*time.Second), config.Duration(20*time.Second)
		})
		r.refuses("test://a", errors.New("off"))
		defer r.watch("cam/1")()
		synctest.Wait()
		expect := func(wantTold string, wantAfter time.Duration) {
			t.Helper()
			if told, after := r.await("cam/1"); told != wantTold || after != wantAfter {
				t.Errorf("told %q after %v, want %q after %v", told, after, wantTold, wantAfter)
			}
		}
		expect("stream_not_found: off", 0)
		time.Sleep(time.Until(r.pull("cam/1").Next) - 2*time.Second)
		expect("stream_not_found: off", 2*time.Second)
		time.Sleep(time.Until(r.pull("cam/1").Next) - 2*time.Second)
		r.hangs("test://a", true)
		expect("stream_not_found: off", 5*time.Second)
		time.Sleep(10 * time.Second) // the hanging try fails
		time.Sleep(time.Until(r.pull("cam/1").Next) - 2*time.Second)
		r.hangs("test://a", false)
		r.refuses("test://a", nil)
		time.AfterFunc(3*time.Second, func() { r.now().send(0) })
		expect("", 3*time.Second)
	})
}

// TestLateIsToldAfterGivingUp: who has a pull begin anew that gave up is told what was
// wrong before if there is nothing new to tell.
func TestLateIsToldAfterGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) {
			cameras("test://a")(c)
			c.Pulls[0].Retry = 1
		})
		r.refuses("test://a", errors.New("off"))
		defer r.watch("cam/1")()
		time.Sleep(time.Minute)
		synctest.Wait()
		r.hangs("test://a", true)
		if told, after := r.await("cam/1"); told != "stream_not_found: off" || after != 5*time.Second {
			t.Errorf("told %q after %v", told, after)
		}
		r.hangs("test://a", false)
		r.refuses("test://a", errors.New("gone"))
		time.Sleep(time.Minute)
		began := time.Now() // of one who came earlier, and asks again
		if _, err := r.host.Bus.Await(t.Context(), "cam/1"); err.Error() != "gone" || time.Since(began) != 0 {
			t.Errorf("told %v after %v", err, time.Since(began))
		}
	})
}

// TestToldNoMore: what failed is forgotten with the pull, and by another order.
func TestToldNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) {
			cameras("test://a")(c)
			c.MinDelay = config.Duration(20 * time.Second)
		})
		r.refuses("test://a", errors.New("off"))
		r.hangs("test://b", true)
		const nothing = `stream_not_found: nobody publishes "cam/1" (waited 5s)`
		leave := r.watch("cam/1")
		synctest.Wait()
		next := *r.service.config
		cameras("test://b")(&next)
		r.service.Reconfigure(&next)
		synctest.Wait()
		if told, _ := r.await("cam/1"); told != nothing {
			t.Errorf("told %q of a source that is not asked any more", told)
		}
		leave()
		time.Sleep(time.Minute)
		synctest.Wait()
		if told, _ := r.await("cam/1"); told != nothing {
			t.Errorf("told %q by a pull that has ended", told)
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

// TestEchoes: what another server repeats of a URL tells nobody its secrets, and errors
// stay what they are.
func TestEchoes(t *testing.T) {
	const source = "test://us%40er:pla%40nted@h/cam?token=planted-token&key=pl%2Bain"
	texts := map[string]string{
		"no such stream: cam?token=planted-token&key=pl%2Bain":   "no such stream: cam?***",
		"no such stream: cam (planted-token, pl+ain, pl%2Bain)":  "no such stream: cam (***, ***, ***)",
		"pla@nted and pla%40nted are wrong":                      "*** and *** are wrong",
		"nobody publishes cam":                                   "nobody publishes cam",
		strings.Repeat("é", maxTold):                             strings.Repeat("é", maxTold/2) + "…",
		"planted-token " + strings.Repeat("planted-token ", 500): "*** " + strings.Repeat("*** ", 500)[:maxTold-4] + "…",
	}
	for said, told := range texts {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(c *Config) {
				cameras(source)(c)
				c.MaxDelay = c.MinDelay
			})
			r.refuses(source, reason.Wrap(reason.Unauthorized, errors.New(said)))
			waits := make(chan error, 1)
			go func() {
				_, err := r.host.Bus.Await(t.Context(), "cam/1")
				waits <- err
			}()
			synctest.Wait()
			defer r.watch("cam/1")()
			if err := <-waits; err.Error() != told {
				t.Errorf("a player is told %v", err)
			}
			if i := r.pull("cam/1"); i.Error != told {
				t.Errorf("%+v", i)
			}
			r.refuses(source, nil)
			time.Sleep(time.Second)
			synctest.Wait()
			r.now().send(0)
			r.now().end <- reason.Wrap(reason.BadMedia, errors.New(said))
			synctest.Wait()
			if e := r.host.Sessions.Ended(); len(e) != 1 || e[0].Error != told || e[0].Reason != reason.BadMedia {
				t.Errorf("%+v", e)
			}
		})
	}
}

// TestEchoesOfTargets is TestEchoes for forwards.
func TestEchoesOfTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForwarding(t, "to://h/{name}?key=planted")
		f.down.takes = func(*fakeTarget) error { return errors.New("no permission for live/a?key=planted") }
		f.publish()
		f.run(time.Second)
		if s := f.service.Forwards()[0]; s.Error != "no permission for live/a?***" {
			t.Errorf("%+v", s)
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
