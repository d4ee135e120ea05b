package rtpfeed

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/session"
)

func TestReception(t *testing.T) {
	var n session.Network
	n.PacketsOut.Add(100)
	r := NewReception(&n, 2)
	tell := func(track int, lost, jitter uint32) {
		r.Report(track, uint32(track), 90000, &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{
			{SSRC: 99, TotalLost: 50}, // of somebody else
			{SSRC: uint32(track), TotalLost: lost, Jitter: jitter},
		}})
	}
	for _, step := range []struct {
		name         string
		track        int
		lost, jitter uint32
		want         uint64
		jitterMS     int64
	}{
		{"first", 0, 5, 900, 5, 10},
		{"the other track", 1, 2, 450, 7, 10},
		{"some more", 0, 6, 90, 8, 5},
		{"again", 0, 6, 90, 8, 5},
		{"more than expected came", 0, 0xFFFFFF, 90, 8, 5},
		{"less than before", 0, 1, 90, 8, 5},
		{"more than was sent", 0, 200, 90, 8, 5},
		{"all that was sent", 0, 98, 90, 100, 5},
	} {
		tell(step.track, step.lost, step.jitter)
		if lost, jitter := n.PacketsLost.Load(), n.Jitter.Load(); lost != step.want || jitter != step.jitterMS*int64(time.Millisecond) {
			t.Errorf("%s: %d lost, jitter %v", step.name, lost, time.Duration(jitter))
		}
	}
	r.Report(0, 0, 90000, &rtcp.Goodbye{})
	r.Report(0, 0, 0, &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{TotalLost: 99}}})
	if n.PacketsLost.Load() != 100 {
		t.Error("something else was taken for a report")
	}
}

// A report that refers to one of ours tells how far away the player is.
func TestRoundTrip(t *testing.T) {
	const half = 1 << 15 // in 65536ths of a second
	now := av.Now()
	sent := func(r *Reception, middle uint32, ago time.Duration) {
		r.Sent(0, &rtcp.SenderReport{NTPTime: 7<<48 | uint64(middle)<<16 | 5}, now-int64(ago))
	}
	for _, c := range []struct {
		name         string
		refers, held uint32
		least, most  time.Duration // 0 if it tells nothing
	}{
		{"to the newest", 30, half, 100 * time.Millisecond, time.Hour},
		{"to the one before", 20, half, time.Second + 100*time.Millisecond, time.Hour},
		{"to one that is forgotten", 10, half, 0, 0},
		{"to none", 0, half, 0, 0},
		{"held for longer than it is old", 30, 1 << 31, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var n session.Network
			r := NewReception(&n, 1)
			sent(r, 10, 2600*time.Millisecond)
			sent(r, 20, 1600*time.Millisecond)
			sent(r, 30, 600*time.Millisecond)
			r.Report(0, 0, 90000, &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{LastSenderReport: c.refers, Delay: c.held}}})
			if got := time.Duration(n.RoundTrip.Load()); got < c.least || got > c.most {
				t.Errorf("%v, want at least %v", got, c.least)
			}
		})
	}
}
