package main

import (
	"testing"
	"time"

	"github.com/weirmedia/weir/remux/flv"
)

// TestTimestamps: whatever a publisher's clock does, the stream goes on, no
// frame is lost, DTS never falls (every viewer checks that) and no step is
// longer than the one that a player must take.
func TestTimestamps(t *testing.T) {
	const (
		hour  = uint32(time.Hour / time.Millisecond)
		usual = 40 // ms between two frames
		// A jump continues at wall time, so the step is as long as the sending of
		// a tick took: far below this even on a slow machine, and an hour above.
		smoothed = int32(patience / time.Millisecond)
	)
	for _, tt := range []struct {
		name    string
		start   uint32
		at      func(tick uint32) (milliseconds uint32) // added to the usual time
		longest int32
	}{
		{name: "24 bits are not enough", start: 1<<24 - 1 - 10*usual, longest: usual},
		{name: "wrap of 31 bits", start: 1<<31 - 10*usual, longest: usual},
		{name: "wrap of 32 bits", start: 1<<32 - 10*usual, longest: usual},
		{name: "jump of an hour", at: func(n uint32) uint32 { return n / 30 * hour }, longest: smoothed},
		{name: "back by an hour", start: 2 * hour, at: func(n uint32) uint32 { return -(n / 30 * hour) }, longest: smoothed},
		{name: "back to zero", start: hour, at: func(n uint32) uint32 { return -(n / 30 * (hour + 30*usual)) }, longest: smoothed},
		{name: "back by 100 ms", start: hour, at: func(n uint32) uint32 { return -(n / 30 * 100) }, longest: usual},
		{name: "to and fro", start: hour, at: func(n uint32) uint32 { return n % 2 * hour }, longest: smoothed},
		{name: "standstill", start: hour, at: func(n uint32) uint32 { return -n * usual }, longest: usual},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startServer(t, nil)
			src := s.publish(t, "live/clock", sourceOptions{start: tt.start})
			src.tick()
			viewers := s.watchBoth(t, "live/clock", 2)
			for _, v := range viewers {
				v.reach(src.last())
			}
			const ticks = 60
			for n := uint32(1); n < ticks; n++ {
				at := tt.start + n*usual
				if tt.at != nil {
					at += tt.at(n)
				}
				src.tickAt(at)
			}
			for _, v := range viewers {
				v.expectAll(src.last())
				if v.longest > tt.longest {
					t.Errorf("the longest step is %d ms, want at most %d", v.longest, tt.longest)
				}
				if tt.at == nil && v.dts[flv.VideoTag] != tt.start+(ticks-1)*usual {
					t.Errorf("the last frame is at %d ms, want it where it was sent", v.dts[flv.VideoTag])
				}
			}
			select {
			case <-src.drained:
				t.Errorf("the publisher was closed and told %q", src.codes)
			default:
			}
		})
	}
}
