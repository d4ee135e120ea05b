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
	ppm           [2]float64 // of each track's RTP clock
	offset, delay int64      // of the second track at the source, and of its way
	reports       int64      // the time of the first sender reports; none if negative
	reportDelay   int64      // bounds how long they take
	lost          [2]float64 // share of each track's reports that do not arrive
	set, setAt    int64      // by how much the source's clock is set, and when
}

// report is one under way.
type report struct {
	due     int64
	ntp     uint64
	rtpTime uint32
}

// run lets time pass. It returns by how much the tracks are off at most from 30 s
// after the first reports on, and the greatest step of a track's offset in a
// second.
func (s *source) run(seconds int64) (off, step int64) {
	random := rand.New(rand.NewPCG(1, 2))
	const interval, every = second / 50, 5 * second
	rates := [2]int64{90000, 48000}
	var clock Clock
	var timings [2]*Timing
	var media [2]*Demuxer
	var underWay [2][]report
	for i := range timings {
		timings[i], media[i] = clock.Track(), &Demuxer{rate: rates[i]}
	}
	var placed, before [2]int64
	for now := int64(0); now < seconds*second; now += interval {
		for i, timing := range timings {
			// Their times wrap after 10 s and 11 s.
			ticks := int64(float64(now)*(1+s.ppm[i]/1e6)*float64(rates[i])/float64(second)) - (10+int64(i))*rates[i]
			rtpTime := uint32(ticks)
			if since := now - s.reports - int64(i)*every/2; s.reports >= 0 && since >= 0 && since%every == 0 && random.Float64() >= s.lost[i] {
				truth := 3_900_000_000*second + now + int64(i)*s.offset
				if now >= s.setAt {
					truth += s.set
				}
				ntp := uint64(truth/second)<<32 | uint64(truth%second)<<32/uint64(second)
				underWay[i] = append(underWay[i], report{now + random.Int64N(s.reportDelay+1), ntp, rtpTime})
			}
			for len(underWay[i]) > 0 && underWay[i][0].due <= now {
				r := underWay[i][0]
				underWay[i] = underWay[i][1:]
				timing.Report(r.ntp, media[i].Time(r.rtpTime))
			}
			at := media[i].Time(rtpTime)
			f := &av.Frame{DTS: at, PTS: at, Arrival: now + int64(i)*s.delay + random.Int64N(int64(5e6))}
			timing.Place(f)
			placed[i] = f.PTS
			if now%second == 0 {
				if now > 0 {
					step = max(step, abs(f.PTS-before[i]-second))
				}
				before[i] = f.PTS
			}
		}
		if now >= max(s.reports, 0)+every/2+30*second {
			off = max(off, abs(placed[1]-placed[0]-s.offset))
		}
	}
	return off, step
}

// Half a minute after both tracks have had a report they lie as at the source, and
// stay there, though clocks drift, reports come late or not at all, and RTP times
// wrap.
func TestClock(t *testing.T) {
	const ms = int64(1e6)
	for _, tt := range []struct {
		name   string
		source source
		within int64
	}{
		{"reports before media", source{offset: 40 * ms, delay: 150 * ms}, 5 * ms},
		{"reports later", source{offset: 40 * ms, delay: 150 * ms, reports: 10 * second}, 5 * ms},
		{"drift", source{ppm: [2]float64{0, 100}, delay: 20 * ms}, 5 * ms},
		{"drift of both", source{ppm: [2]float64{-100, 100}, delay: 20 * ms, reports: 5 * second}, 5 * ms},
		{"reports that take long", source{ppm: [2]float64{0, 100}, offset: 40 * ms, delay: 20 * ms, reportDelay: 4 * second}, 5 * ms},
		{"reports that get lost", source{ppm: [2]float64{0, 100}, offset: 40 * ms, delay: 20 * ms, lost: [2]float64{0.5, 0.5}}, 5 * ms},
		{"a clock that is set", source{offset: 40 * ms, delay: 20 * ms, set: 3600 * second, setAt: 100 * second}, 5 * ms},
		{"no reports", source{delay: 30 * ms, reports: -1}, 36 * ms},
		{"reports of one track", source{delay: 30 * ms, lost: [2]float64{0, 1}}, 36 * ms},
		{"reports of the other track", source{delay: 30 * ms, lost: [2]float64{1, 0}}, 36 * ms},
		{"clocks that have nothing in common", source{offset: 3600 * second, reports: 5 * second}, 3601 * second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			off, step := tt.source.run(600)
			if off > tt.within {
				t.Errorf("off by %d µs, want %d at most", off/1000, tt.within/1000)
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
