//go:build e2e

package e2e

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirmedia/weir/test/freeport"
	"github.com/weirmedia/weir/test/relay"
)

// whipScript publishes a moving picture and a tone from the page by WHIP, with
// one codec for pictures only.
const whipScript = `(async () => {
	const canvas = document.createElement("canvas");
	canvas.width = 640; canvas.height = 360;
	const g = canvas.getContext("2d");
	let n = 0;
	setInterval(() => { g.fillStyle = "hsl(" + (n++ %% 360) + ",80%%,50%%)"; g.fillRect(0, 0, 640, 360); g.fillStyle = "#fff"; g.fillRect(n %% 600, 100, 40, 40); }, 33);
	const audio = new AudioContext();
	const tone = audio.createOscillator(), to = audio.createMediaStreamDestination();
	tone.frequency.value = 440; tone.connect(to); tone.start();
	const stream = new MediaStream([...canvas.captureStream(30).getTracks(), ...to.stream.getTracks()]);
	const pc = window.pc = new RTCPeerConnection();
	for (const track of stream.getTracks()) pc.addTransceiver(track, {direction: "sendonly", streams: [stream]});
	const all = RTCRtpSender.getCapabilities("video").codecs;
	pc.getTransceivers().find(t => t.sender.track.kind === "video").setCodecPreferences(all.filter(c => [%q, "video/rtx"].includes(c.mimeType)));
	await pc.setLocalDescription();
	const answer = await fetch(%q, {method: "POST", headers: {"Content-Type": "application/sdp"}, body: pc.localDescription.sdp});
	const text = await answer.text();
	if (answer.status !== 201) throw new Error(answer.status + " " + text);
	window.resource = answer.headers.get("Location");
	await pc.setRemoteDescription({type: "answer", sdp: text});
	return true;
})()`

// webrtcArgs let Chromium use loopback addresses and no names for them.
var webrtcArgs = []string{"--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"}

// meanVolume is the level that ffmpeg's volumedetect prints.
var meanVolume = regexp.MustCompile(`mean_volume: (-?[0-9.]+) dB`)

// decode decodes some seconds of a live address with ffmpeg, and returns how many
// pictures there were and the level of the sound around 440 Hz in dB.
func decode(t *testing.T, run starter, url string, args ...string) (pictures int, level float64) {
	t.Helper()
	args = append(append([]string{"-nostdin", "-hide_banner", "-v", "info"}, args...), "-i", url, "-t", "4",
		"-map", "0:v", "-map", "0:a", "-af", "bandpass=f=440:width_type=h:w=20,volumedetect", "-f", "null", "-")
	p := run(t, 30*time.Second, nil, "ffmpeg", args...)
	p.mustSucceed(t)
	out := p.out.String()
	for _, m := range regexp.MustCompile(`frame= *(\d+)`).FindAllStringSubmatch(out, -1) {
		pictures, _ = strconv.Atoi(m[1])
	}
	found := meanVolume.FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("no sound:\n%s", tail(out, 2000))
	}
	level, _ = strconv.ParseFloat(found[1], 64)
	return pictures, level
}

// encoded is how many pictures a page had encoded at a moment. A browser encodes
// fewer than it might when the machine has other things to do.
type encoded struct {
	pictures float64
	at       time.Time
}

const encodedScript = `(async () => {
	for (const r of (await pc.getStats()).values()) {
		if (r.type === "outbound-rtp" && r.kind === "video") return r.framesEncoded;
	}
	return 0;
})()`

func encodedNow(t *testing.T, b *browser) (e encoded) {
	t.Helper()
	e.at = time.Now()
	b.eval(t, encodedScript, &e.pictures)
	return e
}

// requireRate checks that a player got pictures at the rate at which the page has
// encoded them since e.
func (e encoded) requireRate(t *testing.T, b *browser, way string, got float64) {
	t.Helper()
	const most = 33 // a canvas has 30
	now := encodedNow(t, b)
	rate := (now.pictures - e.pictures) / now.at.Sub(e.at).Seconds()
	t.Logf("%s: %.1f pictures a second, %.1f encoded", way, got, rate)
	if rate == 0 || got < 0.75*rate || got > most {
		t.Errorf("%s: %.1f pictures a second, %.1f encoded", way, got, rate)
	}
}

// TestFullWHIPChromium: what Chromium publishes comes out by other protocols, at
// its rate and with its tone.
func TestFullWHIPChromium(t *testing.T) {
	for _, codec := range []string{"H264", "VP8", "VP9", "AV1"} {
		t.Run(codec, func(t *testing.T) {
			f := ffmpeg9(t)
			s := startRTSPServerWith(t, settings{"webrtc.listen": "127.0.0.1:0"})
			b := openPage(t, s.httpURL(""), webrtcArgs...)
			b.eventually(t, 20*time.Second, "the page is there", `document.readyState === "complete"`)
			var ok bool
			b.eval(t, fmt.Sprintf(whipScript, "video/"+codec, s.httpURL("live/test/whip")), &ok)
			b.eventually(t, 20*time.Second, "it connects", `pc.connectionState === "connected"`)
			eventually(t, 20*time.Second, "both tracks are there", func() bool {
				st, found := s.stream(t, "live/test")
				return found && st.Ready && len(st.Tracks) == 2
			})
			for _, way := range []struct {
				name, url string
				run       starter
				args      []string
			}{
				{"RTSP", s.url("live/test"), f.start, []string{"-rtsp_transport", "tcp"}},
				{"HTTP-FLV", s.httpURL("live/test.flv"), f.start, nil},
				{"RTMP", "rtmp://" + s.rtmp + "/live/test", f.start, nil},
				{"fMP4", s.httpURL("live/test.mp4"), start, nil},
			} {
				if codec == "VP8" && (way.name == "HTTP-FLV" || way.name == "RTMP") {
					continue // ffmpeg does not know it in FLV
				}
				before := encodedNow(t, b)
				pictures, level := decode(t, way.run, way.url, way.args...)
				before.requireRate(t, b, way.name, float64(pictures)/4)
				if level < -12 || level > 0 { // -3 dB is what a tone of full scale has
					t.Errorf("%s: the tone has %.1f dB", way.name, level)
				}
			}
			if n := s.network(t, "webrtc", "publish"); n.PacketsIn == 0 {
				t.Errorf("the session's figures are %+v", n)
			}
		})
	}
}

// whepScript plays by WHEP into a video element.
const whepScript = `(async () => {
	const pc = window.pc = new RTCPeerConnection();
	pc.addTransceiver("video", {direction: "recvonly"});
	pc.addTransceiver("audio", {direction: "recvonly"});
	const v = window.v = document.createElement("video");
	v.autoplay = true; v.muted = true; v.playsInline = true;
	document.body.append(v);
	const s = new MediaStream();
	v.srcObject = s;
	pc.ontrack = e => s.addTrack(e.track);
	await pc.setLocalDescription();
	window.asked = performance.now();
	v.requestVideoFrameCallback(() => { window.first = performance.now() - window.asked; });
	const answer = await fetch(%[1]q, {method: "POST", headers: {"Content-Type": "application/sdp"}, body: pc.localDescription.sdp});
	let text = await answer.text();
	if (answer.status !== 201) throw new Error(answer.status + " " + text);
	window.resource = answer.headers.get("Location");
	if (%[2]d) text = text.split("\r\n").filter(l => !l.includes(" tcp ")).join("\r\n").replace(/^(a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1) \d+ /m, "$1 %[2]d ");
	await pc.setRemoteDescription({type: "answer", sdp: text});
	return true;
})()`

// offerScript asks for media by WHEP and returns the answer.
const offerScript = `(async () => {
	const pc = new RTCPeerConnection();
	pc.addTransceiver("video", {direction: "recvonly"});
	await pc.setLocalDescription();
	const answer = await fetch(%q, {method: "POST", headers: {"Content-Type": "application/sdp"}, body: pc.localDescription.sdp});
	return answer.status + " " + await answer.text();
})()`

// webrtcStats is what the page knows of what it receives.
const webrtcStats = `(async () => {
	const out = {first: window.first};
	for (const r of (await pc.getStats()).values()) {
		if (r.type !== "inbound-rtp") continue;
		if (r.kind === "video") Object.assign(out, {frames: r.framesDecoded, dropped: r.framesDropped, lost: r.packetsLost, pli: r.pliCount, freezes: r.freezeCount, keys: r.keyFramesDecoded});
		else Object.assign(out, {samples: r.totalSamplesReceived, concealed: r.concealedSamples, soundLost: r.packetsLost});
	}
	return out;
})()`

type whepStats struct {
	First, Frames, Dropped, Lost, PLI, Freezes, Keys float64
	Samples, Concealed, SoundLost                    float64
}

// hearScript measures the sound of the page's stream: its level and where its
// spectrum is highest.
const hearScript = `(async () => {
	if (!window.analyser) {
		const audio = new AudioContext();
		window.analyser = audio.createAnalyser();
		analyser.fftSize = 32768;
		audio.createMediaStreamSource(v.srcObject).connect(analyser);
		await new Promise(r => setTimeout(r, 1500));
	}
	const samples = new Float32Array(analyser.fftSize), bins = new Float32Array(analyser.frequencyBinCount);
	analyser.getFloatTimeDomainData(samples);
	analyser.getFloatFrequencyData(bins);
	const peak = bins.indexOf(Math.max(...bins));
	return {level: Math.sqrt(samples.reduce((a, x) => a + x * x, 0) / samples.length), frequency: peak * analyser.context.sampleRate / analyser.fftSize};
})()`

// publishLive publishes a moving picture and a tone to live/test, with options for
// x264.
func publishLive(t *testing.T, s *server, params string) *process {
	t.Helper()
	return start(t, time.Minute, nil, "ffmpeg", "-hide_banner", "-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30",
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100", "-c:v", "libx264", "-preset", "ultrafast", "-x264-params", params,
		"-g", "60", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "128k", "-t", "40", "-f", "flv", "rtmp://"+s.rtmp+"/live/test")
}

// openWHEP plays live/test in a page.
func openWHEP(t *testing.T, s *server) *browser { return openWHEPBy(t, s, 0) }

// openWHEPBy has the media come by another port of 127.0.0.1, unless that is 0.
func openWHEPBy(t *testing.T, s *server, port uint16) *browser {
	t.Helper()
	return openWHEPOn(t, s.httpURL(""), s, port)
}

// openWHEPOn does it in the page at url.
func openWHEPOn(t *testing.T, url string, s *server, port uint16) *browser {
	t.Helper()
	b := openPage(t, url, webrtcArgs...)
	b.eventually(t, 20*time.Second, "the page is there", `document.readyState === "complete"`)
	var ok bool
	b.eval(t, fmt.Sprintf(whepScript, s.httpURL("live/test/whep"), port), &ok)
	return b
}

// requireRate checks that all pictures of a rate are decoded for some seconds.
func requireRate(t *testing.T, b *browser, rate float64) (before, after whepStats) {
	t.Helper()
	return requirePlayed(t, b, rate, func(before, after whepStats) bool { return true })
}

// requireSmooth checks besides that none was lost, and none late again and again:
// one freeze is the machine's, more often than not.
func requireSmooth(t *testing.T, b *browser, rate float64) {
	t.Helper()
	requirePlayed(t, b, rate, func(before, after whepStats) bool {
		return after.PLI <= 1 && after.Freezes-before.Freezes <= 1 && after.Lost == 0 && after.SoundLost == 0
	})
}

// requirePlayed looks at five seconds, and again if these were bad: a browser that
// the machine held up shows a picture late, and catches up with what it has not
// decoded yet. What weir does wrong stays wrong.
func requirePlayed(t *testing.T, b *browser, rate float64, well func(before, after whepStats) bool) (before, after whepStats) {
	t.Helper()
	for range 3 {
		b.eval(t, webrtcStats, &before)
		began := time.Now()
		time.Sleep(5 * time.Second)
		b.eval(t, webrtcStats, &after)
		got := (after.Frames - before.Frames) / time.Since(began).Seconds()
		t.Logf("%.1f pictures a second of %.1f: %+v, before %+v", got, rate, after, before)
		if got > 0.9*rate && got < 1.1*rate && well(before, after) {
			return before, after
		}
	}
	t.Errorf("three times it did not play as it should, last %+v, before %+v", after, before)
	return before, after
}

// TestFullWHEPChromium: Chromium plays what ffmpeg publishes by RTMP, with the
// sound transcoded; of B-frames it gets what can be shown in order.
func TestFullWHEPChromium(t *testing.T) {
	for name, c := range map[string]struct {
		params string
		rate   float64
	}{"in order": {"bframes=0", 30}, "B-frames": {"bframes=2:b-pyramid=none:b-adapt=0", 10}} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, settings{"webrtc.listen": "127.0.0.1:0"})
			publishLive(t, s, c.params)
			eventually(t, 20*time.Second, "the stream is there", func() bool { st, ok := s.stream(t, "live/test"); return ok && len(st.Tracks) == 2 })
			b := openWHEP(t, s)
			b.eventually(t, 20*time.Second, "it plays", `v.currentTime > 1`)
			requireSmooth(t, b, c.rate)
			st, _ := s.stream(t, "live/test")
			if w := st.WebRTC; w == nil || !w.Playable || math.Abs(w.FrameRate-c.rate) > 0.15*c.rate || (w.Why != "") != (c.rate < 30) {
				t.Errorf("the API tells %+v", w)
			}
			var heard struct{ Level, Frequency float64 }
			b.eval(t, hearScript, &heard)
			t.Logf("heard %+v", heard)
			const level = 0.125 / math.Sqrt2 // of ffmpeg's tone
			if dB := 20 * math.Log10(heard.Level/level); math.Abs(dB) > 1 || math.Abs(heard.Frequency-440) > 2 {
				t.Errorf("a tone of %.1f Hz, %.1f dB off", heard.Frequency, dB)
			}
		})
	}
}

// TestFullWHEPPyramid: where other pictures refer to B-frames, the API says so, and
// players are refused with the reason.
func TestFullWHEPPyramid(t *testing.T) {
	s := startServer(t, settings{"webrtc.listen": "127.0.0.1:0"})
	publishLive(t, s, "bframes=3:b-pyramid=normal:b-adapt=0")
	eventually(t, 20*time.Second, "the API says so", func() bool {
		st, ok := s.stream(t, "live/test")
		return ok && st.WebRTC != nil && !st.WebRTC.Playable && strings.Contains(st.WebRTC.Why, "b-pyramid")
	})
	b := openPage(t, s.httpURL(""), webrtcArgs...)
	b.eventually(t, 20*time.Second, "the page is there", `document.readyState === "complete"`)
	var answer string
	b.eval(t, fmt.Sprintf(offerScript, s.httpURL("live/test/whep")), &answer)
	if !strings.HasPrefix(answer, "415 ") || !strings.Contains(answer, "bframes=0") {
		t.Errorf("answered %s", answer)
	}
	eventually(t, 20*time.Second, "the session is closed", func() bool {
		return strings.Contains(s.get(t, "metrics"), `weir_sessions_closed_total{action="play",protocol="webrtc",reason="unsupported"} 1`)
	})
}

// TestFullWHEPReturn: a player plays on when the publisher is killed and comes
// back within the grace period.
func TestFullWHEPReturn(t *testing.T) {
	s := startServer(t, settings{"webrtc.listen": "127.0.0.1:0", "stream.grace": "10s"})
	first := publishLive(t, s, "bframes=0")
	eventually(t, 20*time.Second, "the stream is there", func() bool { st, ok := s.stream(t, "live/test"); return ok && len(st.Tracks) == 2 })
	b := openWHEP(t, s)
	b.eventually(t, 20*time.Second, "it plays", `v.currentTime > 1`)
	first.signal(syscall.SIGKILL)
	eventually(t, 20*time.Second, "the publisher is gone", func() bool { st, ok := s.stream(t, "live/test"); return ok && st.State == "grace" })
	var before whepStats
	b.eval(t, webrtcStats, &before)
	publishLive(t, s, "bframes=0")
	eventually(t, 20*time.Second, "it plays on", func() bool {
		var now whepStats
		b.eval(t, webrtcStats, &now)
		return now.Frames > before.Frames+60
	})
	var state string
	b.eval(t, "pc.connectionState", &state)
	if state != "connected" {
		t.Errorf("the connection is %s", state)
	}
	requireRate(t, b, 30)
}

// TestFullWHEPBadNetwork: a player goes on without a reload when packets are lost
// and come late, both ways, and when nothing comes for three seconds.
func TestFullWHEPBadNetwork(t *testing.T) {
	for _, c := range []struct {
		name       string
		conditions relay.Conditions
		lasts      time.Duration
		rate       float64 // of pictures meanwhile, at least
		freezes    float64 // at most
	}{
		{"2 % loss", relay.Conditions{Loss: 0.02}, 8 * time.Second, 25, 3},
		{"5 % loss", relay.Conditions{Loss: 0.05}, 8 * time.Second, 20, 6},
		{"50 ms jitter", relay.Conditions{Jitter: 50 * time.Millisecond, Reorder: true}, 8 * time.Second, 25, 3},
		{"outage", relay.Conditions{Loss: 1}, 3 * time.Second, 0, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := freeport.Address(t)
			s := startServer(t, settings{"webrtc.listen": address})
			r, err := relay.Start(address, 1)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = r.Close() })
			publishLive(t, s, "bframes=0")
			eventually(t, 20*time.Second, "the stream is there", func() bool { st, ok := s.stream(t, "live/test"); return ok && len(st.Tracks) == 2 })
			b := openWHEPBy(t, s, r.Addr().Port())
			b.eventually(t, 20*time.Second, "it plays", `v.currentTime > 1`)
			var before, after whepStats
			b.eval(t, webrtcStats, &before)
			r.Set(relay.Forth, c.conditions)
			r.Set(relay.Back, c.conditions)
			time.Sleep(c.lasts)
			b.eval(t, webrtcStats, &after)
			r.Set(relay.Forth, relay.Conditions{})
			r.Set(relay.Back, relay.Conditions{})
			t.Logf("%+v, %+v", after, r.Figures(relay.Back))
			if rate := (after.Frames - before.Frames) / c.lasts.Seconds(); rate < c.rate {
				t.Errorf("%.1f pictures a second, want %.0f at least", rate, c.rate)
			}
			time.Sleep(3 * time.Second) // until it has recovered
			if _, after = requireRate(t, b, 30); after.Freezes-before.Freezes > c.freezes {
				t.Errorf("%v freezes", after.Freezes-before.Freezes)
			}
		})
	}
}
