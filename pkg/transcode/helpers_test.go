package transcode

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/opus"
)

// signal is a sound: its value at a time in seconds, for a channel.
type signal func(t float64, channel int) float64

// tone is a sine of frequency f in Hz with its peak at level.
func tone(f, level float64) signal {
	return func(t float64, _ int) float64 { return level * math.Sin(2*math.Pi*f*t) }
}

func silent(float64, int) float64 { return 0 }

// chirps is a sound that is like itself at no other time nearby: sweeps from 300
// to 2400 Hz, for telephones too.
func chirps(t float64, _ int) float64 {
	const sweep = 0.23
	u := t - sweep*math.Floor(t/sweep)
	return 0.4 * math.Sin(2*math.Pi*(300*u+4500*u*u))
}

// feed makes the frames of one source.
type feed struct {
	t        testing.TB
	track    *av.Track
	encoder  encoder
	rate     int
	channels int
	frame    int
	at       int // samples encoded
}

// newFeed returns the source of a codec at a rate, which AAC has 44100 and 48000 of.
func newFeed(t testing.TB, codec av.Codec, rate, channels int) *feed {
	t.Helper()
	f := &feed{t: t, rate: rate, channels: channels}
	var err error
	if codec == av.AAC {
		f.encoder, f.track, err = newAACSource(rate, channels)
	} else {
		f.encoder, f.track, err = newEncoder(Format{Codec: codec}, 1, channels)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.frame = f.encoder.sink().frame
	return f
}

// next returns the frame of the next samples of s; its PTS is what a decoder of it
// gives the time of. It is nil while the encoder holds back.
func (f *feed) next(s signal) *av.Frame {
	f.t.Helper()
	samples := make([]float32, 0, f.frame*f.channels)
	for i := range f.frame {
		for c := range f.channels {
			samples = append(samples, float32(s(float64(f.at+i)/float64(f.rate), c)))
		}
	}
	payload, err := f.encoder.encode(nil, samples)
	if err != nil {
		f.t.Fatal(err)
	}
	pts := f.time(f.at - f.encoder.sink().ahead)
	f.at += f.frame
	if len(payload) == 0 || pts < 0 {
		return nil
	}
	return &av.Frame{Track: f.track, DTS: pts, PTS: pts, Arrival: f.time(f.at), Payload: payload}
}

func (f *feed) time(samples int) int64 {
	return int64(math.Round(float64(samples) * 1e9 / float64(f.rate)))
}

// frames returns those of the next d.
func (f *feed) frames(s signal, d time.Duration) (frames []*av.Frame) {
	f.t.Helper()
	for end := f.at + int(d.Seconds()*float64(f.rate)); f.at < end; {
		if frame := f.next(s); frame != nil {
			frames = append(frames, frame)
		}
	}
	return frames
}

// convert puts frames through a transcoder.
func convert(t testing.TB, x Transcoder, frames []*av.Frame) (out []*av.Frame) {
	t.Helper()
	for _, f := range frames {
		if err := x.Transcode(f, func(o *av.Frame) {
			if n := len(out); n > 0 && o.DTS <= out[n-1].DTS {
				t.Errorf("DTS %v after %v", time.Duration(o.DTS), time.Duration(out[n-1].DTS))
			}
			if o.Track != x.Track() || o.DTS != o.PTS || o.Arrival != f.Arrival {
				t.Errorf("odd frame %+v", o)
			}
			out = append(out, o)
		}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// sound is what a player hears: samples of each channel, the first at time start.
type sound struct {
	rate     int
	start    int64
	channels [][]float64
}

// listen decodes frames, each at its PTS: what is not said is silence.
func listen(t testing.TB, frames []*av.Frame) sound {
	t.Helper()
	if len(frames) == 0 {
		t.Fatal("no frames")
	}
	from, err := sourceOf(frames[0].Track)
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDecoder(frames[0].Track, from)
	if err != nil {
		t.Fatal(err)
	}
	s := sound{rate: from.rate, start: frames[0].PTS, channels: make([][]float64, from.channels)}
	for _, f := range frames {
		samples, err := d.decode(f.Payload)
		if err != nil {
			t.Fatal(err)
		}
		at := s.index(f.PTS)
		for c := range s.channels {
			for len(s.channels[c]) < at {
				s.channels[c] = append(s.channels[c], 0)
			}
			s.channels[c] = s.channels[c][:at]
			for i := c; i < len(samples); i += from.channels {
				s.channels[c] = append(s.channels[c], float64(samples[i]))
			}
		}
	}
	return s
}

// index returns the place of the sample at that time.
func (s sound) index(time int64) int {
	return int(math.Round(float64(time-s.start) * float64(s.rate) / 1e9))
}

// between returns the samples of a channel from one time to another.
func (s sound) between(channel int, from, to time.Duration) []float64 {
	return s.channels[channel][s.index(int64(from)):s.index(int64(to))]
}

// level returns the amplitude of frequency f in samples at rate, by correlation
// with a sine under a Hann window.
func level(samples []float64, rate int, f float64) float64 {
	var re, im, sum float64
	for i, v := range samples {
		w := 1 - math.Cos(2*math.Pi*float64(i)/float64(len(samples)))
		a := 2 * math.Pi * f * float64(i) / float64(rate)
		re += v * w * math.Cos(a)
		im += v * w * math.Sin(a)
		sum += w
	}
	return 2 * math.Hypot(re, im) / sum
}

// rms is the root of the mean square.
func rms(samples []float64) float64 {
	sum := 0.0
	for _, v := range samples {
		sum += v * v
	}
	return math.Sqrt(sum / float64(len(samples)))
}

func decibel(ratio float64) float64 { return 20 * math.Log10(ratio) }

// lateness returns by how much s is later than want, found by correlation of some
// sound at that time. That is 100 ms at most. 8000 samples a second are enough for
// the frequencies of chirps.
func (s sound) lateness(want signal, at time.Duration) time.Duration {
	const reach, step = 100e-3, 0.1e-3
	stride := max(1, s.rate/8000)
	begin := s.index(int64(at))
	best, lag := math.Inf(-1), 0.0
	for d := -reach; d <= reach; d += step {
		sum := 0.0
		for i := begin; i < begin+s.rate/10; i += stride {
			sum += s.channels[0][i] * want(float64(s.start)/1e9+float64(i)/float64(s.rate)-d, 0)
		}
		if sum > best {
			best, lag = sum, d
		}
	}
	return time.Duration(lag * 1e9)
}

func opusTrack(channels int) *av.Track {
	t, _ := opus.TrackFromConfig(1, opus.BuildHeader(channels))
	return t
}

func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
