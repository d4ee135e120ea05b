package rtpfeed

import (
	"testing"

	prtp "github.com/pion/rtp"
)

// A log keeps what a player may need, and no more.
func TestLog(t *testing.T) {
	l := Log{window: 100}
	put := func(arrival int64, start bool) {
		l.append(Entry{Packet: &prtp.Packet{}, Arrival: arrival, Start: start, Size: 1})
		l.trim(arrival)
	}
	for at := int64(0); at < 1000; at += 10 {
		put(at, at%300 == 0)
	}
	if !l.started || l.At(l.start).Arrival != 900 || l.base > l.start {
		t.Errorf("the newest start is at %d, the tail at %d", l.start, l.base)
	}
	if oldest := l.At(l.base).Arrival; oldest != 890 {
		t.Errorf("the oldest packet came at %d, want 890", oldest)
	}
	l.append(Entry{Packet: &prtp.Packet{}, Arrival: 1000, Size: maxLogBytes})
	l.trim(1000)
	if l.started || l.bytes > maxLogBytes {
		t.Errorf("%d bytes are kept, a start: %t", l.bytes, l.started)
	}
}
