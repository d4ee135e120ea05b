package session_test

import (
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// What is known of packets is listed, added up and said at the end; the jitter is
// no sum.
func TestNetwork(t *testing.T) {
	log, lines := logLines(t)
	r := session.NewRegistry(session.Options{Logger: log})
	var all []*session.Session
	for range 2 {
		s := open(t, r, viewer("a"), ignore)
		n := &s.Counters().Network
		n.PacketsIn.Add(100)
		n.PacketsOut.Add(50)
		n.PacketsLost.Add(7)
		n.PacketsReordered.Add(3)
		n.Jitter.Store(int64(4 * time.Millisecond))
		all = append(all, s)
	}
	want := session.NetworkCounts{PacketsIn: 100, PacketsOut: 50, PacketsLost: 7, PacketsReordered: 3, Jitter: 4 * time.Millisecond}
	if got, _ := r.Get(all[0].ID()); got.Network != want {
		t.Errorf("got %+v", got.Network)
	}
	all[0].Close(reason.ClientClosed, nil)
	want = session.NetworkCounts{PacketsIn: 200, PacketsOut: 100, PacketsLost: 14, PacketsReordered: 6}
	if got := r.Totals().Groups[0].Network; got != want {
		t.Errorf("got %+v", got)
	}
	open(t, r, viewer("b"), ignore).Close(reason.ClientClosed, nil)
	out := lines()
	if with := out[2]; with["packets_lost"] != 7.0 || with["packets_reordered"] != 3.0 || with["jitter"] != 4e6 {
		t.Errorf("got %v", with)
	}
	if without := out[len(out)-1]; without["packets_lost"] != nil {
		t.Errorf("got %v", without)
	}
}
