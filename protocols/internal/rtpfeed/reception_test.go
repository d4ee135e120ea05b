package rtpfeed

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

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
