//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// TestFullChromiumRecordings records a stream for some seconds, twice, and does in
// the console what people do with recordings: they look when there is something,
// play it from a time on, over what is missing, download and delete it. The overview
// shows the newest picture of each stream.
func TestFullChromiumRecordings(t *testing.T) {
	t.Parallel()
	s := startServer(t, settings{"record.segment_duration": "4s"})
	s.publish(t, simpleClip, "live/demo", publishOptions{loop: true})
	s.publish(t, audioOnlyClip, "radio/jazz", publishOptions{loop: true})
	s.waitLive(t, "live/demo")
	b := openPage(t, s.httpURL(""))
	b.call(t, "Network.enable", nil, nil)
	b.call(t, "Log.enable", nil, nil)
	b.call(t, "Emulation.setScrollbarsHidden", map[string]any{"hidden": true}, nil)

	steps := []struct {
		name    string
		refuses bool // the server answers with errors, which Chromium complains about
		do      func(*testing.T, *browser, *server)
	}{
		{"thumbnails", false, showThumbnails}, {"record", true, recordHere}, {"play", false, playRecorded}, {"files", false, keepFiles}, {"looks", false, lookAtRecordings},
	}
	for _, step := range steps {
		ok := t.Run(step.name, func(t *testing.T) {
			step.do(t, b, s)
			if len(b.problems) > 0 && !step.refuses {
				t.Errorf("the page complains: %s", b.problems)
			}
			b.problems = nil
		})
		if !ok {
			break // the next ones need what it did
		}
	}
}

// showThumbnails: what has a picture is drawn, and what has none keeps its colour.
func showThumbnails(t *testing.T, b *browser, _ *server) {
	b.eventually(t, 30*time.Second, "the newest picture is drawn", `document.querySelector('[data-stream="live/demo"] .thumbnail[data-drawn]')`)
	b.eventually(t, 5*time.Second, "it is one", `(canvas => {
		const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
		return canvas.width > 100 && new Set(data).size > 16;
	})(document.querySelector('[data-stream="live/demo"] .thumbnail'))`)
	b.eventually(t, 5*time.Second, "sound has none", `document.querySelector('[data-stream="radio/jazz"] .thumbnail:not([data-drawn])')`)
}

// recordHere starts and stops a recorder twice, so that there is a gap.
func recordHere(t *testing.T, b *browser, _ *server) {
	const item = `[data-recorded="live/demo"]`
	recorder := func(is string) string {
		return fmt.Sprintf(`document.querySelector('%s [data-recorder=%s]')`, item, is)
	}
	b.follow(t, `nav a[href="?page=recordings"]`, `document.querySelector(".panel.empty") && document.querySelector(".gauge")`)
	b.enter(t, "[name=stream]", "nobody/here")
	b.follow(t, ".start-recording [type=submit]", `document.querySelector(".start-recording [role=alert]")`)
	b.enter(t, "[name=stream]", "live/demo")
	b.follow(t, ".start-recording [type=submit]", recorder("recording"))
	b.eventually(t, 40*time.Second, "there are files", `/[3-9] files/.test(document.querySelector('`+item+` .amount')?.innerText)`)
	b.follow(t, item+" .stop", `!`+recorder("recording"))
	time.Sleep(4 * time.Second) // the gap
	b.follow(t, item+" .start", recorder("recording"))
	b.eventually(t, 40*time.Second, "there are more files", `/[5-9] files/.test(document.querySelector('`+item+` .amount')?.innerText)`)
	b.follow(t, item+" .stop", `!`+recorder("recording"))
	b.eventually(t, 10*time.Second, "when there is something is drawn", `document.querySelector('`+item+` .extent .bar')?.getBoundingClientRect().width > 10`)
}

// playRecorded plays from the beginning over the gap to the end, and from a time that
// the address names.
func playRecorded(t *testing.T, b *browser, _ *server) {
	b.size(t, 1280, 860)
	b.follow(t, `[data-recorded="live/demo"] .name`, `document.querySelectorAll(".timeline .bar").length >= 4 && /Click/.test(document.querySelector(".screen .message").innerText)`)
	b.eventually(t, 5*time.Second, "the gap can be seen", `(bars => bars.some((bar, i) => i > 0 && bar.left - bars[i - 1].right > 20))(
		[...document.querySelectorAll(".timeline .bar")].map((bar) => bar.getBoundingClientRect()))`)
	b.click(t, ".timeline .bar")
	b.eventually(t, 20*time.Second, "it plays", `(v => v.currentTime > 1 && v.videoWidth > 0 && !v.paused)(document.querySelector("#recorded"))
		&& document.querySelector(".screen").dataset.state === "playing" && document.querySelector(".timeline .head") && location.search.includes("at=")`)
	b.eval(t, `(scrollTo(0, 0), true)`, new(bool))
	b.picture(t, "console-recordings")

	const date = `Number(document.querySelector(".timeline").getAttribute("aria-valuenow"))`
	b.eval(t, `(v => { v.playbackRate = 4; window.dates = []; v.addEventListener("timeupdate", () => window.dates.push(`+date+`)); return true; })(document.querySelector("#recorded"))`, new(bool))
	b.eventually(t, 60*time.Second, "it goes on after the gap", `window.dates.some((date, i) => i > 0 && date - window.dates[i - 1] >= 3)`)
	b.eventually(t, 60*time.Second, "it ends where nothing follows", `document.querySelector(".screen").dataset.state === "ended"`)
	var back bool
	if b.eval(t, `window.dates.every((date, i) => i === 0 || date >= window.dates[i - 1])`, &back); !back {
		t.Error("the time went back")
	}

	var before float64
	b.eval(t, `(document.querySelector(".timeline").focus(), `+date+`)`, &before)
	for range 3 {
		b.key(t, "ArrowLeft", 37, 0)
	}
	b.eventually(t, 20*time.Second, "keys seek", fmt.Sprintf(`%s < %f || document.querySelector(".screen").dataset.state === "playing"`, date, before))
	b.follow(t, `.ranges [aria-label="Zoom in"]`, `document.querySelector(".all").getAttribute("aria-pressed") === "false"`)
	b.follow(t, ".ranges .all", `document.querySelector(".all").getAttribute("aria-pressed") === "true"`)

	b.call(t, "Page.reload", nil, nil)
	b.eventually(t, 30*time.Second, "the address says from when", `(v => v && v.videoWidth > 0)(document.querySelector("#recorded")) && document.querySelector(".timeline .head")`)
}

// keepFiles downloads a file, plays another, and deletes it after asking.
func keepFiles(t *testing.T, b *browser, s *server) {
	var file struct {
		Href, Last string
		Files      int
	}
	b.eval(t, `({href: document.querySelector("tr[data-recording] a[download]").href, last: [...document.querySelectorAll("tr[data-recording]")].at(-1).dataset.recording,
		files: document.querySelectorAll("tr[data-recording]").length})`, &file)
	resp, err := http.Get(file.Href)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if media, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "video/mp4" || len(media) < 10_000 {
		t.Errorf("%s: %s, %d bytes of %s, %v", file.Href, resp.Status, len(media), resp.Header.Get("Content-Type"), err)
	}
	b.follow(t, "tr[data-recording] .play-file", `document.querySelector(".screen").dataset.state === "playing"`)
	b.follow(t, "tr[data-recording]:last-child .remove", `document.querySelector("dialog.confirm")`)
	b.follow(t, "dialog .plain", fmt.Sprintf(`!document.querySelector("dialog") && document.querySelectorAll("tr[data-recording]").length === %d`, file.Files))
	b.follow(t, "tr[data-recording]:last-child .remove", `document.querySelector("dialog.confirm")`)
	b.follow(t, "dialog .danger", fmt.Sprintf(`!document.querySelector("dialog") && document.querySelectorAll("tr[data-recording]").length === %d`, file.Files-1))
	gone, err := http.Get(s.httpURL("api/v1/recordings/" + file.Last))
	if err != nil {
		t.Fatal(err)
	}
	gone.Body.Close()
	if gone.StatusCode != http.StatusNotFound {
		t.Errorf("what was deleted is answered %s", gone.Status)
	}
}

// lookAtRecordings: both pages in both languages and widths.
func lookAtRecordings(t *testing.T, b *browser, _ *server) {
	b.eventually(t, 10*time.Second, "what was said in English is over", `!document.querySelector(".toast").innerText`)
	for _, language := range []string{"en", "zh"} {
		b.choose(t, "select[name=language]", language)
		for _, width := range []int{360, 1280} {
			b.size(t, width, 860)
			for _, p := range []pageOfConsole{
				{"all", `nav a[href="?page=recordings"]`, `document.querySelector("[data-recorded] .extent .bar")`},
				{"one", "[data-recorded] .name", `document.querySelector(".timeline .bar") && document.querySelector("tr[data-recording]")`},
			} {
				b.follow(t, p.link, p.complete)
				var found []string
				b.eval(t, findings, &found)
				for _, problem := range found {
					t.Errorf("%s %d %s: %s", language, width, p.name, problem)
				}
				b.picture(t, "")
			}
		}
	}
}
