package transcode

import (
	"fmt"
	"math"
	"testing"
)

// through resamples a second of a tone and returns the middle half.
func through(r *resampler, from, to int, f float64) []float64 {
	var out []float32
	for at := 0; at < from; { // in pieces, for what goes over from one to the next
		var in []float32
		for range 441 {
			for range r.channels {
				in = append(in, float32(math.Sin(2*math.Pi*f*float64(at)/float64(from))))
			}
			at++
		}
		out = r.process(out, in)
	}
	var samples []float64
	for i := to / 4; i < to*3/4; i++ {
		samples = append(samples, float64(out[i*r.channels]))
	}
	return samples
}

// What both rates can express passes as it is; the mirror images of it that a
// resampler makes, and what the lower rate cannot express, are 90 dB down.
func TestResamplerResponse(t *testing.T) {
	for _, rates := range [][2]int{{44100, 48000}, {96000, 48000}, {88200, 48000}, {64000, 48000}, {32000, 48000}, {24000, 48000}, {22050, 48000}, {16000, 48000}, {12000, 48000}, {11025, 48000}, {8000, 48000}, {44100, 8000}} {
		for _, channels := range []int{mono, stereo} {
			from, to := rates[0], rates[1]
			if channels == stereo && from != 44100 {
				continue // the two are alike but for convolve
			}
			t.Run(fmt.Sprintf("%d to %d, %d channels", from, to, channels), func(t *testing.T) {
				lower := float64(min(from, to))
				for _, part := range []float64{0.01, 0.1, 0.25, 0.4, 0.45} {
					f := math.Round(lower * part)
					got := through(newResampler(from, to, channels), from, to, f)
					gain := level(got, to, f)
					if d := decibel(gain); math.Abs(d) > 0.1 {
						t.Errorf("%.0f Hz: %.3f dB", f, d)
					}
					// Beyond the tone there is nothing.
					rest := 0.0
					for i, v := range got {
						want := math.Sin(2 * math.Pi * f * float64(i+to/4) / float64(to))
						rest = max(rest, math.Abs(v-want*gain))
					}
					if d := decibel(rest); d > -88 {
						t.Errorf("%.0f Hz: %.1f dB of something else", f, d)
					}
				}
				if from > to {
					for _, part := range []float64{0.56, 0.7, 0.9} {
						f := math.Round(lower * part)
						if 2*f > float64(from) {
							continue
						}
						if d := decibel(rms(through(newResampler(from, to, channels), from, to, f)) * math.Sqrt2); d > -90 {
							t.Errorf("%.0f Hz leaves %.1f dB", f, d)
						}
					}
				}
			})
		}
	}
}

func TestResamplerPassesEqualRates(t *testing.T) {
	in := []float32{1, 2, 3, 4}
	if got := newResampler(48000, 48000, stereo).process(nil, in); fmt.Sprint(got) != fmt.Sprint(in) {
		t.Errorf("got %v", got)
	}
}

// Both channels go their own way.
func TestResamplerKeepsChannelsApart(t *testing.T) {
	in := make([]float32, 2*2000)
	for i := 0; i < len(in); i += 2 {
		in[i] = 0.5
	}
	out := newResampler(44100, 48000, stereo).process(nil, in)
	for i := 400; i < len(out); i += 2 {
		if math.Abs(float64(out[i])-0.5) > 1e-4 || out[i+1] != 0 {
			t.Fatalf("at %d: %v, %v", i, out[i], out[i+1])
		}
	}
}
