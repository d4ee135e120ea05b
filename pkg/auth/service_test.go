package auth

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
)

// TestHangUp: who hangs up while the service thinks does not make it fail, which
// would let the next one in.
func TestHangUp(t *testing.T) {
	s := newService(t)
	release := make(chan struct{})
	f := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })
	s.answer.Store(&f)
	chain, _ := newChain(t, Config{HTTPURL: config.WebURL(s.URL), HTTPAllowOnFailure: true})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := chain.Authorize(ctx, asked(Play, "live/a", ""))
		done <- err
	}()
	for s.asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; reason.Of(err, "") != reason.ClientClosed {
		t.Errorf("%v", err)
	}
	close(release)
	s.says(403, "")
	if g, err := chain.Authorize(t.Context(), asked(Play, "live/a", "")); reason.Of(err, "") != reason.Unauthorized {
		t.Errorf("then: %+v %v", g, err)
	}
}

// TestAllowedOnFailure: who was let in since the service failed is asked about
// again.
func TestAllowedOnFailure(t *testing.T) {
	s := newService(t)
	s.says(500, "")
	chain, now := newChain(t, Config{HTTPURL: config.WebURL(s.URL), HTTPAllowOnFailure: true})
	g, err := chain.Authorize(t.Context(), asked(Play, "live/a", ""))
	if err != nil || g.Expires.IsZero() {
		t.Fatalf("%+v %v", g, err)
	}
	s.says(403, "")
	now.Time = g.Expires
	if _, err := g.Renew(t.Context()); reason.Of(err, "") != reason.Unauthorized {
		t.Errorf("renewed: %v", err)
	}
}

// withService is a chain with users of its own and a service that knows others.
func withService(t *testing.T, s *service) *Chain {
	t.Helper()
	chain, _ := newChain(t, Config{
		Users:   []User{{Name: "ann", Password: cheapHash("secret"), Allow: []Rule{{Actions: []Action{Play}, Streams: patterns(t, "**")}}}},
		HTTPURL: config.WebURL(s.URL), HTTPCache: config.Duration(0),
	})
	return chain
}

// TestServiceKnows: names that only the service knows are no guesses, as long as it
// says so, and passwords of users are, whatever it says.
func TestServiceKnows(t *testing.T) {
	s := newService(t)
	s.says(200, `{"allow": true, "ttl": 0}`)
	chain := withService(t, s)
	try := func(user string) (Grant, error) {
		return chain.Authorize(t.Context(), asked(Play, "live/a", "user="+user+"&pass=x"))
	}
	g, err := try("bob")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * maxWrong {
		if _, err := try("bob"); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	for i := range maxWrong {
		if _, err := try("ann"); err != nil {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if _, err := try("ann"); reason.Of(err, "") != reason.LimitReached {
		t.Errorf("one more guess: %v", err)
	}
	s.says(403, "")
	if _, err := g.Renew(t.Context()); reason.Of(err, "") != reason.Unauthorized {
		t.Errorf("renewed at the address of a guesser: %v", err)
	}

	other := withService(t, s)
	for range maxWrong {
		_, _ = other.Authorize(t.Context(), asked(Play, "live/a", "user=bob&pass=x"))
	}
	if _, err := other.Authorize(t.Context(), asked(Play, "live/a", "user=bob&pass=x")); reason.Of(err, "") != reason.LimitReached {
		t.Errorf("nobody knows the name: %v", err)
	}
}
