//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// hardPackets is how many packets of hardClip are compared: about five seconds.
const hardPackets = 350

// TestQuickRTMP: what ffmpeg publishes is what ffmpeg reads back.
func TestQuickRTMP(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, hardClip, "live/test", publishOptions{})
	got := readPackets(t, s.rtmpURL("live/test"), hardPackets, 40*time.Second)
	requireRun(t, filePackets(t, hardClip.path(t)), got)
}

// TestQuickHTTPFLV is TestQuickRTMP over HTTP.
func TestQuickHTTPFLV(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, hardClip, "live/test", publishOptions{})
	got := readPackets(t, s.httpURL("live/test.flv"), hardPackets, 40*time.Second)
	requireRun(t, filePackets(t, hardClip.path(t)), got)
}

// TestQuickChromium: the console lists the stream and plays it in a click.
func TestQuickChromium(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	b := openPage(t, s.httpURL(""))

	const card = `[data-stream="live/test"]`
	b.eventually(t, 30*time.Second, "the stream is listed", `document.querySelector('`+card+`')`)
	var text string
	b.eval(t, `document.querySelector('`+card+`').innerText`, &text)
	requireContains(t, "the stream's card", text, "H264", "AAC", "640")
	b.click(t, card)
	requirePlays(t, b)
}

// requirePicture checks that the player decoded many pictures and sound, and
// that what it shows is a picture: bright and dark parts, as the test source
// has.
func requirePicture(t *testing.T, b *browser) {
	t.Helper()
	const frames = `document.querySelector("video#player").getVideoPlaybackQuality().totalVideoFrames`
	b.eventually(t, 30*time.Second, "fifty pictures are decoded", frames+` >= 50`)
	var shown struct {
		Width, Height      int
		AudioBytes         int
		Darkest, Brightest float64
	}
	b.eval(t, `(() => {
		const v = document.querySelector("video#player");
		const c = document.createElement("canvas");
		c.width = 64; c.height = 36;
		const g = c.getContext("2d");
		g.drawImage(v, 0, 0, c.width, c.height);
		const p = g.getImageData(0, 0, c.width, c.height).data;
		let darkest = 255, brightest = 0;
		for (let i = 0; i < p.length; i += 4) {
			const luma = 0.2126 * p[i] + 0.7152 * p[i+1] + 0.0722 * p[i+2];
			darkest = Math.min(darkest, luma); brightest = Math.max(brightest, luma);
		}
		return {width: v.videoWidth, height: v.videoHeight,
			audioBytes: v.webkitAudioDecodedByteCount, darkest, brightest};
	})()`, &shown)
	if shown.Width != 640 || shown.Height != 360 {
		t.Errorf("the player shows %dx%d, want 640x360", shown.Width, shown.Height)
	}
	if shown.AudioBytes == 0 {
		t.Error("no sound decoded")
	}
	if shown.Brightest-shown.Darkest < 100 {
		t.Errorf("the picture is flat: brightness from %.0f to %.0f", shown.Darkest, shown.Brightest)
	}
}

// requireAdvance checks that the picture keeps moving.
func requireAdvance(t *testing.T, b *browser) {
	t.Helper()
	requireAdvanceWithin(t, b, 10*time.Second)
}

// requireAdvanceWithin allows for a player that is still at the end of what was
// before, and then begins anew, at an earlier time.
func requireAdvanceWithin(t *testing.T, b *browser, limit time.Duration) {
	t.Helper()
	var before float64
	b.eval(t, `(() => { const v = document.querySelector("video#player"); window.weirTestFrom = v.currentTime; return v.currentTime; })()`, &before)
	b.eventually(t, limit, "the player goes on", `(() => {
		const { currentTime } = document.querySelector("video#player");
		window.weirTestFrom = Math.min(window.weirTestFrom, currentTime);
		return currentTime > window.weirTestFrom + 1;
	})()`)
}
