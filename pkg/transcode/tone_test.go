//go:build !noaac

package transcode

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// ways are the conversions that are tested, by rate of the source.
var ways = []struct {
	from     av.Codec
	rate     int
	channels int
	to       av.Codec
}{
	{av.AAC, 44100, 2, av.Opus},
	{av.AAC, 48000, 2, av.Opus},
	{av.AAC, 44100, 1, av.Opus},
	{av.AAC, 44100, 2, av.G711A},
	{av.AAC, 48000, 1, av.G711U},
	{av.Opus, 48000, 2, av.AAC},
	{av.Opus, 48000, 1, av.AAC},
	{av.Opus, 48000, 2, av.G711U},
	{av.G711A, 8000, 1, av.Opus},
	{av.G711U, 8000, 1, av.AAC},
}

func wayName(from av.Codec, rate, channels int, to av.Codec) string {
	return fmt.Sprintf("%v %d Hz %d to %v", from, rate, channels, to)
}

// A tone keeps its frequency and its level, silence stays silent, and what is
// heard is heard when it was.
func TestTone(t *testing.T) {
	for _, w := range ways {
		t.Run(wayName(w.from, w.rate, w.channels, w.to), func(t *testing.T) {
			x := transcoder(t, newFeed(t, w.from, w.rate, w.channels).track, w.to)
			frames := newFeed(t, w.from, w.rate, w.channels).frames(tone(440, 0.5), 1200*time.Millisecond)
			in, out := listen(t, frames), listen(t, convert(t, x, frames))
			if x.Track().Codec != w.to {
				t.Errorf("made %v", x.Track().Codec)
			}
			for c := range out.channels {
				heard := out.between(c, 400*time.Millisecond, 1000*time.Millisecond)
				want := level(in.between(min(c, len(in.channels)-1), 400*time.Millisecond, 1000*time.Millisecond), in.rate, 440)
				got := level(heard, out.rate, 440)
				if d := decibel(got / want); math.Abs(d) > 0.1 {
					t.Errorf("channel %d: level %.3f dB off", c, d)
				}
				if best := peak(heard, out.rate); math.Abs(best-440) > 0.15 {
					t.Errorf("channel %d: %.1f Hz", c, best)
				}
			}
		})
	}
}

// peak returns the strongest frequency near 440 Hz.
func peak(samples []float64, rate int) (f float64) {
	best := 0.0
	for x := 438.0; x <= 442; x += 0.1 {
		if l := level(samples, rate, x); l > best {
			best, f = l, x
		}
	}
	return f
}

func TestSilenceStaysSilent(t *testing.T) {
	for _, w := range ways {
		t.Run(wayName(w.from, w.rate, w.channels, w.to), func(t *testing.T) {
			f := newFeed(t, w.from, w.rate, w.channels)
			s := listen(t, convert(t, transcoder(t, f.track, w.to), f.frames(silent, time.Second)))
			// The least that A-law can say is not zero.
			limit := -90.0
			if w.from == av.G711A || w.to == av.G711A {
				limit = -70
			}
			for c := range s.channels {
				if l := decibel(rms(s.channels[c]) + 1e-9); l > limit {
					t.Errorf("channel %d: noise of %.1f dB", c, l)
				}
			}
		})
	}
}

// What a decoder gives at the PTS of the frames is what the source gave there:
// the delays of encoders and filters are made up for.
func TestDelayIsCompensated(t *testing.T) {
	for _, w := range ways {
		t.Run(wayName(w.from, w.rate, w.channels, w.to), func(t *testing.T) {
			f := newFeed(t, w.from, w.rate, w.channels)
			frames := f.frames(chirps, 1200*time.Millisecond)
			before := listen(t, frames).lateness(chirps, 600*time.Millisecond)
			after := listen(t, convert(t, transcoder(t, f.track, w.to), frames)).lateness(chirps, 600*time.Millisecond)
			t.Logf("source %v, transcoded %v late", before, after)
			if d := after - before; d < -300*time.Microsecond || d > 300*time.Microsecond {
				t.Errorf("%v later than the source, want less than 0.3 ms", d)
			}
		})
	}
}

// A frame is there soon: between when its sound is due and when it is made lies
// little more than with the frames of the source.
func TestAddedDelay(t *testing.T) {
	for _, w := range ways {
		t.Run(wayName(w.from, w.rate, w.channels, w.to), func(t *testing.T) {
			f := newFeed(t, w.from, w.rate, w.channels)
			frames := f.frames(chirps, time.Second)
			// The source's encoder holds back too: that is not our doing.
			for _, in := range frames {
				in.Arrival = in.PTS + f.time(f.frame)
			}
			out := convert(t, transcoder(t, f.track, w.to), frames)
			longest := func(frames []*av.Frame) (d time.Duration) {
				for _, f := range frames {
					d = max(d, time.Duration(f.Arrival-f.PTS))
				}
				return d
			}
			limit := 45 * time.Millisecond
			if w.to == av.AAC {
				limit = 70 * time.Millisecond // the library looks one frame ahead
			}
			added := longest(out) - longest(frames)
			t.Logf("added delay %v", added)
			if added > limit {
				t.Errorf("adds %v, want at most %v", added, limit)
			}
		})
	}
}

// transcoder makes the Transcoder from track to codec.
func transcoder(t testing.TB, track *av.Track, codec av.Codec) Transcoder {
	t.Helper()
	x, err := Format{Codec: codec}.New(track)
	if err != nil {
		t.Fatal(err)
	}
	return x
}
