package rtsp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/rtsp"
)

// waiter asks for a stream that is not there, and returns its session once it is
// listed.
func (r *rig) waiter(transport gortsplib.Transport) (session.Snapshot, <-chan error) {
	r.t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := r.tryPlay(r.url("live/test"), transport)
		done <- err
	}()
	r.eventually("it waits", func() bool {
		list := r.host.Sessions.List()
		return len(list) == 1 && list[0].State == session.Waiting
	})
	return r.host.Sessions.List()[0], done
}

func (r *rig) totals() session.GroupTotals { return r.host.Sessions.Totals().Groups[0] }

// Who waits and then plays is one session.
func TestWaitThenPlay(t *testing.T) {
	for _, transport := range []gortsplib.Transport{gortsplib.TransportTCP, gortsplib.TransportUDP} {
		t.Run(transport.String(), func(t *testing.T) {
			r := newPatientRig(t, auth.Config{}, patience)
			waiting, done := r.waiter(transport)
			r.feed("live/test", footage(t, "bframes.flv"))
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			list := r.host.Sessions.List()
			if len(list) != 1 || list[0].ID != waiting.ID || list[0].State != session.Active || list[0].Transport != strings.ToLower(transport.String()) {
				t.Errorf("sessions: %+v", list)
			}
			r.host.Sessions.Kill(waiting.ID, reason.Kicked)
			r.eventually("it is gone", func() bool { return len(r.host.Sessions.List()) == 0 })
			if got := r.totals(); got.Opened != 1 || got.Waiting != 0 || got.Closes[reason.Kicked] != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestWaitInVain(t *testing.T) {
	r := newRig(t, auth.Config{})
	if _, err := r.tryPlay(r.url("live/test"), gortsplib.TransportTCP); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v", err)
	}
	if got := r.totals(); got.Opened != 1 || got.Waiting != 0 || got.Closes[reason.StreamNotFound] != 1 {
		t.Errorf("%+v", got)
	}
	if refused := r.host.Sessions.Totals().Refusals; len(refused) != 0 {
		t.Errorf("counted twice: %+v", refused)
	}
}

func TestWaiterIsKicked(t *testing.T) {
	r := newPatientRig(t, auth.Config{}, patience)
	waiting, done := r.waiter(gortsplib.TransportTCP)
	r.host.Sessions.Kill(waiting.ID, reason.Kicked)
	if err := <-done; err == nil {
		t.Error("it plays")
	}
	r.eventually("it is gone", func() bool { return len(r.host.Sessions.List()) == 0 })
	if got := r.totals(); got.Opened != 1 || got.Waiting != 0 || got.Closes[reason.Kicked] != 1 {
		t.Errorf("%+v", got)
	}
}

// Who was answered but never plays ends with its connection, and can be kicked
// meanwhile.
func TestWaiterDoesNotPlay(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(*rig, *wire)
		want reason.Reason
	}{
		"is idle":   {func(*rig, *wire) {}, reason.HandshakeTimeout},
		"leaves":    {func(_ *rig, w *wire) { w.Close() }, reason.ClientClosed},
		"is kicked": {func(r *rig, _ *wire) { r.host.Sessions.Kill(r.host.Sessions.List()[0].ID, reason.Kicked) }, reason.Kicked},
	} {
		t.Run(name, func(t *testing.T) {
			r := newPatientRig(t, auth.Config{}, patience, func(c *rtsp.Config) {
				if test.want == reason.HandshakeTimeout {
					c.HandshakeTimeout = config.Duration(2 * time.Second)
				}
			})
			frames := footage(t, "bframes.flv")
			w := r.wire("live/test")
			done := make(chan string, 1)
			go func() {
				status, _ := w.ask("")
				done <- status
			}()
			r.eventually("it waits", func() bool { return len(r.host.Sessions.List()) == 1 })
			r.feed("live/test", frames)
			if status := <-done; status != "200" {
				t.Errorf("status %s", status)
			}
			test.end(r, w)
			r.eventually("it is gone", func() bool { return len(r.host.Sessions.List()) == 0 })
			if got := r.totals(); got.Opened != 1 || got.Waiting != 0 || got.Closes[test.want] != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
}
