package auth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
)

// mayAll is a user who may do everything.
func mayAll(t *testing.T, name, password string) User {
	return User{Name: name, Password: cheapHash(password), Allow: []Rule{{Actions: Actions(), Streams: patterns(t, "**")}}}
}

func newSwitch(t *testing.T, c Config) *Switch {
	t.Helper()
	s, err := NewSwitch(c, Options{ConsoleToken: "console"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (s *Switch) use(t *testing.T, c Config) {
	t.Helper()
	chain, err := s.Prepare(c)
	if err != nil {
		t.Fatal(err)
	}
	s.Use(chain)
}

func playAs(user, password string) Request {
	return Request{Action: Play, Stream: "live/a", Remote: netip.MustParseAddr("192.0.2.1"), Credentials: Credentials{User: user, Password: password}}
}

// TestSwitchRenews: what was granted goes on as the chain of the moment says.
func TestSwitchRenews(t *testing.T) {
	ctx := t.Context()
	s := newSwitch(t, Config{})
	open, err := s.Authorize(ctx, playAs("", ""))
	if err != nil || open.Outdated() {
		t.Fatal(err)
	}
	s.use(t, Config{Users: []User{mayAll(t, "ann", "a"), mayAll(t, "bob", "b")}})
	if !open.Outdated() {
		t.Error("the grant is not outdated")
	}
	if _, err := open.Renew(ctx); reason.Of(err, "") != reason.Unauthorized {
		t.Errorf("without credentials: %v", err)
	}
	var grants []Grant
	for _, r := range []Request{playAs("ann", "a"), playAs("bob", "b")} {
		g, err := s.Authorize(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		grants = append(grants, g)
	}
	s.use(t, Config{Users: []User{mayAll(t, "bob", "b")}})
	if _, err := grants[0].Renew(ctx); reason.Of(err, "") != reason.Unauthorized {
		t.Errorf("a user who was taken out: %v", err)
	}
	again, err := grants[1].Renew(ctx)
	if err != nil || again.User != "bob" || again.Outdated() {
		t.Errorf("another user: %v", err)
	}
	s.use(t, Config{Users: []User{mayAll(t, "bob", "new")}})
	if _, err := again.Renew(ctx); reason.Of(err, "") != reason.Unauthorized {
		t.Errorf("a password that was changed: %v", err)
	}
	token := Request{Action: API, Credentials: Credentials{Token: "console"}}
	if _, err := s.Authorize(ctx, token); err != nil {
		t.Errorf("the console's token: %v", err)
	}
	if _, err := s.Prepare(Config{JWTKeyFiles: []string{"/none"}}); err == nil {
		t.Error("a key file that is not there was taken")
	}
}

// TestSwitchAndAttempts: failed attempts are counted across exchanges, and those of
// sessions that were let in once are none.
func TestSwitchAndAttempts(t *testing.T) {
	ctx := t.Context()
	s := newSwitch(t, Config{Users: []User{mayAll(t, "ann", "a")}})
	ann, err := s.Authorize(ctx, playAs("ann", "a"))
	if err != nil {
		t.Fatal(err)
	}
	s.use(t, Config{Users: []User{mayAll(t, "ann", "new"), mayAll(t, "bob", "b")}})
	for range 2 * maxWrong {
		if _, err := ann.Renew(ctx); reason.Of(err, "") != reason.Unauthorized {
			t.Fatal(err)
		}
	}
	if _, err := s.Authorize(ctx, playAs("bob", "b")); err != nil {
		t.Fatalf("sessions that went on count as guesses: %v", err)
	}
	for range maxWrong {
		_, _ = s.Authorize(ctx, playAs("ann", "guess"))
	}
	s.use(t, Config{Users: []User{mayAll(t, "bob", "other")}})
	if _, err := s.Authorize(ctx, playAs("bob", "other")); !errors.Is(err, errGuessing) {
		t.Errorf("after many guesses: %v", err)
	}
	// Who proved a password that stays the same is still known, who proved another not.
	s.use(t, Config{Users: []User{mayAll(t, "ann", "x")}})
	if _, err := s.Authorize(ctx, playAs("ann", "x")); !errors.Is(err, errGuessing) {
		t.Errorf("a password that was never proven: %v", err)
	}
}

// TestSwitchKeepsWhatIsProven, but only for the password that it was.
func TestSwitchKeepsWhatIsProven(t *testing.T) {
	ann := mayAll(t, "ann", "a")
	s := newSwitch(t, Config{Users: []User{ann}})
	if _, err := s.Authorize(t.Context(), playAs("ann", "a")); err != nil {
		t.Fatal(err)
	}
	s.use(t, Config{Users: []User{ann, mayAll(t, "bob", "b")}})
	if s.current.chain.users.users["ann"].proven.Load() == nil {
		t.Error("all passwords must be hashed again")
	}
	s.use(t, Config{Users: []User{mayAll(t, "ann", "new")}})
	if s.current.chain.users.users["ann"].proven.Load() != nil {
		t.Error("another password counts as proven")
	}
}

// TestSwitchClosesLate: a chain that is deciding goes on, and ends after its answer.
func TestSwitchClosesLate(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-answer
		w.WriteHeader(http.StatusOK)
	}))
	defer service.Close()
	s := newSwitch(t, Config{HTTPURL: config.WebURL(service.URL), HTTPTimeout: config.Duration(30 * time.Second)})
	first := s.current
	granted := make(chan Grant, 1)
	go func() {
		g, err := s.Authorize(context.Background(), playAs("", ""))
		if err != nil {
			t.Error(err)
		}
		granted <- g
	}()
	<-asked
	s.use(t, Config{})
	s.mu.Lock()
	if !first.over || first.users != 1 {
		t.Errorf("%d questions, over is %t", first.users, first.over)
	}
	s.mu.Unlock()
	close(answer)
	if g := <-granted; !g.Outdated() {
		t.Error("an answer of a chain that is over is not outdated")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first.users != 0 {
		t.Errorf("%d questions are left", first.users)
	}
}

// TestSwitchConcurrently is for the race detector.
func TestSwitchConcurrently(t *testing.T) {
	s := newSwitch(t, Config{})
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for range 200 {
				g, err := s.Authorize(context.Background(), playAs("ann", "a"))
				if err != nil {
					t.Error(err)
					return
				}
				if _, err = g.Renew(context.Background()); err != nil {
					t.Error(err)
				}
				_ = g.Outdated()
			}
		})
	}
	for i := range 50 {
		c := Config{}
		if i%2 == 0 {
			c.Users = []User{mayAll(t, "ann", "a")}
		}
		s.use(t, c)
	}
	asking.Wait()
}
