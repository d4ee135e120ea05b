package auth

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// TestAttempts: who guesses has to wait, others and who is known need not.
func TestAttempts(t *testing.T) {
	c := Config{Users: []User{
		{Name: "ann", Password: cheapHash("secret"), Allow: []Rule{{Actions: []Action{Play}, Streams: patterns(t, "**")}}},
		{Name: "bob", Password: cheapHash("other"), Allow: []Rule{{Actions: []Action{Play}, Streams: patterns(t, "**")}}},
	}}
	chain, now := newChain(t, c)
	try := func(user, password, from string) reason.Reason {
		r := asked(Play, "live/a", "user="+user+"&pass="+password)
		r.Remote = netip.MustParseAddr(from)
		_, err := chain.Authorize(t.Context(), r)
		return reason.Of(err, "")
	}
	if why := try("ann", "secret", "192.0.2.1"); why != "" {
		t.Fatal(why)
	}
	for i := range maxWrong {
		if why := try("ann", "guess", "192.0.2.1"); why != reason.Unauthorized {
			t.Fatalf("guess %d: %s", i, why)
		}
	}
	for _, test := range []struct {
		user, password, from string
		want                 reason.Reason
	}{
		{"ann", "guess", "192.0.2.1", reason.LimitReached},
		{"nobody", "guess", "192.0.2.1", reason.LimitReached},
		{"bob", "other", "192.0.2.1", reason.LimitReached}, // who is not known yet
		{"ann", "secret", "192.0.2.1", ""},
		{"bob", "guess", "192.0.2.2", reason.Unauthorized},
	} {
		if why := try(test.user, test.password, test.from); why != test.want {
			t.Errorf("%+v: %q", test, why)
		}
	}
	now.pass(wrongEvery)
	if why := try("bob", "other", "192.0.2.1"); why != "" {
		t.Errorf("later: %q", why)
	}
	for range maxWrong {
		_ = try("ann", "guess", "2001:db8::1")
	}
	if a, b := try("ann", "guess", "2001:db8::2:1"), try("ann", "guess", "2001:db8:0:1::1"); a != reason.LimitReached || b != reason.Unauthorized {
		t.Errorf("the same network: %q, another: %q", a, b)
	}
}

// TestAttemptsForget: addresses are not remembered without bound.
func TestAttemptsForget(t *testing.T) {
	now := &clock{start}
	a := newAttempts(now.now)
	address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	for i := range maxGuessers {
		a.wrong(address(i))
	}
	now.pass(wrongEvery)
	guesser := netip.MustParseAddr("192.0.2.1")
	for range maxWrong {
		a.wrong(guesser)
	}
	if a.may(guesser) || len(a.left) != 1 {
		t.Errorf("%d are remembered, the guesser may go on: %t", len(a.left), a.may(guesser))
	}
	for i := range 3 * maxGuessers {
		a.wrong(address(i))
	}
	if n := len(a.left); n > maxGuessers || n < maxGuessers/2 {
		t.Errorf("%d are remembered", len(a.left))
	}
	now.pass(24 * time.Hour)
	if !a.may(guesser) {
		t.Error("never again")
	}
}

// TestAttemptsAtOnce: to guess in parallel does not help.
func TestAttemptsAtOnce(t *testing.T) {
	chain, now := newChain(t, Config{Users: []User{
		{Name: "ann", Password: cheapHash("secret"), Allow: []Rule{{Actions: []Action{Play}, Streams: patterns(t, "**")}}},
	}})
	try := func() reason.Reason {
		_, err := chain.Authorize(t.Context(), asked(Play, "live/a", "user=ann&pass=guess"))
		return reason.Of(err, "")
	}
	_ = try() // the address is known from here on, so that each look at it tells the time
	var looks, guesses atomic.Int32
	chain.users.attempts.now = func() time.Time { looks.Add(1); return now.now() }
	for range maxHashing { // nobody gets further than to wait
		chain.users.hashing <- struct{}{}
	}
	const all = 3 * maxWrong
	var wg sync.WaitGroup
	for range all {
		wg.Go(func() {
			if try() == reason.Unauthorized {
				guesses.Add(1)
			}
		})
	}
	for looks.Load() < all {
		time.Sleep(time.Millisecond)
	}
	for range maxHashing {
		<-chain.users.hashing
	}
	wg.Wait()
	if n := guesses.Load(); n < maxWrong-1 || n >= maxWrong+maxHashing {
		t.Errorf("%d passwords were tried, want %d", n, maxWrong-1)
	}
}
