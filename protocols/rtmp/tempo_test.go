package rtmp

import (
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// phase is a time in which a publisher's media advances by speed times its
// length, in frames each 20 ms of it; speed 0 sends nothing.
type phase struct {
	span  time.Duration // of the wall
	speed float64
	jump  time.Duration // of the timestamps, before
}

func TestTempo(t *testing.T) {
	const s, frame = time.Second, 20 * time.Millisecond
	for _, test := range []struct {
		name   string
		phases []phase
		want   int
	}{
		{"real time", []phase{{600 * s, 1, 0}}, 0},
		{"a clock that is wrong by 2 %", []phase{{3600 * s, 1.02, 0}}, 0},
		{"a burst, then real time", []phase{{s, 20, 0}, {600 * s, 1, 0}}, 0},
		{"a burst over a slow network", []phase{{15 * s, 2, 0}, {600 * s, 1, 0}}, 0},
		{"what was stored in a stall comes late", []phase{{20 * s, 1, 0}, {120 * s, 0, 0}, {120 * s, 2, 0}, {60 * s, 1, 0}}, 0},
		{"bursts after pauses", []phase{{60 * s, 1, 0}, {30 * s, 0, 0}, {s, 30, 0}, {30 * s, 0, 0}, {s, 30, 0}, {60 * s, 1, 0}}, 0},
		{"timestamps set forward", []phase{{30 * s, 1, 0}, {60 * s, 1, time.Hour}, {60 * s, 1, time.Hour}}, 0},
		{"timestamps set back", []phase{{30 * s, 1, 0}, {60 * s, 1, -20 * s}}, 0},
		{"ten times too fast", []phase{{120 * s, 10, 0}}, 1},
		{"ten times too fast, from zero again and again", []phase{{6 * s, 10, 0}, {6 * s, 10, -60 * s}, {6 * s, 10, -60 * s}, {6 * s, 10, -60 * s}, {6 * s, 10, -60 * s}, {6 * s, 10, -60 * s}}, 1},
		{"twice too fast, later", []phase{{300 * s, 1, 0}, {60 * s, 2, 0}}, 1},
		{"too fast for a short time", []phase{{60 * s, 1, 0}, {15 * s, 3, 0}, {60 * s, 1, 0}}, 0},
		{"somewhat fast", []phase{{600 * s, 1.3, 0}}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var clock tempo
			told := 0
			tell := func(dts time.Duration, arrival float64) {
				if clock.fast(&av.Frame{DTS: int64(dts), Arrival: int64(arrival)}) {
					told++
				}
			}
			dts, arrival := time.Hour, float64(s)
			for _, p := range test.phases {
				dts += p.jump
				end := arrival + float64(p.span)
				for p.speed > 0 && arrival < end {
					tell(dts, arrival)
					tell(dts-frame/2, arrival) // sound, a little behind
					dts += frame
					arrival += float64(frame) / p.speed
				}
				arrival = end
			}
			if told != test.want {
				t.Errorf("told %d times, want %d", told, test.want)
			}
		})
	}
}
