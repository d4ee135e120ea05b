//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/weirmedia/weir/test/freeport"
	"github.com/weirmedia/weir/test/relay"
)

// throughRelay makes the media of a page come by another port of 127.0.0.1, and
// keeps what the page asks for by WebRTC's signalling in window.asked.
const throughRelay = `(() => {
	const set = RTCPeerConnection.prototype.setRemoteDescription;
	RTCPeerConnection.prototype.setRemoteDescription = function ({type, sdp}) {
		const lines = sdp.split("\r\n").filter((line) => !/^a=candidate:.* tcp /.test(line));
		return set.call(this, {type, sdp: lines.join("\r\n").replace(/^(a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1) \d+ /gm, "$1 %d ")});
	};
	const ask = window.fetch;
	window.asked = [];
	window.fetch = async (url, init) => {
		const answer = await ask(url, init);
		if (init?.method) window.asked.push({method: init.method, match: init.headers["If-Match"] ?? "", status: answer.status});
		return answer;
	};
})();`

// signal is one request of a page.
type signal struct {
	Method, Match string
	Status        int
}

// openThrough opens a page whose media come through a relay to the server's port
// for WebRTC.
func openThrough(t *testing.T, address, url string) (*browser, *relay.Relay) {
	t.Helper()
	r, err := relay.Start(address, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	b := openPage(t, "about:blank", webrtcArgs...)
	// The server would find a way past the relay to the page's candidates.
	script := fmt.Sprintf(throughRelay, r.Addr().Port()) + withoutTrickle
	b.call(t, "Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": script}, nil)
	b.call(t, "Page.navigate", map[string]any{"url": url}, nil)
	return b, r
}

// interrupt lets nothing through for some time.
func interrupt(r *relay.Relay, lasts time.Duration) {
	r.Set(relay.Forth, relay.Conditions{Loss: 1})
	r.Set(relay.Back, relay.Conditions{Loss: 1})
	time.Sleep(lasts)
	r.Set(relay.Forth, relay.Conditions{})
	r.Set(relay.Back, relay.Conditions{})
}

// requireRestart checks that a page has begun one session, and mended it by ICE
// restarts.
func requireRestart(t *testing.T, b *browser) {
	t.Helper()
	var asked []signal
	b.eval(t, "asked", &asked)
	posts, restarts := 0, 0
	for _, a := range asked {
		switch {
		case a.Method == http.MethodPost:
			posts++
		case a.Match == "*" && a.Status == http.StatusOK:
			restarts++
		}
	}
	if posts != 1 || restarts == 0 {
		t.Errorf("%d sessions and %d restarts: %+v", posts, restarts, asked)
	}
}

// TestFullChromiumPlayerOutage: when nothing gets through for longer than the
// browser takes for an interruption, the player mends its session by an ICE
// restart; later it begins another.
func TestFullChromiumPlayerOutage(t *testing.T) {
	for _, lasts := range []time.Duration{10 * time.Second, 20 * time.Second} {
		t.Run(lasts.String(), func(t *testing.T) {
			t.Parallel()
			address := freeport.Address(t)
			f, s := ffmpeg9(t), startServer(t, settings{"webrtc.listen": address})
			publishOpus(t, f, s)
			b, r := openThrough(t, address, s.httpURL("?play=live/test"))
			requireWhy(t, b, "WebRTC is the way of least delay.")
			b.eventually(t, 40*time.Second, "WebRTC plays", playsTracks)
			interrupt(r, lasts)
			began := time.Now()
			b.eventually(t, 30*time.Second, "it plays on", playing)
			t.Logf("it plays again %v after the outage", time.Since(began))
			requireAdvance(t, b)
			b.eventually(t, 10*time.Second, "it is WebRTC", statsLine+`.includes("UDP")`)
			if lasts < 15*time.Second { // else the session may be given up
				requireRestart(t, b)
			}
		})
	}
}

// TestFullChromiumPublishOutage: a publisher goes on in the same way.
func TestFullChromiumPublishOutage(t *testing.T) {
	t.Parallel()
	address := freeport.Address(t)
	s := startServer(t, settings{"webrtc.listen": address, "stream.grace": "10s"})
	b, r := openThrough(t, address, s.httpURL(""))
	publishHere(t, b, "live/test", "test", "video/VP8")
	interrupt(r, 10*time.Second)
	b.eventually(t, 20*time.Second, "it is live again", publishing)
	requireRestart(t, b)
	before, _ := s.stream(t, "live/test")
	eventually(t, 10*time.Second, "frames come", func() bool {
		st, ok := s.stream(t, "live/test")
		return ok && st.State == "live" && st.FramesIn > before.FramesIn+60
	})
}
