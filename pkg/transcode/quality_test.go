//go:build e2e && !noaac

package transcode

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/thesyncim/gopus/container/ogg"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/aac"
)

// materials are sounds as they are sent: noise, something like speech and
// something like music.
func materials() map[string]signal {
	return map[string]signal{"noise": rustle(), "speech": speech(), "music": music}
}

// speech is a buzz of varying pitch through two wandering formants, in syllables,
// with a little noise.
func speech() signal {
	noise := rustle()
	phase, last := 0.0, 0.0
	return func(t float64, c int) float64 {
		if t != last { // once for both channels
			phase += (t - last) * (120 + 30*math.Sin(2*math.Pi*0.7*t))
			last = t
		}
		loud := math.Max(0, math.Sin(2*math.Pi*1.7*t))
		f1, f2 := 500+250*math.Sin(2*math.Pi*1.1*t), 1500+600*math.Sin(2*math.Pi*0.9*t)
		v := 0.0
		for k := 1.0; k <= 25; k++ {
			f := k * 120
			v += math.Sin(2*math.Pi*k*phase) * (math.Exp(-math.Pow((f-f1)/200, 2)) + 0.5*math.Exp(-math.Pow((f-f2)/250, 2)))
		}
		return loud * (0.12*v + 0.02*noise(t, c))
	}
}

// music is a chord a quarter of a second, plucked, wider than mono.
func music(t float64, c int) float64 {
	roots := []float64{220, 174.6, 261.6, 196}
	root := roots[int(t*4)%len(roots)]
	age := math.Mod(t, 0.25)
	v := 0.0
	for i, interval := range []float64{1, 1.26, 1.5, 2} {
		pan := 0.5 + 0.4*math.Sin(float64(i+c*2))
		for k := 1.0; k <= 12; k++ {
			v += pan * math.Sin(2*math.Pi*root*interval*k*t) / (k * k) * math.Exp(-age*4*math.Sqrt(k))
		}
	}
	return 0.15 * v
}

// TestFullQuality: what ffmpeg's decoder and libopus lose of a sound is what is
// lost here, at the same bitrate, within 1 dB.
func TestFullQuality(t *testing.T) {
	const seconds = 8
	for name, s := range materials() {
		for _, rate := range []int{44100, 48000} {
			for _, bitrate := range []int{96_000, 128_000} {
				t.Run(fmt.Sprintf("%s at %d Hz, %d bit/s", name, rate, bitrate), func(t *testing.T) {
					dir := t.TempDir()
					source := filepath.Join(dir, "source.aac")
					write(t, filepath.Join(dir, "source.f32"), s, rate, seconds)
					ffmpeg(t, "-f", "f32le", "-ar", fmt.Sprint(rate), "-ac", "2", "-i", filepath.Join(dir, "source.f32"), "-c:a", "aac", "-b:a", "256k", source)
					theirs := filepath.Join(dir, "theirs.opus")
					ffmpeg(t, "-i", source, "-c:a", "libopus", "-b:a", fmt.Sprint(bitrate), theirs)
					ours := filepath.Join(dir, "ours.opus")
					transcodeFile(t, source, ours, bitrate)

					want := pcmOf(t, source)
					a, b := ratio(want, pcmOf(t, ours)), ratio(want, pcmOf(t, theirs))
					sizes := float64(size(t, ours)) / float64(size(t, theirs))
					t.Logf("SNR %.2f dB, libopus %.2f dB; %.3f of its size", a, b, sizes)
					if a < b-1 {
						t.Errorf("SNR of %.2f dB, libopus has %.2f dB", a, b)
					}
					if sizes > 1.2 { // both spend bits as they need them
						t.Errorf("%.2f times the size of what libopus makes", sizes)
					}
				})
			}
		}
	}
}

// TestFullRates: AAC of every rate is heard at its level, its pitch and its time.
func TestFullRates(t *testing.T) {
	for _, rate := range []int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000} {
		for _, channels := range []int{mono, stereo} {
			t.Run(fmt.Sprintf("%d Hz, %d channels", rate, channels), func(t *testing.T) {
				dir := t.TempDir()
				raw, source, made := filepath.Join(dir, "raw.f32"), filepath.Join(dir, "source.aac"), filepath.Join(dir, "made.opus")
				const seconds = 4
				write(t, raw, func(t float64, c int) float64 {
					if t < seconds/2 {
						return chirps(t, c)
					}
					return tone(440, 0.5)(t, c)
				}, rate, seconds)
				ffmpeg(t, "-f", "f32le", "-ar", fmt.Sprint(rate), "-ac", "2", "-i", raw, "-c:a", "aac", "-ac", fmt.Sprint(channels), "-b:a", "128k", source)
				transcodeFile(t, source, made, 0)
				want, got := pcmOf(t, source), pcmOf(t, made)
				if lag := offset(want, got); lag < -15 || lag > 15 { // 0.3 ms
					t.Errorf("%d samples later than the source", lag)
				}
				heard := func(samples []float64) float64 { return level(samples[3*rateOpus:][:rateOpus/2], rateOpus, 440) }
				if d := decibel(heard(got) / heard(want)); math.Abs(d) > 0.1 {
					t.Errorf("level %.3f dB off", d)
				}
			})
		}
	}
}

// offset returns by how many samples got is later than want.
func offset(want, got []float64) (lag int) {
	const from, length, reach = rateOpus, rateOpus / 4, rateOpus / 20
	best := math.Inf(-1)
	for d := -reach; d <= reach; d++ {
		sum := 0.0
		for i := from; i < from+length; i++ {
			sum += want[i] * got[i+d]
		}
		if sum > best {
			best, lag = sum, d
		}
	}
	return lag
}

func ffmpeg(t *testing.T, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-nostdin", "-v", "error", "-y"}, args...)...)
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("ffmpeg %q: %v\n%s", args, err, &stderr)
	}
	return stdout.Bytes()
}

func write(t *testing.T, path string, s signal, rate, seconds int) {
	t.Helper()
	var b []byte
	for i := range rate * seconds {
		for c := range stereo {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(s(float64(i)/float64(rate), c))))
		}
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// pcmOf returns the left channel of a file as ffmpeg decodes it, at 48 kHz.
func pcmOf(t *testing.T, path string) []float64 {
	t.Helper()
	b := ffmpeg(t, "-i", path, "-ar", "48000", "-ac", "2", "-f", "f32le", "-")
	var samples []float64
	for ; len(b) >= 8; b = b[8:] {
		samples = append(samples, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
	}
	return samples
}

// transcodeFile makes an Ogg file of the Opus frames for an ADTS file.
func transcodeFile(t *testing.T, from, to string, bitrate int) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	var packets mpeg4audio.ADTSPackets
	if err := packets.Unmarshal(b); err != nil {
		t.Fatal(err)
	}
	channels := int(packets[0].ChannelConfig)
	track, err := aac.TrackFromConfig(1, lcConfig(packets[0].SampleRate, channels))
	if err != nil {
		t.Fatal(err)
	}
	x, err := Format{Codec: av.Opus, Bitrate: bitrate}.New(track)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := ogg.NewWriter(&out, rateOpus, uint8(channels))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range packets {
		// Not from 0, or what comes first would lie before it.
		pts := int64(1e9) + int64(i)*frameAAC*1e9/int64(p.SampleRate)
		if err := x.Transcode(&av.Frame{Track: track, PTS: pts, DTS: pts, Payload: p.AU}, func(f *av.Frame) {
			if err := w.WritePacket(f.Payload, frameOpus); err != nil {
				t.Fatal(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ratio returns the signal-to-noise ratio of got in dB, where the two match best
// and less than a millisecond apart.
func ratio(want, got []float64) float64 {
	const skip, reach = 4800, 48
	best := math.Inf(-1)
	for lag := -reach; lag <= reach; lag++ {
		var signal, noise float64
		for i := skip; i < min(len(want), len(got))-skip; i++ {
			d := got[i+lag] - want[i]
			signal += want[i] * want[i]
			noise += d * d
		}
		best = max(best, 10*math.Log10(signal/noise))
	}
	return best
}
