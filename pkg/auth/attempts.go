package auth

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// maxWrong is how many wrong passwords an address may try in a row, wrongEvery
	// after what time it gets another try: 14,400 a day, of which none finds a
	// password of four random words.
	maxWrong   = 20
	wrongEvery = 6 * time.Second
	// maxGuessers bounds the addresses that are remembered. Who has a million
	// addresses is slowed down by maxHashing alone.
	maxGuessers = 10000
)

// attempts limits wrong passwords by address. Safe for concurrent use.
type attempts struct {
	now func() time.Time

	mu   sync.Mutex
	left map[netip.Prefix]*rate.Limiter
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{now: now, left: make(map[netip.Prefix]*rate.Limiter)}
}

// Home returns what is surely one client's: an address, of IPv6 the network of 64
// bits, in which it may take any. All that are no address are one, the zero Prefix.
func Home(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // fails for no address only
	return p
}

// may reports whether an address may try a password.
func (t *attempts) may(a netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.left[Home(a)]
	return l == nil || l.TokensAt(t.now()) >= 1
}

// wrong notes a wrong password.
func (t *attempts) wrong(a netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	l := t.left[Home(a)]
	if l == nil {
		t.forget(now)
		l = rate.NewLimiter(rate.Every(wrongEvery), maxWrong)
		t.left[Home(a)] = l
	}
	l.AllowN(now, 1)
}

// forget makes room, for many at once so that it is seldom done: it forgets who has
// all tries again, and if need be anybody. The caller holds the lock.
func (t *attempts) forget(now time.Time) {
	if len(t.left) < maxGuessers {
		return
	}
	for a, l := range t.left {
		if l.TokensAt(now) >= maxWrong {
			delete(t.left, a)
		}
	}
	for a := range t.left {
		if len(t.left) < maxGuessers*9/10 {
			return
		}
		delete(t.left, a)
	}
}
