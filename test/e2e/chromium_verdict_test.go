//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"
)

// options for x264 that make B-frames which can be left out, and such that cannot.
const (
	plainBFrames = "bframes=2:b-pyramid=none:b-adapt=0"
	pyramid      = "bframes=3:b-pyramid=normal:b-adapt=0"
)

// requireVerdict waits until the stream's card says what it is worth by WebRTC.
func requireVerdict(t *testing.T, b *browser, gets, text string) {
	t.Helper()
	b.eventually(t, 20*time.Second, "the card says "+text, fmt.Sprintf(
		`(({dataset, innerText} = {}) => dataset?.gets === %q && new RegExp(%q).test(innerText))(document.querySelector('[data-stream="live/test"] .verdict') ?? {})`, gets, text))
}

// TestFullChromiumVerdict: the card of a stream says what a viewer by WebRTC gets,
// and the player takes the way that brings all of it.
func TestFullChromiumVerdict(t *testing.T) {
	for _, tt := range []struct {
		name, params     string
		gets, text       string
		protocol, choice string
	}{
		{"safe", "bframes=0", "all", "WebRTC with sound", "webrtc", "WebRTC is the way of least delay."},
		{"B-frames", plainBFrames, "less", `WebRTC without B-frames\s+B-frames: \d+ of (29|30) frames per second sent; set bframes=0`,
			"wsmp4", "WS-fMP4 is of little delay and has every frame. WebRTC: B-frames are left out: set bframes=0 in the encoder."},
		{"pyramid", pyramid, "nothing", `Not by WebRTC\s+The server cannot send it so: .*bframes=0`,
			"wsmp4", "WS-fMP4 is of little delay and has every frame. WebRTC: The server cannot send it so: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := startWebRTC(t)
			publishLive(t, s, tt.params)
			s.waitLive(t, "live/test")
			b := openPage(t, s.httpURL(""), webrtcArgs...)
			requireVerdict(t, b, tt.gets, tt.text)
			b.click(t, `[data-stream="live/test"] .card`)
			requireWhy(t, b, tt.choice)
			requireViewers(t, s, tt.protocol)
			b.eventually(t, 20*time.Second, "it plays", playing+" && "+currentTime+" > 3")
		})
	}
}

// TestFullChromiumPlayerEmbeddedChoice: without API, WebRTC is taken for what it
// brings whole, and the next way for the rest.
func TestFullChromiumPlayerEmbeddedChoice(t *testing.T) {
	for _, tt := range []struct{ name, params, way, protocol, why string }{
		{"safe", "bframes=0", "whep", "webrtc", "WebRTC is the way of least delay."},
		{"B-frames", plainBFrames, "wsmp4", "wsmp4", "bframes=0"},
		{"pyramid", pyramid, "wsmp4", "wsmp4", "bframes=0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := startWebRTC(t)
			publishLive(t, s, tt.params)
			s.waitLive(t, "live/test")
			time.Sleep(2 * time.Second) // B-frames have been seen
			page := `<!doctype html><title>news</title><script src="` + s.httpURL("assets/weir-player.js") + `"></script>
				<weir-player src="` + s.httpURL("live/test") + `" autoplay muted></weir-player>`
			b := openPage(t, serveOther(t, page), webrtcArgs...)
			b.eventually(t, 30*time.Second, "it plays by "+tt.way, fmt.Sprintf(
				`(({state, way, why} = {}) => state === "playing" && way === %q && why.includes(%q))(document.querySelector("weir-player")?.status ?? {})`, tt.way, tt.why))
			requireViewers(t, s, tt.protocol)
		})
	}
}

// withoutFirstVerdict takes what the API's first answer says of B-frames away, as
// when a stream has just begun.
const withoutFirstVerdict = `(() => {
	const ask = window.fetch;
	let first = true;
	window.fetch = async (url, init) => {
		const answer = await ask(url, init);
		if (!first || !String(url).includes("/api/v1/streams")) return answer;
		first = false;
		const {headers, status} = answer;
		return new Response((await answer.text()).replaceAll(/"has_b_frames":\w+,?/g, ""), {headers, status});
	};
})()`

// TestFullChromiumPlayerPatience: the player of a stream that has just begun does
// not settle for another way before it is known whether there are B-frames.
func TestFullChromiumPlayerPatience(t *testing.T) {
	t.Parallel()
	s := startWebRTC(t)
	publishLive(t, s, "bframes=0")
	s.waitLive(t, "live/test")
	b := openPage(t, "about:blank", webrtcArgs...)
	b.call(t, "Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": withoutFirstVerdict}, nil)
	b.call(t, "Page.navigate", map[string]any{"url": s.httpURL("?play=live/test")}, nil)
	requireWhy(t, b, "WebRTC is the way of least delay.")
	requireViewers(t, s, "webrtc")
}
