package webrtc

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/reason"
)

func TestPending(t *testing.T) {
	p := newPending(5, 2)
	enter := func(address, refusedBy string) func() {
		t.Helper()
		a, _ := netip.ParseAddr(address)
		leave, err := p.enter(a)
		if (err != nil) != (refusedBy != "") || err != nil && (!strings.HasPrefix(err.Error(), refusedBy+": ") || reason.Of(err, "") != reason.LimitReached) {
			t.Fatalf("%s: %v, want %q", address, err, refusedBy)
		}
		return leave
	}
	const each = "webrtc.max_connecting_per_address"
	first := enter("192.0.2.1", "")
	enter("::ffff:192.0.2.1", "")
	enter("192.0.2.1", each)
	enter("2001:db8:1:2::1", "")
	enter("2001:db8:1:2::2", "")
	enter("2001:db8:1:2:3::", each)
	last := enter("", "")
	enter("192.0.2.3", "webrtc.max_connecting")
	first()
	first()
	if p.count() != 4 {
		t.Errorf("%d are counted, want 4", p.count())
	}
	last()
	enter("192.0.2.1", "")
	enter("2001:db8:1:3::", "")
	enter("192.0.2.3", "webrtc.max_connecting")
	if len(p.of) != 3 {
		t.Errorf("%d networks are known, want 3", len(p.of))
	}
}

// TestPendingLimit: the bounds change, and whoever is there stays.
func TestPendingLimit(t *testing.T) {
	p, a := newPending(1, 1), netip.MustParseAddr("192.0.2.1")
	if _, err := p.enter(a); err != nil {
		t.Fatal(err)
	}
	p.limit(2, 2)
	if _, err := p.enter(a); err != nil {
		t.Error(err)
	}
	p.limit(1, 1)
	if _, err := p.enter(a); reason.Of(err, "") != reason.LimitReached || p.count() != 2 {
		t.Errorf("%v, %d are counted", err, p.count())
	}
}
