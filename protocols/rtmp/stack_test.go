//go:build !race

package rtmp

import (
	"runtime"
	"runtime/metrics"
	"testing"

	"github.com/weirmedia/weir/protocols/rtmp/message"
)

// Players wait for input nearly all the time: that takes a goroutine with 4 KB of
// stack each. (The race detector makes frames larger.)
func TestWaitingNeedsLittleStack(t *testing.T) {
	const players, limit = 200, 5 << 10
	stacks := func() uint64 {
		for range 4 { // each halves what is less than a quarter used
			runtime.GC()
		}
		sample := []metrics.Sample{{Name: "/memory/classes/heap/stacks:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	s := startServer(t, nil)
	s.publish(t, "live/test")
	before := stacks()
	for range players {
		c := s.dialRaw(t, "live/test")
		if err := c.send(c.appendCommand(nil, c.stream, c.newCall(message.NamePlay, c.url.Key))); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the players follow the stream", func() bool { return s.host.Delivery.Viewers() == players })
	if n := (stacks() - before) / players; n > limit {
		t.Errorf("a player that waits has %d bytes of stack, want at most %d", n, limit)
	}
}
