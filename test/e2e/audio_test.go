//go:build e2e

package e2e

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"
)

// flashScript publishes from the page by WHIP, with one codec for pictures only: a
// white picture with a tone of 440 Hz for a second, then a black one with silence.
const flashScript = `(async () => {
	const canvas = document.createElement("canvas");
	canvas.width = 640; canvas.height = 360;
	const g = canvas.getContext("2d");
	const audio = new AudioContext();
	await audio.resume();
	const tone = audio.createOscillator(), gate = audio.createGain(), to = audio.createMediaStreamDestination();
	tone.frequency.value = 440; tone.connect(gate); gate.connect(to);
	gate.gain.value = 0;
	const began = audio.currentTime;
	for (let s = 0; s < 300; s += 2) {
		gate.gain.setValueAtTime(0.5, began + s);
		gate.gain.setValueAtTime(0, began + s + 1);
	}
	tone.start();
	let n = 0;
	setInterval(() => {
		g.fillStyle = (audio.currentTime - began) %% 2 < 1 ? "#fff" : "#000"; g.fillRect(0, 0, 640, 360);
		g.fillStyle = n++ %% 2 ? "#020202" : "#000"; g.fillRect(0, 0, 8, 8); // each picture is another
	}, 33);
	const stream = new MediaStream([...canvas.captureStream(30).getTracks(), ...to.stream.getTracks()]);
	const pc = window.pc = new RTCPeerConnection();
	for (const track of stream.getTracks()) pc.addTransceiver(track, {direction: "sendonly", streams: [stream]});
	const all = RTCRtpSender.getCapabilities("video").codecs;
	pc.getTransceivers().find(t => t.sender.track.kind === "video").setCodecPreferences(all.filter(c => [%q, "video/rtx"].includes(c.mimeType)));
	await pc.setLocalDescription();
	const answer = await fetch(%q, {method: "POST", headers: {"Content-Type": "application/sdp"}, body: pc.localDescription.sdp});
	const text = await answer.text();
	if (answer.status !== 201) throw new Error(answer.status + " " + text);
	await pc.setRemoteDescription({type: "answer", sdp: text});
	return true;
})()`

// flashes are what a player sees and hears of flashScript.
type flashes struct {
	codec    string  // of the sound
	pictures float64 // a second
	level    float64 // of the tone around 440 Hz at its greatest, in dB
	silences int     // without a sound above -60 dB
	offset   float64 // from a flash to its tone in seconds, the median
}

var (
	soundCodec = regexp.MustCompile(`Audio: (\w+)`)
	peakVolume = regexp.MustCompile(`max_volume: (-?[0-9.]+) dB`)
	frameCount = regexp.MustCompile(`frame= *(\d+)`)
	flashTime  = regexp.MustCompile(`black_end:([0-9.]+)`)
	toneTime   = regexp.MustCompile(`silence_end: ([0-9.]+)`)
)

// watchFlashes plays a live address for some seconds with ffmpeg.
func watchFlashes(t *testing.T, run starter, url string, args ...string) (f flashes) {
	t.Helper()
	const seconds = "6"
	args = append(append([]string{"-nostdin", "-hide_banner", "-v", "info"}, args...), "-t", seconds, "-i", url,
		"-map", "0:v", "-vf", "blackdetect=d=0.3:pix_th=0.2", "-f", "null", "-",
		"-map", "0:a", "-af", "silencedetect=noise=-60dB:d=0.3,bandpass=f=440:width_type=h:w=200,volumedetect", "-f", "null", "-")
	p := run(t, time.Minute, nil, "ffmpeg", args...)
	p.mustSucceed(t)
	out := p.out.String()
	number := func(text string) float64 { v, _ := strconv.ParseFloat(text, 64); return v }
	if m := soundCodec.FindStringSubmatch(out); m != nil {
		f.codec = m[1]
	}
	for _, m := range frameCount.FindAllStringSubmatch(out, -1) {
		f.pictures = number(m[1]) / number(seconds)
	}
	if m := peakVolume.FindStringSubmatch(out); m != nil {
		f.level = number(m[1])
	}
	var offsets []float64
	tones := toneTime.FindAllStringSubmatch(out, -1)
	for _, flash := range flashTime.FindAllStringSubmatch(out, -1) {
		for _, tone := range tones {
			if d := number(tone[1]) - number(flash[1]); math.Abs(d) < 0.5 {
				offsets = append(offsets, d)
			}
		}
	}
	if len(offsets) < 2 {
		t.Fatalf("%d flashes with their tone:\n%s", len(offsets), tail(out, 4000))
	}
	slices.Sort(offsets)
	f.silences, f.offset = len(tones), offsets[len(offsets)/2]
	return f
}

// TestFullAudioOfBrowsers: the Opus that Chromium publishes comes out by other
// protocols as it is, and as AAC for players that ask for it: of the same level, and
// where its picture is.
func TestFullAudioOfBrowsers(t *testing.T) {
	for _, codec := range []string{"H264", "VP8"} {
		t.Run(codec, func(t *testing.T) {
			f := ffmpeg9(t)
			s := startRTSPServerWith(t, settings{"webrtc.listen": "127.0.0.1:0"})
			b := openPage(t, s.httpURL(""), webrtcArgs...)
			b.eventually(t, 20*time.Second, "the page is there", `document.readyState === "complete"`)
			var ok bool
			b.eval(t, fmt.Sprintf(flashScript, "video/"+codec, s.httpURL("live/test/whip")), &ok)
			eventually(t, 20*time.Second, "both tracks are there", func() bool {
				st, found := s.stream(t, "live/test")
				return found && st.Ready && len(st.Tracks) == 2
			})
			for _, way := range []struct {
				name, url string
				only      string // the codec of pictures that ffmpeg knows there; empty for all
				args      []string
			}{
				{"HTTP-FLV", s.httpURL("live/test.flv"), "H264", nil},
				{"RTMP", s.rtmpURL("live/test"), "H264", nil},
				{"MPEG-TS", s.httpURL("live/test.ts"), "H264", nil},
				{"fMP4", s.httpURL("live/test.mp4"), "", nil},
				{"HLS", s.httpURL("live/test/index.m3u8"), "", nil},
				{"RTSP", s.url("live/test"), "", []string{"-rtsp_transport", "tcp"}},
			} {
				if way.only != "" && way.only != codec {
					continue
				}
				before := encodedNow(t, b)
				copied, transcoded, moved := flashes{}, flashes{}, 1.0
				for try := 0; try < 3 && math.Abs(moved) > 0.04; try++ { // a browser that was held up moves it, too
					copied = watchFlashes(t, f.start, way.url, way.args...)
					transcoded = watchFlashes(t, f.start, way.url+"?audio=aac", way.args...)
					moved = transcoded.offset - copied.offset
					t.Logf("%s: %+v, transcoded %+v", way.name, copied, transcoded)
				}
				if copied.codec != "opus" || transcoded.codec != "aac" {
					t.Errorf("%s: %s, transcoded %s", way.name, copied.codec, transcoded.codec)
				}
				for _, got := range []flashes{copied, transcoded} {
					const level = -6.0 // half the full scale
					before.requireRate(t, b, way.name, got.pictures)
					if got.silences < 2 || math.Abs(got.level-level) > 1 {
						t.Errorf("%s: %+v", way.name, got)
					}
				}
				if math.Abs(moved) > 0.04 {
					t.Errorf("%s: three times, transcoding moved the sound, by %.0f ms in the end", way.name, moved*1000)
				}
			}
		})
	}
}
