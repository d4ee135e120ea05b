package webrtc

import (
	"fmt"
	"net/netip"
	"sync"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
)

// pending counts the sessions that have not connected yet, of all and of each
// address: those that never do must not take the place of others. Its methods are
// safe for concurrent use.
type pending struct {
	mu         sync.Mutex
	most, each int
	all        int
	of         map[netip.Prefix]int
}

func newPending(most, each int) *pending {
	return &pending{most: most, each: each, of: make(map[netip.Prefix]int)}
}

// limit changes how many there may be.
func (p *pending) limit(most, each int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most, p.each = most, each
}

// enter counts one from an address. leave, which may be called repeatedly, undoes
// that.
func (p *pending) enter(a netip.Addr) (leave func(), err error) {
	from := auth.Home(a)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.all >= p.most:
		return nil, reason.Wrap(reason.LimitReached, fmt.Errorf("webrtc.max_connecting: %d sessions are connecting already", p.all))
	case p.of[from] >= p.each:
		return nil, reason.Wrap(reason.LimitReached, fmt.Errorf("webrtc.max_connecting_per_address: %d sessions of this address are connecting already", p.of[from]))
	}
	p.all++
	p.of[from]++
	return sync.OnceFunc(func() { p.leave(from) }), nil
}

func (p *pending) leave(from netip.Prefix) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.of[from]--; p.of[from] == 0 {
		delete(p.of, from)
	}
}

// count returns how many there are.
func (p *pending) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all
}
