//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// playerWays are the ways of the player, with the protocol by which the server
// lists its viewers and what says what the player has chosen.
var playerWays = []struct{ way, protocol, why string }{
	{"wsmp4", "wsmp4", "WS-fMP4"},
	{"httpflv", "httpflv", "HTTP-FLV"},
	{"wsflv", "wsflv", "WS-FLV"},
	{"llhls", "hls", "LL-HLS"},
	{"hls", "hls", "HLS"},
}

// fetchBy chooses a way of the console's player; "" leaves it to the player.
func fetchBy(t *testing.T, b *browser, way string) {
	t.Helper()
	var value string
	b.eval(t, fmt.Sprintf(`(() => {
		const select = document.querySelector(".via select");
		select.value = %q;
		select.dispatchEvent(new Event("change", {bubbles: true}));
		return select.value;
	})()`, way), &value)
	if value != way {
		t.Fatalf("the player offers no way %q", way)
	}
}

// playing is a JavaScript expression that tells whether the player says it plays.
const playing = `document.querySelector(".screen").dataset.state === "playing"`

// requireWhy waits until the player says which way it took and why.
func requireWhy(t *testing.T, b *browser, text string) {
	t.Helper()
	b.eventually(t, 20*time.Second, "the player says "+text,
		fmt.Sprintf(`(document.querySelector(".why")?.innerText ?? "").includes(%q)`, text))
}

// TestFullChromiumPlayerWays: without WebRTC the player takes the way of least
// delay, says so, and plays by each other one that is chosen.
func TestFullChromiumPlayerWays(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	b := openPage(t, s.httpURL("?play=live/test"))

	requirePlays(t, b)
	requireViewers(t, s, "wsmp4")
	requireWhy(t, b, "WS-fMP4 is of little delay and has every frame.")
	for _, w := range playerWays {
		fetchBy(t, b, w.way)
		requireWhy(t, b, w.why+", as you chose.")
		b.eventually(t, 30*time.Second, w.why+" plays", playing)
		requirePlays(t, b)
		b.eventually(t, 20*time.Second, w.why+" tells its delay", statsLine+`.includes("s behind")`)
		b.eventually(t, time.Second, "the link names "+w.way, `location.search.endsWith("via=`+w.way+`")`)
		// A session of HLS is there for some time after its viewer has gone.
		if st, _ := s.stream(t, "live/test"); st.Viewers[w.protocol] == 0 {
			t.Errorf("viewers by protocol are %v, none by %s", st.Viewers, w.protocol)
		}
		var line string
		b.eval(t, statsLine, &line)
		t.Logf("%s: %s", w.why, line)
	}
	fetchBy(t, b, "")
	requireWhy(t, b, "WS-fMP4 is of little delay and has every frame.")
	b.eventually(t, time.Second, "the link names no way", `!location.search.includes("via")`)
}

// TestFullChromiumPlayerLatency: near means near. The bounds are far above what
// a quiet machine shows, and far below what a player would have that does not
// chase the live edge.
func TestFullChromiumPlayerLatency(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	for _, w := range []struct {
		way   string
		bound float64
	}{{"wsmp4", 1.5}, {"httpflv", 1.5}, {"llhls", 3.5}} {
		b := openPage(t, s.httpURL("?play=live/test&via="+w.way))
		b.eventually(t, 60*time.Second, w.way+" is near the present",
			fmt.Sprintf(`Number(%s.match(/([\d.]+) s behind · /)?.[1] ?? NaN) < %g`, statsLine, w.bound))
		b.kill()
	}
}

// TestFullChromiumPlayerCodecs: what FLV cannot bring comes by another way, and
// sound that no way can bring is left out.
func TestFullChromiumPlayerCodecs(t *testing.T) {
	tests := []struct {
		clip     enhancedClip
		protocol string
		via, why string
		silent   bool
	}{
		{vp9FLAC, "wsmp4", "", "WS-fMP4 is of little delay and has every frame.", false},
		{vp9FLAC, "hls", "&via=llhls", "LL-HLS, as you chose.", false},
		{av1Opus, "wsmp4", "", "WS-fMP4 is of little delay and has every frame.", false},
		{h264AC3, "wsmp4", "", "This browser cannot play AC-3 audio.", true},
	}
	for _, tt := range tests {
		t.Run(tt.clip.name+" by "+tt.protocol, func(t *testing.T) {
			t.Parallel()
			f, s := ffmpeg9(t), startServer(t, nil)
			file := f.clip(t, tt.clip.clip)
			b := openPage(t, s.httpURL(""))
			f.publish(t, s, file, "live/test")
			b.call(t, "Page.navigate", map[string]any{"url": s.httpURL("?play=live/test" + tt.via)}, nil)
			requireWhy(t, b, tt.why)
			b.eventually(t, 40*time.Second, "the picture moves", playedSeconds+` > 3 && document.querySelector("video#player").videoHeight === 180`)
			requireViewers(t, s, tt.protocol)
			var sound int
			b.eval(t, `document.querySelector("video#player").webkitAudioDecodedByteCount`, &sound)
			if (sound == 0) != tt.silent {
				t.Errorf("%d bytes of sound decoded, silent is to be %t", sound, tt.silent)
			}
		})
	}
}

var h264AC3 = newEnhancedClip("h264-ac3", "H264", "AC-3", x264Simple, "-c:a", "ac3")

// TestFullChromiumPlayerFallsBack: a way that the server does not offer, or that
// something before it does not let through, is left for the next.
func TestFullChromiumPlayerFallsBack(t *testing.T) {
	t.Parallel()
	s := startServer(t, settings{"httpmp4.enabled": "false"})
	s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	b := openPage(t, s.httpURL("?play=live/test"))
	requireWhy(t, b, "HTTP-FLV is of little delay and plain HTTP. WS-fMP4: The server does not offer it.")
	requirePlays(t, b)
	requireViewers(t, s, "httpflv")
}

// TestFullChromiumPlayerRecovers: by each way the player comes back by itself
// when the publisher and when the server was gone.
func TestFullChromiumPlayerRecovers(t *testing.T) {
	for _, w := range playerWays {
		t.Run(w.way, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, nil)
			publisher := s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
			b := openPage(t, s.httpURL("?play=live/test&via="+w.way))
			requirePlays(t, b)

			publisher.kill()
			eventually(t, 20*time.Second, "the stream is gone", func() bool {
				_, ok := s.stream(t, "live/test")
				return !ok
			})
			b.eventually(t, 60*time.Second, "the player waits for a publisher", `!(`+playing+`)`)
			publisher = s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
			b.eventually(t, 60*time.Second, "the player plays the publisher that came back", playing)
			requireAdvanceWithin(t, b, 60*time.Second)

			s.process.kill()
			publisher.kill()
			b.eventually(t, 60*time.Second, "the player waits for the server", `document.querySelector(".screen").dataset.state === "waiting"`)
			s.restart(t)
			s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
			b.eventually(t, 60*time.Second, "the player plays again", playing)
			requirePlays(t, b)
		})
	}
}

// restart starts the program again, where it was and as it was.
func (s *server) restart(t *testing.T) {
	t.Helper()
	config, err := os.ReadFile(s.dir + "/weir.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s.process = runWeir(t, s.dir, string(config), 15*time.Minute, "serve")
	t.Cleanup(func() { s.stop(t) })
	eventually(t, 15*time.Second, "server ready again", func() bool {
		res, err := http.Get(s.httpURL("readyz"))
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// TestFullChromiumPlayerBounded: what was played is taken away again.
func TestFullChromiumPlayerBounded(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	b := openPage(t, s.httpURL("?play=live/test"))
	const buffered = `(() => { const v = document.querySelector("video#player"); return v.buffered.length ? v.buffered.end(v.buffered.length - 1) - v.buffered.start(0) : 0; })()`
	b.eventually(t, 90*time.Second, "half a minute was played", playedSeconds+" > 34")
	var most float64
	for range 20 {
		var now float64
		b.eval(t, buffered, &now)
		most = max(most, now)
		time.Sleep(time.Second)
	}
	if most > 33 {
		t.Errorf("%.1f s of media were kept", most)
	}
	requireAdvance(t, b)
}

// serveOther serves a page from another origin than weir's and returns its address.
func serveOther(t *testing.T, page string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(page)) // a browser that left needs no answer
	}))
	other.Listener.Close()
	other.Listener = l
	other.Start()
	t.Cleanup(other.Close)
	return other.URL
}

// exposeVideo makes the embedded player's element the page's video#player, as
// the helpers know it.
const exposeVideo = `(() => {
	const find = document.querySelector.bind(document);
	document.querySelector = (s) => (s === "video#player" ? find("weir-player")?.video : find(s));
	return true;
})()`

// TestFullChromiumPlayerEmbedded: a page of another origin plays by each way.
func TestFullChromiumPlayerEmbedded(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	page := `<!doctype html><title>news</title><script src="` + s.httpURL("assets/weir-player.js") + `"></script>
		<weir-player src="` + s.httpURL("live/test") + `" autoplay muted></weir-player>`
	b := openPage(t, serveOther(t, page))
	var ok bool
	b.eval(t, exposeVideo, &ok)

	requirePlays(t, b)
	requireViewers(t, s, "wsmp4")
	for _, w := range playerWays {
		b.eval(t, fmt.Sprintf(`(document.querySelector("weir-player").setAttribute("via", %q), true)`, w.way), &ok)
		b.eventually(t, 40*time.Second, w.why+" plays", fmt.Sprintf(
			`(({state, way} = {}) => state === "playing" && way === %q)(document.querySelector("weir-player").status ?? {})`, w.way))
		requirePlays(t, b)
		b.eventually(t, 20*time.Second, w.why+" tells its delay", `document.querySelector("weir-player").latency?.seconds < 30`)
		var by string
		b.eval(t, `JSON.stringify(document.querySelector("weir-player").latency)`, &by)
		t.Logf("%s: %s", w.way, by)
	}
	b.eval(t, `(document.querySelector("weir-player").remove(), true)`, &ok)
	eventually(t, 30*time.Second, "nobody watches", func() bool {
		st, _ := s.stream(t, "live/test")
		return st.ViewersTotal == 0
	})
}

// TestFullChromiumPlayerDocument: the page of the manual plays.
func TestFullChromiumPlayerDocument(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../../docs/player.md")
	if err != nil {
		t.Fatal(err)
	}
	_, sample, found := strings.Cut(string(manual), "```html page\n")
	sample, _, ended := strings.Cut(sample, "```")
	if !found || !ended {
		t.Fatal("docs/player.md has no sample of a page")
	}
	s := startServer(t, nil)
	s.publish(t, simpleClip, "live/demo", publishOptions{loop: true})
	b := openPage(t, serveOther(t, strings.ReplaceAll(sample, "HOST:8080", s.http)))
	var ok bool
	b.eval(t, exposeVideo, &ok)
	requirePlays(t, b)
	b.eventually(t, 10*time.Second, "the page shows what the player says", `document.querySelector("output").textContent.includes("WS-fMP4")`)
}
