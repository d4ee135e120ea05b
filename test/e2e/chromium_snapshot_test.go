//go:build e2e

package e2e

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"
)

// brightness draws the picture of the page's only video and returns how bright its
// parts are.
const brightness = `(() => {
	const c = document.createElement("canvas");
	c.width = 64; c.height = 36;
	const g = c.getContext("2d");
	const v = document.querySelector("video");
	g.drawImage(v, 0, 0, c.width, c.height);
	const p = g.getImageData(0, 0, c.width, c.height).data;
	const luma = [];
	for (let i = 0; i < p.length; i += 4) luma.push(0.2126 * p[i] + 0.7152 * p[i+1] + 0.0722 * p[i+2]);
	return {width: v.videoWidth, darkest: Math.min(...luma), brightest: Math.max(...luma)};
})()`

// TestFullChromiumSnapshot: a page shows the newest key frame as it shows any video.
func TestFullChromiumSnapshot(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, hardClip, "live/test", publishOptions{loop: true})
	b := openPage(t, s.httpURL("live/test/snapshot.mp4"))
	// Navigated to, it is the one video of a page that the browser makes.
	b.eventually(t, 20*time.Second, "the picture is there", `document.querySelector("video")?.readyState >= 2`)
	requireBright(t, b)
}

func requireBright(t *testing.T, b *browser) {
	t.Helper()
	var shown struct {
		Width              int
		Darkest, Brightest float64
	}
	b.eval(t, brightness, &shown)
	if shown.Width != 640 || shown.Brightest-shown.Darkest < 100 {
		t.Errorf("it shows %+v", shown)
	}
}

// closedClip has B-frames, and key frames at which every decoder can begin: those of
// open groups of pictures end decoding in Chromium when it seeks to them.
var closedClip = clip{"closed", join(lavfi(picture, noise), []string{"-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p",
	"-b:v", "800k", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0", "-bf", "3"}, aacStereo, []string{"-shortest"})}

// TestFullChromiumRecordedFile: a page plays what "weir record" wrote from its
// beginning to its end, without a gap.
func TestFullChromiumRecordedFile(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, closedClip, "live/test", publishOptions{loop: true})
	folder := t.TempDir()
	path := filepath.Join(folder, "file.mp4")
	p := start(t, time.Minute, nil, weirBinary(t), "record", "--duration", "6s", s.rtmpURL("live/test"), path)
	if err := p.wait(); err != nil {
		t.Fatalf("%v: %s", err, p.out.String())
	}
	files := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer files.Close()
	b := openPage(t, files.URL+"/file.mp4")
	b.eventually(t, 20*time.Second, "the picture is there", `document.querySelector("video")?.readyState >= 2`)
	requireBright(t, b)
	var about struct {
		Duration float64
		Begin    float64
		Ranges   int
	}
	b.eventually(t, 20*time.Second, "it is loaded", `(() => {
		const v = document.querySelector("video");
		return v.duration > 5.9 && v.buffered.length && v.buffered.end(0) > 5.5;
	})()`)
	b.eval(t, `(() => {
		const v = document.querySelector("video");
		return {duration: v.duration, begin: v.buffered.start(0), ranges: v.buffered.length};
	})()`, &about)
	if about.Duration > 6.2 || about.Begin > 0.1 || about.Ranges != 1 {
		t.Errorf("%+v", about)
	}
	var started bool
	b.eval(t, `(document.querySelector("video").play(), true)`, &started)
	b.eventually(t, 30*time.Second, "it plays to its end", `document.querySelector("video").ended`)
	var decoded struct{ Frames, Dropped, Sound int }
	b.eval(t, `(() => {
		const v = document.querySelector("video"), q = v.getVideoPlaybackQuality();
		return {frames: q.totalVideoFrames, dropped: q.droppedVideoFrames, sound: v.webkitAudioDecodedByteCount};
	})()`, &decoded)
	if decoded.Frames < 140 || decoded.Sound == 0 {
		t.Errorf("decoded %+v", decoded)
	}
	b.eval(t, `new Promise((done) => {
		const v = document.querySelector("video");
		v.onseeked = () => done(true);
		v.onerror = () => done(false);
		v.currentTime = 3.3;
	})`, &started)
	if !started {
		t.Error("it cannot seek")
	}
	requireBright(t, b)
}
