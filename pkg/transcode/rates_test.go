//go:build !noaac

package transcode

import (
	"math"
	"testing"
	"time"

	"github.com/thesyncim/gopus"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/opus"
)

// 5.1 in Opus becomes stereo, each speaker on its side.
func TestSurround(t *testing.T) {
	const channels = 6
	e, err := gopus.NewMultistreamEncoderDefault(rateOpus, channels, gopus.ApplicationAudio)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.SetBitrate(384_000); err != nil {
		t.Fatal(err)
	}
	track, err := opus.TrackFromConfig(1, opus.BuildHeader(channels))
	if err != nil {
		t.Fatal(err)
	}
	frequencies := [channels]float64{300, 500, 700, 900, 1100, 50} // left, centre, right, behind, low
	var frames []*av.Frame
	packet := make([]byte, 8000)
	for n := range 52 {
		pcm := make([]float32, 0, frameOpus*channels)
		for i := range frameOpus {
			for _, f := range frequencies {
				pcm = append(pcm, float32(0.3*math.Sin(2*math.Pi*f*float64(n*frameOpus+i)/rateOpus)))
			}
		}
		size, err := e.Encode(pcm, packet)
		if err != nil {
			t.Fatal(err)
		}
		pts := int64(n) * 20e6
		frames = append(frames, &av.Frame{Track: track, DTS: pts, PTS: pts, Payload: append([]byte(nil), packet[:size]...)})
	}
	for _, to := range []av.Codec{av.AAC, av.Opus} {
		s := listen(t, convert(t, transcoder(t, track, to), frames))
		const loud, less, none = 1 / (1 + 2*0.7071), 0.7071 / (1 + 2*0.7071), 0
		for c, want := range [][channels]float64{{loud, less, none, less, none, none}, {none, less, loud, none, less, none}} {
			heard := s.between(c, 500*time.Millisecond, time.Second)
			for i, f := range frequencies {
				if got := level(heard, s.rate, f) / 0.3; math.Abs(got-want[i]) > 0.01 {
					t.Errorf("to %v, channel %d: %v Hz has %.3f, want %.3f", to, c, f, got, want[i])
				}
			}
		}
	}
}

// In a steady state nothing is allocated for a frame but by the AAC library, and
// once for many frames.
func TestAllocations(t *testing.T) {
	for _, w := range ways {
		t.Run(wayName(w.from, w.rate, w.channels, w.to), func(t *testing.T) {
			f := newFeed(t, w.from, w.rate, w.channels)
			frames := f.frames(rustle(), 1500*time.Millisecond)
			x := transcoder(t, f.track, w.to)
			n := 0
			next := func() {
				if err := x.Transcode(frames[n], func(*av.Frame) {}); err != nil {
					t.Fatal(err)
				}
				n++
			}
			for range 30 {
				next()
			}
			limit := 0.4
			if w.from == av.AAC {
				limit++ // its bit reader
			}
			if got := testing.AllocsPerRun(len(frames)-32, next); got > limit {
				t.Errorf("%v allocations for a frame", got)
			}
		})
	}
}
