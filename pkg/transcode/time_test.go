//go:build !noaac

package transcode

import (
	"math"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// rewrite gives frames the times that change makes of theirs.
func rewrite(frames []*av.Frame, change func(i int, pts int64) int64) {
	for i, f := range frames {
		f.PTS = change(i, f.PTS)
		f.DTS = f.PTS
	}
}

// expectSteady fails unless frames follow each other without holes, but for at
// most so many.
func expectSteady(t *testing.T, frames []*av.Frame, holes int) {
	t.Helper()
	n := 0
	for i := 1; i < len(frames); i++ {
		if d := frames[i].PTS - frames[i-1].PTS; d < 20e6-1 || d > 20e6+1 {
			if n++; n > holes {
				t.Errorf("frame %d comes %v after the one before", i, time.Duration(d))
			}
		}
	}
	if n < holes {
		t.Errorf("%d holes, want %d", n, holes)
	}
}

// expectNear fails unless sound at that time is less than limit off.
func expectNear(t *testing.T, s sound, want signal, at, limit time.Duration) {
	t.Helper()
	if d := s.lateness(want, at); d < -limit || d > limit {
		t.Errorf("at %v: %v late", at, d)
	}
}

// RTMP rounds times to milliseconds. Frames come out evenly all the same.
func TestRoundedTimes(t *testing.T) {
	f := newFeed(t, av.AAC, 44100, 2)
	frames := f.frames(chirps, 2500*time.Millisecond)
	rewrite(frames, func(_ int, pts int64) int64 { return pts / 1e6 * 1e6 })
	out := convert(t, transcoder(t, f.track, av.Opus), frames)
	expectSteady(t, out, 0)
	expectNear(t, listen(t, out), chirps, 2*time.Second, time.Millisecond)
}

// Times of a publisher that stamps frames when it gets to it.
func TestJitter(t *testing.T) {
	f := newFeed(t, av.AAC, 44100, 2)
	frames := f.frames(chirps, 2500*time.Millisecond)
	r := seeded()
	rewrite(frames, func(_ int, pts int64) int64 { return pts + r.Int64N(10e6) - 5e6 })
	out := convert(t, transcoder(t, f.track, av.Opus), frames)
	expectSteady(t, out, 0)
	expectNear(t, listen(t, out), chirps, 2*time.Second, 6*time.Millisecond)
}

// A lost frame is silent, and what follows is where it was.
func TestLostFrames(t *testing.T) {
	for _, lost := range []int{1, 3} {
		f := newFeed(t, av.AAC, 44100, 2)
		frames := f.frames(chirps, 2500*time.Millisecond)
		frames = append(frames[:40:40], frames[40+lost:]...)
		out := convert(t, transcoder(t, f.track, av.Opus), frames)
		expectSteady(t, out, 0)
		expectNear(t, listen(t, out), chirps, 500*time.Millisecond, 300*time.Microsecond)
		expectNear(t, listen(t, out), chirps, 2*time.Second, 300*time.Microsecond)
	}
}

// A broken frame is a lost one.
func TestBrokenFrame(t *testing.T) {
	f := newFeed(t, av.AAC, 44100, 2)
	frames := f.frames(chirps, 2500*time.Millisecond)
	frames[40].Payload = []byte{0xff, 0xff, 0xff}
	frames[41].Payload = nil
	frames[42].Payload = []byte{0xe0} // the end, and nothing before it
	out := convert(t, transcoder(t, f.track, av.Opus), frames)
	expectSteady(t, out, 0)
	expectNear(t, listen(t, out), chirps, 2*time.Second, 300*time.Microsecond)
}

// After a long gap the times jump as the source's do, and nothing of what was
// before it is heard after it.
func TestLongGap(t *testing.T) {
	for _, to := range []av.Codec{av.Opus, av.AAC} {
		from := av.AAC
		if to == av.AAC {
			from = av.Opus
		}
		f := newFeed(t, from, 48000, 2)
		x := transcoder(t, f.track, to)
		const gap = 7 * time.Second
		frames := f.frames(tone(440, 0.5), 2*time.Second)
		second := newFeed(t, from, 48000, 2)
		second.at = f.at + int(gap.Seconds()*float64(f.rate))
		frames = append(frames, second.frames(chirps, 2*time.Second)...)
		out := convert(t, x, frames)
		longest := int64(0)
		for i := 1; i < len(out); i++ {
			longest = max(longest, out[i].PTS-out[i-1].PTS)
		}
		if d := time.Duration(longest); d < gap-300*time.Millisecond || d > gap+100*time.Millisecond {
			t.Errorf("to %v: the longest gap is %v", to, d)
		}
		s := listen(t, out)
		expectNear(t, s, chirps, 10*time.Second, 300*time.Microsecond)
		// Encoders let a little be heard before it begins.
		for begin, limit := range map[time.Duration]float64{4 * time.Second: -80, 8950 * time.Millisecond: -35} {
			if l := decibel(rms(s.between(0, begin, begin+35*time.Millisecond)) + 1e-9); l > limit {
				t.Errorf("to %v: %.1f dB at %v in the gap", to, l, begin)
			}
		}
	}
}

// More sound than time: what is too much is left out.
func TestOverlap(t *testing.T) {
	f := newFeed(t, av.AAC, 44100, 2)
	frames := f.frames(chirps, 2500*time.Millisecond)
	rewrite(frames, func(i int, pts int64) int64 {
		if i > 50 {
			pts -= 200e6
		}
		return pts
	})
	out := convert(t, transcoder(t, f.track, av.Opus), frames)
	expectSteady(t, out, 0)
	want := func(s float64, c int) float64 { return chirps(s+0.2, c) }
	expectNear(t, listen(t, out), want, 2*time.Second, 65*time.Millisecond)
}

// A source whose clock is 100 ppm off is followed for an hour.
func TestDrift(t *testing.T) {
	for _, ppm := range []float64{100, -100} {
		f := newFeed(t, av.G711U, 8000, 1)
		x := transcoder(t, f.track, av.G711A)
		payload := make([]byte, f.frame)
		worst, count := int64(0), 0
		for i := range 3600 * 50 {
			pts := int64(float64(i) * 20e6 * (1 + ppm/1e6))
			in := &av.Frame{Track: f.track, PTS: pts, DTS: pts, Payload: payload}
			if err := x.Transcode(in, func(o *av.Frame) {
				want := int64(float64(count) * 20e6)
				if d := o.PTS - want; d < -1e3 || d > 1e3 {
					t.Fatalf("frame %d is at %v", count, time.Duration(o.PTS))
				}
				worst = max(worst, o.PTS-pts, pts-o.PTS-20e6)
				count++
			}); err != nil {
				t.Fatal(err)
			}
		}
		if worst > 12e6 { // half a frame, for both come in pieces of 20 ms
			t.Errorf("%v ppm: %v away from the source", ppm, time.Duration(worst))
		}
		if want := 3600 * 50 * (1 + ppm/1e6); math.Abs(float64(count)-want) > 2 {
			t.Errorf("%v ppm: %d frames, want %.0f", ppm, count, want)
		}
	}
}

// The correction is not heard: a tone stays one.
func TestDriftCorrectionIsSmooth(t *testing.T) {
	f := newFeed(t, av.AAC, 48000, 1)
	frames := f.frames(tone(1000, 0.5), 6*time.Second)
	rewrite(frames, func(_ int, pts int64) int64 { return int64(float64(pts) * 1.0005) })
	s := listen(t, convert(t, transcoder(t, f.track, av.Opus), frames))
	heard := s.between(0, 4*time.Second, 5*time.Second)
	// Under a Hann window a steady tone is alone within 4 Hz of it.
	tone, beside := level(heard, s.rate, 1000/1.0005), 0.0
	for _, d := range []float64{-200, -100, -50, -20, 20, 50, 100, 200} {
		beside = max(beside, level(heard, s.rate, 1000+d))
	}
	if d := decibel(beside / tone); d > -50 {
		t.Errorf("beside the tone there is something of %.1f dB", d)
	}
	if d := decibel(tone / 0.5); math.Abs(d) > 0.2 {
		t.Errorf("the tone is %.2f dB off", d)
	}
}

// Counting is exact where nanoseconds times samples would overflow.
func TestTicks(t *testing.T) {
	if got := (ticks{48000 * 86400 * 365, 48000}).duration(); got != int64(365*24*time.Hour) {
		t.Errorf("a year is %v", time.Duration(got))
	}
	if got := (ticks{-312, 48000}).duration(); got != -6_500_000 {
		t.Errorf("the delay of Opus is %v", time.Duration(got))
	}
}
