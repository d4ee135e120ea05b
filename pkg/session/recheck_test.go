package session

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
)

// TestRecheckBounded: many sessions are asked about a few at a time, all of them, and
// the answer no ends those alone that it is about.
func TestRecheckBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sessions = 1000
		r := NewRegistry(Options{})
		var asking, most, asked atomic.Int64
		var mu sync.Mutex
		killed := map[string]reason.Reason{}
		for i := range sessions {
			user := fmt.Sprintf("user %d", i)
			var renew func(context.Context) (auth.Grant, error)
			renew = func(context.Context) (auth.Grant, error) {
				asked.Add(1)
				now := asking.Add(1)
				defer asking.Add(-1)
				for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
				}
				time.Sleep(time.Second)
				if i%10 == 0 {
					return auth.Grant{}, reason.Wrap(reason.Unauthorized, &auth.Denied{Why: "not you"})
				}
				return auth.Grant{User: user, Renew: renew}, nil
			}
			info := Info{Protocol: "rtmp", Action: Play, Stream: "live/a"}
			info.Admit(auth.Grant{User: user, Renew: renew})
			if _, err := r.Open(info, func(why reason.Reason) {
				mu.Lock()
				defer mu.Unlock()
				killed[user] = why
			}); err != nil {
				t.Fatal(err)
			}
		}
		r.Recheck()
		time.Sleep(sessions / rechecking / 2 * time.Second)
		r.Recheck() // begins anew
		time.Sleep(2 * sessions / rechecking * time.Second)
		synctest.Wait()
		if most.Load() > 2*rechecking || asked.Load() < sessions || asked.Load() > 2*sessions {
			t.Errorf("%d questions, %d at once", asked.Load(), most.Load())
		}
		mu.Lock()
		defer mu.Unlock()
		if len(killed) != sessions/10 {
			t.Errorf("%d sessions were ended", len(killed))
		}
		for user, why := range killed {
			if why != reason.Revoked || user[len(user)-1] != '0' {
				t.Errorf("%s was ended because of %s", user, why)
			}
		}
	})
}

// TestOpenedOutdated: a session that comes in by a decision of before a Recheck is
// asked about too, at once.
func TestOpenedOutdated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{})
		var why reason.Reason
		info := Info{Protocol: "rtmp", Action: Play, Stream: "live/a"}
		info.Admit(auth.Grant{
			Outdated: func() bool { return true },
			Renew: func(context.Context) (auth.Grant, error) {
				return auth.Grant{}, reason.Wrap(reason.Unauthorized, &auth.Denied{Why: "not you"})
			},
		})
		r.Recheck()
		s, err := r.Open(info, func(w reason.Reason) { why = w })
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if why != reason.Revoked {
			t.Errorf("it was ended because of %q", why)
		}
		s.Close(reason.ClientClosed, nil)
	})
}

// TestShutdownEndsQuestions: once the server has stopped nobody waits for an answer
// any more.
func TestShutdownEndsQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{})
		var asking atomic.Int64
		for range 2 * rechecking {
			info := Info{Protocol: "rtmp", Action: Play, Stream: "live/a"}
			info.Admit(auth.Grant{Renew: func(ctx context.Context) (auth.Grant, error) {
				asking.Add(1)
				defer asking.Add(-1)
				<-ctx.Done()
				return auth.Grant{}, ctx.Err()
			}})
			var s *Session
			var err error
			if s, err = r.Open(info, func(why reason.Reason) { s.Close(why, nil) }); err != nil {
				t.Fatal(err)
			}
		}
		r.Recheck()
		synctest.Wait()
		if n := asking.Load(); n != rechecking {
			t.Fatalf("%d ask", n)
		}
		if err := r.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := asking.Load(); n != 0 {
			t.Errorf("%d ask still", n)
		}
	})
}

func TestSetLimits(t *testing.T) {
	r := NewRegistry(Options{MaxSessions: 1, MaxWaiting: 1})
	open := func() (*Session, error) {
		return r.Open(Info{Protocol: "rtmp", Action: Play, Stream: "live/a"}, func(reason.Reason) {})
	}
	first, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(); reason.Of(err, "") != reason.LimitReached {
		t.Errorf("got %v", err)
	}
	r.SetLimits(2, 2)
	second, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err != nil {
		t.Error(err)
	}
	r.SetLimits(1, 1) // nobody has to go
	if _, ok := r.Get(second.ID()); !ok {
		t.Error("a session has gone")
	}
	if err := second.Wait(); reason.Of(err, "") != reason.LimitReached {
		t.Errorf("got %v", err)
	}
}
