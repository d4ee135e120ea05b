package rtp

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
)

// DTS follows from PTS: never after it, never falling, and what the encoder had
// where the depth is known.
func TestOrder(t *testing.T) {
	const ms = int64(1e6)
	for _, tt := range []struct {
		name  string
		depth int
		rate  float64
		pts   []int64 // in ms
		want  []int64
	}{
		{"no B-frames", 0, 25, []int64{0, 40, 80, 120}, []int64{0, 40, 80, 120}},
		{"one B-frame", 1, 25, []int64{0, 80, 40, 160, 120}, []int64{-40, 0, 40, 80, 120}},
		{"pyramid", 2, 25, []int64{0, 160, 80, 40, 120, 320, 240}, []int64{-80, -40, 0, 40, 80, 120, 160}},
		{"a frame is missing", 1, 25, []int64{0, 80, 160, 120}, []int64{-40, 0, 80, 120}},
		{"another clock", 0, 25, []int64{0, 40, 90000, 90040, 40}, []int64{0, 40, 90000 - 40 + 40, 90040, 40}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var o order
			o.expect(tt.depth, tt.rate)
			var got []int64
			for _, pts := range tt.pts {
				got = append(got, o.dts(pts*ms)/ms)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("DTS %v, want %v", got, tt.want)
			}
		})
	}
}

// A depth that the SPS does not tell is learnt within some frames.
func TestOrderLearns(t *testing.T) {
	var o order
	o.expect(0, 0)
	last := int64(-1 << 60)
	pattern := []int64{120, 80, 40, 160} // decoding order of four frames in a pyramid
	for gop := range int64(20) {
		for _, at := range pattern {
			pts := (gop*160 + at) * 1e6
			dts := o.dts(pts)
			if dts < last {
				t.Fatalf("DTS falls from %d to %d", last, dts)
			}
			if gop > 3 && dts > pts {
				t.Fatalf("GOP %d: DTS %d after PTS %d", gop, dts, pts)
			}
			last = dts
		}
	}
}

// source is a camera with a picture and sound that drift and arrive unevenly.
type source struct {
	clock         Clock
	tracks        [2]*Timing
	ppm           [2]float64 // of each track's RTP clock
	reports       int64      // the time of the first sender reports; none if negative
	offset, delay int64      // of the second track at the source, and of its way
}

// run lets time pass and returns by how much the tracks are off in the end, and
// the greatest step of a track's offset in a second.
func (s *source) run(seconds int64) (off, step int64) {
	random := rand.New(rand.NewPCG(1, 2))
	const interval = second / 50
	for i := range s.tracks {
		s.tracks[i] = s.clock.Track()
	}
	var placed, before [2]int64
	for now := int64(0); now < seconds*second; now += interval {
		for i, track := range s.tracks {
			media := now + int64(float64(now)*s.ppm[i]/1e6) + int64(i)*77*second
			if s.reports >= 0 && now >= s.reports && now%(5*second) == 0 {
				truth := 3_900_000_000*second + now + int64(i)*s.offset
				track.Report(uint64(truth/second)<<32|uint64(truth%second)<<32/uint64(second), media)
			}
			f := &av.Frame{DTS: media, PTS: media, Arrival: now + int64(i)*s.delay + random.Int64N(int64(5e6))}
			track.Place(f)
			placed[i] = f.PTS
			if now%second == 0 {
				if now > 0 {
					step = max(step, abs(f.PTS-before[i]-second))
				}
				before[i] = f.PTS
			}
		}
	}
	return placed[1] - placed[0] - s.offset, step
}

func TestClock(t *testing.T) {
	const ms = int64(1e6)
	for _, tt := range []struct {
		name   string
		source source
		within int64
	}{
		{"reports before media", source{offset: 40 * ms, delay: 150 * ms}, 5 * ms},
		{"reports later", source{offset: 40 * ms, delay: 150 * ms, reports: 10 * second}, 5 * ms},
		{"drift", source{ppm: [2]float64{0, 100}, delay: 20 * ms, reports: 0}, 5 * ms},
		{"drift of both", source{ppm: [2]float64{-100, 100}, delay: 20 * ms, reports: 5 * second}, 5 * ms},
		{"no reports", source{delay: 30 * ms, reports: -1}, 36 * ms},
		{"clocks that have nothing in common", source{offset: 3600 * second, reports: 5 * second}, 3601 * second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			off, step := tt.source.run(46)
			if abs(off) > tt.within {
				t.Errorf("off by %d ms, want %d at most", off/ms, tt.within/ms)
			}
			if step > 5*ms+ms { // and what drift adds
				t.Errorf("moved by %d µs in a second", step/1000)
			}
		})
	}
}

// Frames never lie before the session's beginning, as times of RTMP cannot.
func TestClockIsNotNegative(t *testing.T) {
	var c Clock
	f := &av.Frame{DTS: -600e6, PTS: 0, Arrival: 123 * second}
	c.Track().Place(f)
	if f.DTS < 0 || f.PTS-f.DTS != 600e6 {
		t.Errorf("DTS %d, PTS %d", f.DTS, f.PTS)
	}
}

func TestUnwrapper(t *testing.T) {
	var u unwrapper
	for _, step := range []struct {
		at   uint32
		want int64
	}{{1<<32 - 100, 0}, {50, 150}, {1<<32 - 1, 99}, {1 << 30, 1<<30 + 100}, {1 << 31, 1<<31 + 100}, {3 << 30, 3<<30 + 100}, {1, 1<<32 + 101}} {
		if got := u.advance(step.at); got != step.want {
			t.Errorf("%d: %d, want %d", step.at, got, step.want)
		}
	}
}
