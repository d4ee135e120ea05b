//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/weirmedia/weir/test/freeport"
)

// startWebRTC starts a server that has WebRTC.
func startWebRTC(t *testing.T) *server {
	t.Helper()
	return startServer(t, settings{"webrtc.listen": freeport.Address(t)})
}

// playsTracks is a JavaScript expression that tells whether the player shows
// pictures of WebRTC and has done so for three seconds.
const playsTracks = playing + ` && document.querySelector("video#player").srcObject?.active && ` + currentTime + ` > 3`

// publishOpus publishes what WebRTC can have as it is, H.264 without B-frames and
// Opus, as live/test.
func publishOpus(t *testing.T, f rooted, s *server) *process {
	t.Helper()
	p := f.start(t, 3*time.Minute, nil, "ffmpeg", "-nostdin", "-v", "warning", "-re", "-stream_loop", "-1", "-i", f.clip(t, h264Opus.clip),
		"-c", "copy", "-f", "flv", s.rtmpURL("live/test"))
	s.waitLive(t, "live/test")
	return p
}

// TestFullChromiumPlayerWebRTC: the console's player takes WebRTC for a stream
// that is safe for it, plays it with sound, tells what it measures, waits for a
// publisher that is gone and leaves when it is closed.
func TestFullChromiumPlayerWebRTC(t *testing.T) {
	t.Parallel()
	f, s := ffmpeg9(t), startWebRTC(t)
	publisher := publishOpus(t, f, s)
	b := openPage(t, s.httpURL("?play=live/test"), webrtcArgs...)
	requireWhy(t, b, "WebRTC is the way of least delay.")
	b.eventually(t, 40*time.Second, "WebRTC plays", playsTracks)
	requireViewers(t, s, "webrtc")
	for _, part := range []string{" fps", " s behind", " ms round trip", " ms jitter", " lost", "UDP", " freezes", " ms buffered"} {
		b.eventually(t, 20*time.Second, "the player tells of"+part, statsLine+`.includes("`+part+`")`)
	}
	var heard float64
	b.eval(t, loudness, &heard)
	if heard < 0.01 {
		t.Errorf("the sound has an amplitude of %.4f", heard)
	}
	var line string
	b.eval(t, statsLine, &line)
	t.Log(line)

	publisher.kill()
	b.eventually(t, 30*time.Second, "the player waits for a publisher", `!(`+playing+`)`)
	publishOpus(t, f, s)
	b.eventually(t, 40*time.Second, "it plays the publisher that came back", playing)
	requireAdvance(t, b)

	b.click(t, ".player .close")
	eventually(t, 10*time.Second, "nobody watches", func() bool {
		st, _ := s.stream(t, "live/test")
		return st.ViewersTotal == 0
	})
}

// loudness measures the greatest amplitude of the player's sound in a second.
const loudness = `(async () => {
	const audio = new AudioContext();
	await audio.resume();
	const meter = audio.createAnalyser();
	meter.fftSize = 32768;
	audio.createMediaStreamSource(document.querySelector("video#player").srcObject).connect(meter);
	await new Promise((done) => setTimeout(done, 1000));
	const samples = new Float32Array(meter.fftSize);
	meter.getFloatTimeDomainData(samples);
	await audio.close();
	return samples.reduce((most, s) => Math.max(most, Math.abs(s)), 0);
})()`

// TestFullChromiumPlayerWebRTCFallsBack: sound that WebRTC cannot have, and a port
// that nobody reaches, lead to the next way, with the reason.
func TestFullChromiumPlayerWebRTCFallsBack(t *testing.T) {
	t.Run("no sound by it", func(t *testing.T) {
		t.Parallel()
		s := startWebRTC(t)
		s.publish(t, mp3Clip, "live/test", publishOptions{loop: true})
		b := openPage(t, s.httpURL("?play=live/test"), webrtcArgs...)
		requireWhy(t, b, "HTTP-FLV is of little delay and plain HTTP. WebRTC: Browsers cannot play MP3 audio from WebRTC.")
		requirePlays(t, b)
		fetchBy(t, b, "whep")
		requireWhy(t, b, "WebRTC, as you chose. Browsers cannot play MP3 audio from WebRTC.")
		b.eventually(t, 40*time.Second, "the picture plays", playsTracks)
	})
	t.Run("no connection", func(t *testing.T) {
		t.Parallel()
		f, s := ffmpeg9(t), startWebRTC(t)
		publishOpus(t, f, s)
		b := openPage(t, s.httpURL(""), webrtcArgs...)
		b.call(t, "Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": withoutCandidates + withoutTrickle}, nil)
		b.call(t, "Page.navigate", map[string]any{"url": s.httpURL("?play=live/test")}, nil)
		requireWhy(t, b, "WebRTC: No connection came about")
		requireViewers(t, s, "wsmp4")
		b.eventually(t, 40*time.Second, "WS-fMP4 plays", playing)
	})
}

// withoutCandidates makes answers of WebRTC lead nowhere.
const withoutCandidates = `(() => {
	const set = RTCPeerConnection.prototype.setRemoteDescription;
	RTCPeerConnection.prototype.setRemoteDescription = function ({type, sdp}) {
		return set.call(this, {type, sdp: sdp.replace(/^a=candidate:.*\r\n/gm, "")});
	};
})();`

// withoutTrickle keeps the page's candidates from the server.
const withoutTrickle = `Object.defineProperty(RTCPeerConnection.prototype, "onicecandidate", {set() {}});`

// TestFullChromiumPlayerTrickle: a page that cannot reach the server's addresses
// tells its own, and is reached there.
func TestFullChromiumPlayerTrickle(t *testing.T) {
	t.Parallel()
	f, s := ffmpeg9(t), startWebRTC(t)
	publishOpus(t, f, s)
	b := openPage(t, "about:blank", webrtcArgs...)
	b.call(t, "Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": withoutCandidates}, nil)
	b.call(t, "Page.navigate", map[string]any{"url": s.httpURL("?play=live/test")}, nil)
	requireWhy(t, b, "WebRTC is the way of least delay.")
	b.eventually(t, 20*time.Second, "WebRTC plays", playsTracks)
}

// TestFullChromiumPlayerEmbeddedWebRTC: a page of another origin plays by WHEP if
// it asks for it, and leaves.
func TestFullChromiumPlayerEmbeddedWebRTC(t *testing.T) {
	t.Parallel()
	f, s := ffmpeg9(t), startWebRTC(t)
	publishOpus(t, f, s)
	page := `<!doctype html><title>news</title><script src="` + s.httpURL("assets/weir-player.js") + `"></script>
		<weir-player src="` + s.httpURL("live/test") + `" via="whep" autoplay muted></weir-player>`
	b := openPage(t, serveOther(t, page), webrtcArgs...)
	b.eventually(t, 40*time.Second, "it plays by WebRTC", `(({state, way} = {}) => state === "playing" && way === "whep")(document.querySelector("weir-player")?.status ?? {})`)
	b.eventually(t, 20*time.Second, "it tells its delay", `document.querySelector("weir-player").latency?.seconds < 10`)
	requireViewers(t, s, "webrtc")
	var ok bool
	b.eval(t, `(document.querySelector("weir-player").remove(), true)`, &ok)
	eventually(t, 10*time.Second, "nobody watches", func() bool {
		st, _ := s.stream(t, "live/test")
		return st.ViewersTotal == 0
	})
}
