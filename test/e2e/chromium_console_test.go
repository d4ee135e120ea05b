//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

const currentTime = `document.querySelector("video#player")?.currentTime`

// statsLine is a JavaScript expression for the player's line about playback.
const statsLine = `(document.querySelector(".stats")?.innerText ?? "")`

// playedSeconds is a JavaScript expression for how much the player has played;
// its time begins anywhere.
const playedSeconds = `(({played} = {}) => Array.from({length: played?.length ?? 0}, (_, i) => played.end(i) - played.start(i)).reduce((a, b) => a + b, 0))(document.querySelector("video#player") ?? {})`

// requirePlays waits until the player has played three seconds, and checks that
// they were good and that it goes on.
func requirePlays(t *testing.T, b *browser) {
	t.Helper()
	b.eventually(t, 40*time.Second, "the player played for three seconds", playedSeconds+" > 3")
	requirePicture(t, b)
	requireAdvance(t, b)
}

// requireMessage waits for what the player tells the viewer.
func requireMessage(t *testing.T, b *browser, limit time.Duration, text string) {
	t.Helper()
	b.eventually(t, limit, "the player says "+text,
		fmt.Sprintf(`(document.querySelector(".message")?.innerText ?? "").includes(%q)`, text))
}

// TestFullChromiumWebSocket: the player plays WS-FLV by a link and by its
// switch, and tells why a WebSocket was closed.
func TestFullChromiumWebSocket(t *testing.T) {
	t.Parallel()
	s := startServer(t, settings{"stream.wait": "1s", "stream.grace": "1s"})
	publisher := s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	b := openPage(t, s.httpURL("?play=live/test&via=wsflv"))

	requirePlays(t, b)
	requireViewers(t, s, "wsflv")
	fetchBy(t, b, "httpflv")
	requireViewers(t, s, "httpflv")
	requirePlays(t, b)
	b.eventually(t, time.Second, "the link names HTTP-FLV", `location.search.includes("via=httpflv")`)
	fetchBy(t, b, "wsflv")
	requireViewers(t, s, "wsflv")

	publisher.kill()
	requireMessage(t, b, 20*time.Second, "The stream has ended.")
	requireMessage(t, b, 20*time.Second, "The stream is not live.")
}

// requireViewers waits until live/test has one viewer, by the named protocol.
func requireViewers(t *testing.T, s *server, protocol string) {
	t.Helper()
	eventually(t, 20*time.Second, "one viewer by "+protocol, func() bool {
		st, ok := s.stream(t, "live/test")
		return ok && st.ViewersTotal == 1 && st.Viewers[protocol] == 1
	})
}

// TestFullChromiumLatency: the player shows how far it is behind the server,
// and makes up for a pause.
func TestFullChromiumLatency(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	b := openPage(t, s.httpURL("?play=live/test"))

	// A key frame every two seconds and the browser's buffer: more would be a
	// measurement that is wrong, or a player that does not keep up.
	const near = `Number(` + statsLine + `.match(/([\d.]+) s behind · [\d.]+ s buffered$/)?.[1] ?? NaN) < 4`
	b.eventually(t, 40*time.Second, "the player is near the present", near)
	var paused bool
	b.eval(t, `(() => { const v = document.querySelector("video#player"); v.pause(); return v.paused; })()`, &paused)
	b.eventually(t, 30*time.Second, "the paused player falls behind", `Number(`+statsLine+`.match(/([\d.]+) s behind/)?.[1]) > 6`)
	b.eval(t, `document.querySelector("video#player").play().then(() => true)`, &paused)
	b.eventually(t, 20*time.Second, "the player is back", near)
}

// TestFullChromiumAddresses: a stream's addresses can be copied.
func TestFullChromiumAddresses(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	b := openPage(t, s.httpURL(""))
	const addresses = `[data-stream="live/test"] .addresses`
	b.eventually(t, 30*time.Second, "the stream is listed", `document.querySelector('`+addresses+`')`)
	b.click(t, addresses+" summary")
	var values []string
	b.eval(t, `[...document.querySelectorAll('`+addresses+` input')].map((i) => i.value)`, &values)
	for _, want := range []string{s.httpURL("live/test.flv"), "ws://" + s.http + "/live/test.flv", s.rtmpURL("live/test"), "rtmp://" + s.rtmp + "/live", "test"} {
		if !slices.Contains(values, want) {
			t.Errorf("no address %s among %q", want, values)
		}
	}
	b.eventually(t, time.Second, "unfolding the addresses plays nothing", `!document.querySelector("video#player")`)
}
