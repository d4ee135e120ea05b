//go:build !noaac

package transcode

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/thesyncim/gopus"

	"github.com/weirmedia/weir/pkg/av"
)

// rustle is noise whose lower frequencies are stronger, as in most sound.
func rustle() signal {
	r := seeded()
	var state [stereo]float64
	return func(_ float64, c int) float64 {
		state[c] = 0.9*state[c] + 0.1*r.NormFloat64()
		return state[c]
	}
}

// BenchmarkTranscode measures one frame of the source. "%core" is what one stream
// takes of a core.
func BenchmarkTranscode(b *testing.B) {
	for _, w := range ways {
		b.Run(wayName(w.from, w.rate, w.channels, w.to), func(b *testing.B) {
			f := newFeed(b, w.from, w.rate, w.channels)
			frames := f.frames(rustle(), 2*time.Second)
			x := transcoder(b, f.track, w.to)
			length := f.time(f.frame)
			pts, n := int64(0), 0
			var frame av.Frame
			b.ReportAllocs()
			for b.Loop() {
				frame = *frames[n%len(frames)]
				frame.PTS = pts
				if err := x.Transcode(&frame, func(*av.Frame) {}); err != nil {
					b.Fatal(err)
				}
				n++
				pts = f.time(n * f.frame)
			}
			b.ReportMetric(100*float64(b.Elapsed())/float64(int64(n)*length), "%core")
		})
	}
}

// BenchmarkResampler measures 1024 samples of stereo, 23 ms of 44.1 kHz.
func BenchmarkResampler(b *testing.B) {
	for _, rates := range [][2]int{{44100, 48000}, {96000, 48000}, {8000, 48000}, {48000, 8000}} {
		b.Run(fmt.Sprintf("%d to %d", rates[0], rates[1]), func(b *testing.B) {
			r := newResampler(rates[0], rates[1], stereo)
			in := make([]float32, 1024*stereo)
			for i := range in {
				in[i] = rand.Float32()
			}
			var out []float32
			b.ReportAllocs()
			for b.Loop() {
				out = r.process(out[:0], in)
			}
		})
	}
}

// BenchmarkComplexity is for complexityOpus: 20 ms of stereo.
func BenchmarkComplexity(b *testing.B) {
	for complexity := 4; complexity <= 10; complexity++ {
		b.Run(fmt.Sprint(complexity), func(b *testing.B) {
			e, err := gopus.NewEncoder(gopus.EncoderConfig{SampleRate: rateOpus, Channels: stereo, Application: gopus.ApplicationAudio})
			if err != nil {
				b.Fatal(err)
			}
			if err := e.SetComplexity(complexity); err != nil {
				b.Fatal(err)
			}
			if err := e.SetBitrate(stereo * bitrateOpus); err != nil {
				b.Fatal(err)
			}
			e.SetVBRConstraint(false)
			const frames = 50
			s := rustle()
			pcm := make([]float32, frames*frameOpus*stereo)
			for i := range pcm {
				pcm[i] = float32(s(0, i%stereo))
			}
			var packet [largestOpus]byte
			n := 0
			for b.Loop() {
				at := n % frames * frameOpus * stereo
				if _, err := e.Encode(pcm[at:at+frameOpus*stereo], packet[:]); err != nil {
					b.Fatal(err)
				}
				n++
			}
			b.ReportMetric(100*float64(b.Elapsed())/float64(n)/float64(20*time.Millisecond), "%core")
		})
	}
}
