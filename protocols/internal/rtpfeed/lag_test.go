package rtpfeed

import (
	"testing"
	"time"

	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
)

// A player is behind for as long as the first packet waits that it has not got, also
// if that is forgotten already.
func TestLag(t *testing.T) {
	f := &Feed{log: Log{window: int64(time.Minute)}}
	now := av.Now()
	const packets = 4
	for n := range packets {
		f.log.append(Entry{
			Packet: &prtp.Packet{Header: prtp.Header{SequenceNumber: uint16(n)}}, Start: n == 0, First: true, Last: true,
			Arrival: now - int64(packets-n)*int64(time.Second),
		})
	}
	for _, test := range []struct {
		pos    uint64
		placed bool
		least  time.Duration
	}{{0, true, 4 * time.Second}, {3, true, time.Second}, {4, true, 0}, {0, false, 0}} {
		lag, ok := f.Lag(func() (uint64, bool) { return test.pos, test.placed })
		if ok != test.placed || lag < test.least || (lag == 0) != (test.least == 0) {
			t.Errorf("at %d, placed %t: %v %t", test.pos, test.placed, lag, ok)
		}
	}
	f.log.started = false
	f.log.window = int64(1500 * time.Millisecond)
	f.log.trim(now)
	if lag, ok := f.Lag(func() (uint64, bool) { return 0, true }); !ok || lag < time.Second || f.log.Tail() != 3 {
		t.Errorf("a place that is forgotten: %v %t, the oldest packet is %d", lag, ok, f.log.Tail())
	}
	f.log.window = 0
	f.log.trim(now)
	if lag, ok := f.Lag(func() (uint64, bool) { return 0, true }); !ok || lag != 0 || f.log.Tail() != f.log.Head() {
		t.Errorf("nothing is left: %v %t", lag, ok)
	}
}
