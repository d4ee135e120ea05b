package session

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
)

// A session whose leave ends is asked about again: it goes on with a new one, and
// without an answer, and ends with the answer no.
func TestLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{})
		var asked atomic.Int32
		var answer atomic.Pointer[error] // nil for yes
		var grant func() auth.Grant
		grant = func() auth.Grant {
			return auth.Grant{User: "ann", Expires: time.Now().Add(time.Minute), Renew: func(context.Context) (auth.Grant, error) {
				asked.Add(1)
				if err := answer.Load(); err != nil {
					return auth.Grant{}, *err
				}
				return grant(), nil
			}}
		}
		info := Info{Protocol: "rtmp", Action: Play, Stream: "live/a"}
		info.Admit(grant())
		var killed atomic.Value
		s, err := r.Open(info, func(why reason.Reason) { killed.Store(why) })
		if err != nil {
			t.Fatal(err)
		}
		if s.Info().User != "ann" {
			t.Errorf("%+v", s.Info())
		}
		after := func(d time.Duration, questions int32, end reason.Reason) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			why, _ := killed.Load().(reason.Reason)
			if n := asked.Load(); n != questions || why != end {
				t.Errorf("asked %d times, want %d; killed %q, want %q", n, questions, why, end)
			}
		}
		after(59*time.Second, 0, "")
		after(time.Second, 1, "")
		after(time.Minute, 2, "")
		unknown, no := errors.New("nobody knows"), reason.Wrap(reason.Unauthorized, errors.New("no more"))
		answer.Store(&unknown)
		after(time.Minute, 3, "")
		after(renewPause, 4, "")
		answer.Store(nil)
		after(2*renewPause, 5, "")
		answer.Store(&no)
		after(time.Second, 5, "")
		r.Recheck()
		after(0, 6, reason.Revoked)
		s.Close(reason.ClientClosed, nil)
		after(time.Hour, 6, reason.Revoked)
		if n := r.Totals().Groups[0].Closes[reason.Revoked]; n != 1 {
			t.Errorf("%d ended as revoked", n)
		}
	})
}

// A session that ends is not asked about any more.
func TestLeaseAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{})
		info := Info{Protocol: "rtmp", Action: Play, Stream: "live/a"}
		info.Admit(auth.Grant{Expires: time.Now().Add(time.Minute), Renew: func(context.Context) (auth.Grant, error) {
			t.Error("asked")
			return auth.Grant{}, nil
		}})
		s, err := r.Open(info, func(reason.Reason) {})
		if err != nil {
			t.Fatal(err)
		}
		s.Close(reason.ClientClosed, nil)
		time.Sleep(time.Hour)
	})
}

// A session whose leave lasts by now is not asked about by who listed it before.
func TestLeaseLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{})
		info := Info{Protocol: "rtmp", Action: Play, Stream: "live/a"}
		info.Admit(auth.Grant{Expires: time.Now().Add(time.Minute), Renew: func(context.Context) (auth.Grant, error) {
			return auth.Grant{User: "ann"}, nil
		}})
		s, err := r.Open(info, func(why reason.Reason) { t.Errorf("killed because of %s", why) })
		if err != nil {
			t.Fatal(err)
		}
		listed := &recheck{registry: r, due: []*Session{s}}
		time.Sleep(2 * time.Minute)
		listed.run()
		s.Close(reason.ClientClosed, nil)
	})
}
