//go:build e2e

package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/test/freeport"
)

var update = flag.Bool("update", false, "write the pictures of docs/images")

// mostPicture bounds a picture of the documents, in bytes.
const mostPicture = 150_000

// pageOfConsole is a page, how the test gets there from another, and what is there
// once it is complete.
type pageOfConsole struct {
	name, link, complete string
}

var consolePages = []pageOfConsole{
	{"overview", `nav a[href="?"]`, `document.querySelectorAll(".charts canvas").length === 4 && document.querySelectorAll("[data-stream]").length === 3
		&& /bit/.test(document.querySelector(".charts b").innerText) && document.querySelector(".charts .chip")`},
	{"stream", `[data-stream="live/demo"] .details`, `document.querySelectorAll(".charts canvas").length === 3 && document.querySelector(".events li") && document.querySelector("tr[data-session]") && document.querySelector(".verdict")`},
	{"sessions", `nav a[href="?page=sessions"]`, `document.querySelectorAll("tr[data-session]").length >= 4
		&& [/bit.s/, /\d ms/].every((figure) => [...document.querySelectorAll("tr[data-session] .figure")].some((e) => figure.test(e.innerText)))`},
	{"session", `tr[data-session] td a.code`, `document.querySelector(".details .facts") && document.querySelector(".moments [data-what=connected]") && document.querySelector(".moments [data-what=authorised] .detail")`},
	{"ended", `.tabs a:not([aria-current])`, `document.querySelector(".reason")`},
	{"events", `nav a[href="?page=events"]`, `document.querySelectorAll(".events li").length > 3`},
	{"config", `nav a[href="?page=config"]`, `document.querySelectorAll(".section").length > 10`},
}

// findings is a JavaScript expression for what is wrong with the page of the
// moment. Words of the server, names, codes and what is typed are in any language.
const findings = `(() => {
	const found = [];
	const wide = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth > wide) {
		const sticks = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > wide + 1);
		found.push("wider than the screen: " + sticks.slice(0, 5).map((e) => e.tagName + "." + e.className).join(" "));
	}
	for (const e of document.querySelectorAll("button, a, input, select, textarea")) {
		const name = e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.[0]?.textContent.trim();
		if (!name) found.push("without a name: " + e.outerHTML.slice(0, 120));
	}
	const foreign = "[lang=en], code, pre, .code, .name, .title, a[href*='name='], time, [data-label] > a, select[name=language], .page > h2, .dialog h2, .figure, .facts dd";
	const terms = new RegExp("^(" + [
		"weir", "RTMPS?", "RTSPS?", "RTP", "HTTP", "HTTPS", "FLV", "WS", "fMP4", "TS", "HLS", "LL", "LLHLS", "WebRTC", "WHIP", "WHEP", "API", "SIGHUP", "ICE", "NAT", "UDP", "TCP", "TLS",
		"OBS", "ffmpeg", "ffplay", "VLC", "H264", "AAC", "LC", "High", "Constrained", "Baseline", "Main", "kbit", "Mbit", "Gbit", "bit", "kB", "MB", "GB", "B", "s", "fps", "kHz", "ms", "dev", "Esc",
		"bframes", "pyramid", "none", "b", "p50", "p99", "debug", "info", "warn", "error",
	].join("|") + ")$");
	const read = (text, where) => {
		if (/undefined|NaN|\[object|\{\}/.test(text)) found.push("broken text: " + text);
		if (document.documentElement.lang !== "zh-CN") return;
		const version = document.querySelector(".version")?.textContent ?? "–";
		const words = text.replaceAll(version, "").replace(/\S+\.yaml(:\d+)*|\b(live|radio|cam)\/[\w/*.{}]+|\brtmp:\S+|\b[a-z_]+\.[a-z_]+\b|FMLE\S+ \(compatible; Lavf[\d.]+\)|Lavf[\d.]+/g, "").match(/[A-Za-z][A-Za-z0-9.]*/g) ?? [];
		const english = words.filter((word) => !terms.test(word.replace(/\.$/, "")));
		if (english.length > 0) found.push("not Chinese: " + JSON.stringify(text) + " " + where);
	};
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let node = walker.nextNode(); node; node = walker.nextNode()) {
		const e = node.parentElement;
		if (node.data.trim() && !e.closest(foreign) && !e.closest("noscript, script, style")) read(node.data, e.outerHTML.slice(0, 100));
	}
	for (const e of document.querySelectorAll("[aria-label], [title], [placeholder]")) {
		if (e.closest("[lang=en]") || e.matches("dialog")) continue;
		for (const key of ["aria-label", "title", "placeholder"]) {
			const text = e.getAttribute(key);
			// With codes of reasons, and with names of sessions, streams and programs.
			if (text && !/^[a-z_]+$/.test(text)) read(text.replace(/[\d.]+:\d+/g, ""), e.outerHTML.slice(0, 100));
		}
	}
	return found;
})()`

// TestFullChromiumPages walks through the console as people do, on a desk and on a
// phone, in both languages, light and dark, by mouse and by keyboard. With -update
// it writes the pictures of docs/console.md.
func TestFullChromiumPages(t *testing.T) {
	t.Parallel()
	s := startServer(t, settings{"webrtc.listen": freeport.Address(t), "hls.window": "5",
		"relay.pulls": `[{streams: ["door/{id}"], sources: ["rtsp://10.0.0.{id}/main"]}]`})
	s.publish(t, simpleClip, "live/demo", publishOptions{loop: true})
	s.publish(t, hardClip, "cam/north", publishOptions{loop: true})
	s.publish(t, audioOnlyClip, "radio/jazz", publishOptions{loop: true})
	for range 2 {
		start(t, 3*time.Minute, nil, "curl", "-sN", "-o", os.DevNull, s.httpURL("live/demo.flv"))
	}
	start(t, 3*time.Minute, nil, "curl", "-sN", "-o", os.DevNull, s.httpURL("cam/north.ts"))
	_ = start(t, time.Minute, nil, "curl", "-sN", "-m", "1", "-o", os.DevNull, s.httpURL("live/demo.mp4")).wait() // 28: the time is over

	console := s.httpURL("")
	if *update {
		console = startHistory(t, s)
	}
	b := openPage(t, console, "--allow-loopback-in-peer-connection")
	b.call(t, "Network.enable", nil, nil)
	b.call(t, "Log.enable", nil, nil)
	b.call(t, "Emulation.setScrollbarsHidden", map[string]any{"hidden": true}, nil)
	b.eventually(t, 20*time.Second, "the console is there", `document.querySelector("nav a")`)

	steps := []struct {
		name    string
		refuses bool // the server answers with errors, which Chromium complains about
		do      func(*testing.T, *browser, *server)
	}{
		{"pages", false, walkPages}, {"keyboard", false, useKeyboard}, {"relays", true, changeRelays}, {"kick", false, kickSession}, {"release", false, releasePublisher},
		{"events", false, pauseEvents}, {"configuration", true, changeConfiguration}, {"secret", false, keepSecret}, {"trouble", true, showTrouble}, {"login", true, logIn},
	}
	for _, step := range steps {
		ok := t.Run(step.name, func(t *testing.T) {
			step.do(t, b, s)
			for _, problem := range b.problems {
				if !step.refuses || !strings.Contains(problem, "Failed to load resource") {
					t.Errorf("the page complains: %s", problem)
				}
			}
			b.problems = nil
		})
		if !ok {
			break // the next ones need the page as it should be
		}
	}
	for _, address := range b.addresses {
		if u, err := url.Parse(address); err != nil || (!strings.HasPrefix(address, console) && u.Scheme != "blob" && u.Scheme != "data") {
			t.Errorf("the console asks another host: %s", address)
		}
	}
	if len(b.addresses) == 0 {
		t.Error("no requests were seen")
	}
}

// choose selects an option as a user does.
func (b *browser) choose(t *testing.T, selector, value string) {
	t.Helper()
	var now string
	b.eval(t, fmt.Sprintf(`(() => {
		const select = document.querySelector(%q);
		select.value = %q;
		select.dispatchEvent(new Event("change", {bubbles: true}));
		return select.value;
	})()`, selector, value), &now)
	if now != value {
		t.Fatalf("%s has no %q", selector, value)
	}
}

// enter types a text in place of what a field has.
func (b *browser) enter(t *testing.T, selector, text string) {
	t.Helper()
	var ok bool
	b.eval(t, fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.focus(); e.select?.(); return document.activeElement === e; })()`, selector), &ok)
	if !ok {
		t.Fatalf("%s cannot be typed into", selector)
	}
	b.call(t, "Input.insertText", map[string]any{"text": text}, nil)
}

// follow clicks without a mouse, and waits for what that brings.
func (b *browser) follow(t *testing.T, selector, complete string) {
	t.Helper()
	b.eventually(t, 20*time.Second, selector+" is there", fmt.Sprintf(`(e => e && (e.click(), true))(document.querySelector(%q))`, selector))
	b.eventually(t, 20*time.Second, "after "+selector+": "+complete, complete)
}

// key presses and releases a key, with modifiers as the DevTools protocol counts
// them: 8 is Shift.
func (b *browser) key(t *testing.T, name string, code, modifiers int) {
	t.Helper()
	text := ""
	if name == "Enter" {
		text = "\r"
	}
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.call(t, "Input.dispatchKeyEvent", map[string]any{"type": kind, "key": name, "code": name, "text": text, "windowsVirtualKeyCode": code, "modifiers": modifiers}, nil)
		text = ""
	}
}

func (b *browser) tab(t *testing.T)    { t.Helper(); b.key(t, "Tab", 9, 0) }
func (b *browser) press(t *testing.T)  { t.Helper(); b.key(t, "Enter", 13, 0) }
func (b *browser) escape(t *testing.T) { t.Helper(); b.key(t, "Escape", 27, 0) }

// size is that of the screen in CSS pixels.
func (b *browser) size(t *testing.T, width, height int) {
	t.Helper()
	b.call(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
}

// picture takes one of the page, and keeps it for the documents if there is a name
// and they are updated.
func (b *browser) picture(t *testing.T, name string) {
	t.Helper()
	var shot struct{ Data string }
	b.call(t, "Page.captureScreenshot", map[string]any{"format": "webp", "quality": 75}, &shot)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil || len(data) == 0 {
		t.Fatalf("no picture: %v", err)
	}
	if name == "" || !*update {
		return
	}
	if len(data) > mostPicture {
		t.Errorf("the picture %s has %d bytes", name, len(data))
	}
	if err := os.WriteFile(filepath.Join("../../docs/images", name+".webp"), data, 0o644); err != nil {
		t.Error(err)
	}
}

// documentPictures are those of docs/console.md: pages by language, colours and width.
var documentPictures = map[string]string{
	"en light 1280 overview": "console-overview",
	"en dark 1280 session":   "console-session",
	"en light 1280 config":   "console-configuration",
	"en dark 1280 events":    "console-events",
	"zh dark 360 overview":   "console-phone",
}

func walkPages(t *testing.T, b *browser, _ *server) {
	for _, language := range []string{"en", "zh"} {
		for _, theme := range []string{"light", "dark"} {
			b.choose(t, "select[name=language]", language)
			b.choose(t, "select[name=theme]", theme)
			for _, width := range []int{1280, 360} {
				b.size(t, width, 860)
				for _, p := range consolePages {
					b.follow(t, p.link, p.complete)
					if p.name == "config" {
						b.follow(t, ".section:nth-of-type(4) > summary", `document.querySelector(".section[open] .keys li")`)
					}
					if p.name == "overview" && width == 1280 {
						b.eventually(t, 20*time.Second, "the pictures of streams", `[...document.querySelectorAll(".thumbnail[data-drawn]")].filter((e) => getComputedStyle(e).opacity === "1").length === 2`)
					}
					look := fmt.Sprintf("%s %s %d %s", language, theme, width, p.name)
					var found []string
					b.eval(t, findings, &found)
					for _, problem := range found {
						t.Errorf("%s: %s", look, problem)
					}
					b.picture(t, documentPictures[look])
				}
			}
		}
	}
	var chosen string
	b.eval(t, `[localStorage["weir.language"], localStorage["weir.theme"], getComputedStyle(document.documentElement).colorScheme, document.documentElement.lang].join(" ")`, &chosen)
	if chosen != "zh dark dark zh-CN" {
		t.Errorf("the choice is kept as %q", chosen)
	}
	// It is there after loading again, and so is the page.
	b.call(t, "Page.reload", nil, nil)
	b.eventually(t, 20*time.Second, "the same page in the same language", `document.querySelector(".section") && document.querySelector("h2")?.innerText === "配置"`)
	b.choose(t, "select[name=language]", "en")
	b.choose(t, "select[name=theme]", "system")
	b.size(t, 1280, 860)
}

// useKeyboard goes from page to page by keys alone.
func useKeyboard(t *testing.T, b *browser, _ *server) {
	const focus = `document.activeElement`
	b.call(t, "Page.navigate", map[string]any{"url": mustEval(t, b, `location.origin + "/"`)}, nil)
	b.eventually(t, 20*time.Second, "the overview", consolePages[0].complete)
	b.tab(t)
	b.eventually(t, 5*time.Second, "the first key leads to the way past the navigation", focus+`.className === "skip" && `+focus+`.getBoundingClientRect().width > 10`)
	b.press(t)
	b.eventually(t, 5*time.Second, "it leads to the content", focus+`.id === "main"`)

	for range 3 {
		b.key(t, "Tab", 9, 8)
	}
	tabTo(t, b, `a[href="?page=sessions"]`)
	b.eventually(t, 5*time.Second, "the focus can be seen", `getComputedStyle(`+focus+`).outlineStyle === "solid"`)
	b.press(t)
	b.eventually(t, 20*time.Second, "sessions", consolePages[2].complete)
	tabTo(t, b, `tr[data-session] td a.code`)
	b.press(t)
	b.eventually(t, 20*time.Second, "the session's dialog has the focus", `document.querySelector(".details .facts") && `+focus+`.closest("dialog")`)
	for range 8 {
		b.tab(t)
		b.eventually(t, 5*time.Second, "the focus stays in the dialog", focus+`.closest("dialog") || `+focus+` === document.body`)
	}
	b.escape(t)
	b.eventually(t, 5*time.Second, "the focus is back", `!document.querySelector("dialog") && `+focus+`.matches("tr[data-session] td a.code")`)
	b.eventually(t, 5*time.Second, "the address has no session", `location.search === "?page=sessions"`)

	b.call(t, "Page.navigateToHistoryEntry", map[string]any{"entryId": previousEntry(t, b)}, nil)
	b.eventually(t, 20*time.Second, "Back leads to the dialog", `location.search.includes("id=") && document.querySelector("dialog[open]") && document.activeElement.closest("dialog")`)
	b.escape(t)
	b.eventually(t, 5*time.Second, "it closes", `!document.querySelector("dialog")`)
}

func previousEntry(t *testing.T, b *browser) int {
	t.Helper()
	var history struct {
		CurrentIndex int
		Entries      []struct{ ID int }
	}
	b.call(t, "Page.getNavigationHistory", nil, &history)
	return history.Entries[history.CurrentIndex-1].ID
}

func mustEval(t *testing.T, b *browser, script string) (text string) {
	t.Helper()
	b.eval(t, script, &text)
	return text
}

// tabTo presses Tab until an element has the focus.
func tabTo(t *testing.T, b *browser, selector string) {
	t.Helper()
	for range 60 {
		b.tab(t)
		var there bool
		if b.eval(t, fmt.Sprintf(`document.activeElement.matches(%q)`, selector), &there); there {
			return
		}
	}
	t.Fatalf("Tab does not lead to %s", selector)
}

// kickSession finds a session by the filter and closes it, after being asked.
func kickSession(t *testing.T, b *browser, _ *server) {
	b.follow(t, `nav a[href="?page=sessions"]`, consolePages[2].complete)
	b.choose(t, ".filter [name=action]", "play")
	b.enter(t, ".filter [name=stream]", "cam/north")
	b.eventually(t, 10*time.Second, "one session is left", `document.querySelectorAll("tr[data-session]").length === 1 && location.search.includes("stream=cam/north")`)
	id := mustEval(t, b, `document.querySelector("tr[data-session]").dataset.session`)
	b.follow(t, "tr[data-session] .do button", `document.querySelector(".confirm")`)
	b.follow(t, ".confirm .plain", `!document.querySelector(".confirm")`)
	b.eventually(t, 5*time.Second, "it is still there", `document.querySelector("tr[data-session]")`)
	b.follow(t, "tr[data-session] .do button", `document.querySelector(".confirm")`)
	b.follow(t, ".confirm .danger", `!document.querySelector(".confirm") && document.querySelector(".toast").innerText`)
	b.eventually(t, 10*time.Second, "it is gone", `document.querySelector(".none")`)
	b.follow(t, ".tabs a:not([aria-current])", fmt.Sprintf(`document.querySelector('[data-session=%q] .reason[title=kicked]')`, id))
	b.follow(t, fmt.Sprintf(`[data-session=%q] a.code`, id), `/kicked/.test(document.querySelector(".moments [data-what=closed]")?.innerText)`)
	b.escape(t)
	b.follow(t, ".filter .plain", `!location.search.includes("stream")`)
}

// releasePublisher plays a stream on its page and closes its publisher.
func releasePublisher(t *testing.T, b *browser, _ *server) {
	b.follow(t, `nav a[href="?"]`, `document.querySelector("[data-stream]")`)
	b.follow(t, `[data-stream="live/demo"] .details`, consolePages[1].complete)
	b.choose(t, "select[name=theme]", "light")
	b.follow(t, ".card", `document.querySelector("video#player")`)
	b.eventually(t, 40*time.Second, "it plays in the page", playing+` && document.querySelector("video#player").videoWidth > 0 && `+currentTime+` > 1`)
	b.eventually(t, 10*time.Second, "what was told in passing has gone", `!document.querySelector(".toast").innerText`)
	b.picture(t, "console-stream")
	b.choose(t, "select[name=theme]", "system")
	b.follow(t, ".release", `document.querySelector(".confirm")`)
	b.follow(t, ".confirm .danger", `!document.querySelector(".confirm")`)
	b.eventually(t, 20*time.Second, "its history tells that the publisher went", `document.querySelector(".events [data-type='stream.unpublished']")`)
}

// pauseEvents holds the list while more happens.
func pauseEvents(t *testing.T, b *browser, _ *server) {
	b.follow(t, `nav a[href="?page=events"]`, consolePages[5].complete)
	b.eventually(t, 10*time.Second, "they come as they happen", `document.querySelector(".filter .mark[data-state=active]")`)
	b.follow(t, ".pause", `document.querySelector(".pause[aria-pressed=true]")`)
	var before, after int
	b.eval(t, `document.querySelectorAll(".events li").length`, &before)
	b.eval(t, `fetch("/cam/north.flv").then((res) => res.body.cancel()).then(() => 0)`, &after)
	b.eventually(t, 10*time.Second, "more are counted", `/more/.test(document.querySelector(".filter .mark").innerText)`)
	if b.eval(t, `document.querySelectorAll(".events li").length`, &after); after != before {
		t.Errorf("%d events are shown in place of %d while the list is held", after, before)
	}
	b.follow(t, ".pause", fmt.Sprintf(`document.querySelectorAll(".events li").length > %d`, before))
	b.choose(t, ".filter [name=about]", "server")
	b.eventually(t, 10*time.Second, "events about the server only", `[...document.querySelectorAll(".events li")].every((e) => /^(server|events_lost)/.test(e.dataset.type)) && document.querySelector(".events [data-type='server.started']")`)
	b.choose(t, ".filter [name=about]", "")
}

// changeConfiguration changes a key: wrongly, while somebody else does, rightly,
// and back; and has the file read again.
func changeConfiguration(t *testing.T, b *browser, s *server) {
	const key = `[data-key="hls.window"]`
	shows := func(value string) string {
		return `document.querySelector('` + key + ` .value').innerText === "` + value + `" && !document.querySelector('` + key + ` .editor')`
	}
	b.follow(t, `nav a[href="?page=config"]`, consolePages[6].complete)
	b.enter(t, ".filter [name=key]", "least PLAYLIST segments 100")
	b.eventually(t, 5*time.Second, "one key is left", `document.querySelectorAll("[data-key]").length === 1 && document.querySelector('`+key+`')`)
	b.follow(t, key+" button", `document.activeElement.matches('`+key+` [name=value]')`)
	b.enter(t, key+" [name=value]", "many")
	b.press(t)
	b.eventually(t, 10*time.Second, "what is wrong stands at the key", `/^hls.window: must be .* is "many"$/.test(document.querySelector('`+key+` [role=alert]')?.innerText)`)
	s.configure(t, map[string]any{"hls.window": "9"})
	b.enter(t, key+" [name=value]", "8")
	b.press(t)
	b.eventually(t, 10*time.Second, "somebody else was quicker", `/meanwhile, to 9/.test(document.querySelector('`+key+` [role=alert]')?.innerText)`)
	b.press(t)
	b.eventually(t, 10*time.Second, "it is changed", shows("8"))
	b.eventually(t, 5*time.Second, "the focus is at the key", `document.activeElement.matches('`+key+` button')`)
	b.follow(t, key+" button", `document.querySelector('`+key+` .editor')`)
	b.follow(t, key+" .buttons button:nth-of-type(2)", shows("5"))

	file := filepath.Join(s.dir, "weir.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.NewReplacer(`window: "5"`, "window: 7", s.rtmp, freeport.Address(t)).Replace(string(text))
	for _, reload := range []struct{ text, value, told string }{
		{edited, "7", "Changed: hls.window. Needs a restart: rtmp.listen."},
		{string(text), "5", "Changed: hls.window."},
	} {
		if err := os.WriteFile(file, []byte(reload.text), 0o600); err != nil {
			t.Fatal(err)
		}
		b.follow(t, ".reload", fmt.Sprintf(`document.querySelector(".toast").innerText === %q`, reload.told))
		b.eventually(t, 10*time.Second, "the value is the file's", shows(reload.value))
	}
	b.choose(t, "[name=log]", "warn")
	eventually(t, 10*time.Second, "the log has less", func() bool {
		return mustEval(t, b, `fetch("/api/v1/log").then((res) => res.json()).then(({level}) => level)`) == "warn"
	})
	b.choose(t, "[name=log]", "debug")
}

// keepSecret saves a secret without typing, which leaves it, and empties it.
func keepSecret(t *testing.T, b *browser, _ *server) {
	const key = `[data-key="hooks.secret"]`
	edit := func() {
		t.Helper()
		b.follow(t, key+" button", `document.activeElement.matches('`+key+` [name=value]')`)
	}
	expect := func(what, shown, value string) {
		t.Helper()
		b.eventually(t, 10*time.Second, what, `!document.querySelector('`+key+` .editor') && document.querySelector('`+key+` .value').innerText === "`+shown+`"`)
		if got := mustEval(t, b, `fetch("/api/v1/config/keys").then((res) => res.json()).then(({keys}) => keys.find((k) => k.key === "hooks.secret").value)`); got != value {
			t.Errorf("%s: the server has %s", what, got)
		}
	}
	b.enter(t, ".filter [name=key]", "hooks.secret")
	b.eventually(t, 5*time.Second, "the key is there", `document.querySelector('`+key+`')`)
	edit()
	b.enter(t, key+" [name=value]", "planted")
	b.press(t)
	expect("there is a secret", "hidden", `"***"`)
	edit()
	b.press(t)
	expect("it stays", "hidden", `"***"`)
	edit()
	b.follow(t, key+" .empty", `!document.querySelector('`+key+` .editor')`)
	expect("it is gone", "empty", `""`)
}

// changeRelays adds, stops, starts and removes what is fetched and what is sent on;
// what the server refuses stands at its field.
func changeRelays(t *testing.T, b *browser, s *server) {
	b.call(t, "Page.navigate", map[string]any{"url": mustEval(t, b, `location.origin + "/"`)}, nil)
	b.eventually(t, 20*time.Second, "a rule of the file rests, and stays", `/rests/.test(document.querySelector('[data-rule="door/{id}"]')?.innerText) && !document.querySelector('[data-rule] .remove')`)
	const submit = "dialog.form [type=submit]"
	state := func(of, is string) string {
		return fmt.Sprintf(`!document.querySelector("dialog") && document.querySelector('[data-relay=%q][data-state=%s]')`, of, is)
	}
	refused := func(field, words string) string {
		return fmt.Sprintf(`/%s/.test(document.querySelector("label:has([name=%s]) [role=alert]")?.innerText)`, words, field)
	}

	b.follow(t, "[data-relays=pulls] .add", `document.activeElement.matches("dialog.form [name=stream]")`)
	b.enter(t, "[name=stream]", "cam/again")
	b.enter(t, "[name=urls]", "gopher://10.0.0.7/main")
	b.follow(t, submit, refused("urls", "scheme"))
	b.enter(t, "[name=urls]", s.rtmpURL("live/demo"))
	b.choose(t, "[name=mode]", "always")
	b.follow(t, submit, state("cam/again", "running"))
	b.eventually(t, 20*time.Second, "its bit rate is told", `/[1-9].* .bit.s/.test(document.querySelector('[data-relay="cam/again"]').innerText)`)
	b.follow(t, "[data-relays=pulls] .add", `document.querySelector("dialog.form")`)
	b.enter(t, "[name=stream]", "cam/again")
	b.enter(t, "[name=urls]", s.rtmpURL("live/demo"))
	b.follow(t, submit, refused("stream", "already"))
	b.escape(t)
	b.follow(t, `[data-relay="cam/again"] .stop`, state("cam/again", "stopped"))
	b.follow(t, `[data-relay="cam/again"] .start`, state("cam/again", "running"))

	b.follow(t, "[data-relays=forwards] .add", `document.querySelector("dialog.form")`)
	b.enter(t, "[name=stream]", "live/{x}")
	b.enter(t, "[name=urls]", "rtmp://127.0.0.1:1/nobody/{x}")
	b.follow(t, submit, `/refused/.test(document.querySelector('[data-relay="live/demo"]')?.innerText)`)
	b.follow(t, `[data-relay="live/demo"] .stop`, state("live/demo", "stopped"))
	b.eventually(t, 10*time.Second, "what was said in English is over", `!document.querySelector(".toast").innerText`)
	b.choose(t, "select[name=language]", "zh")
	for _, width := range []int{360, 1280} {
		b.size(t, width, 860)
		var found []string
		b.eval(t, findings, &found)
		for _, problem := range found {
			t.Errorf("%d wide: %s", width, problem)
		}
		b.picture(t, "")
	}
	b.choose(t, "select[name=language]", "en")

	for _, rule := range []string{`[data-relay="cam/again"]`, `[data-rule="live/{x}"]`} {
		b.follow(t, rule+" .remove", `document.querySelector("dialog.confirm")`)
		b.follow(t, "dialog .danger", fmt.Sprintf(`!document.querySelector("dialog") && !document.querySelector(%q)`, rule))
	}
	b.eventually(t, 20*time.Second, "nothing is left of it", `!document.querySelector("[data-relay]") && document.querySelector("[data-rule]")`)
}

// showTrouble: the overview tells what the server warns of, and keeps what it has
// while the server cannot be reached.
func showTrouble(t *testing.T, b *browser, s *server) {
	s.configure(t, map[string]any{"hooks.events": "[server.started]"})
	b.call(t, "Page.navigate", map[string]any{"url": mustEval(t, b, `location.origin + "/"`)}, nil)
	b.eventually(t, 20*time.Second, "it warns", `/no effect/.test(document.querySelector(".banner li")?.innerText) && document.querySelectorAll("[data-stream]").length > 1`)
	offline := map[string]any{"offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
	b.call(t, "Network.emulateNetworkConditions", offline, nil)
	b.eventually(t, 10*time.Second, "the page says what is wrong, and shows what it had", `/cannot be reached/.test(document.querySelector(".banner[role=alert]")?.innerText) && document.querySelector(".stale [data-stream]")`)
	offline["offline"] = false
	b.call(t, "Network.emulateNetworkConditions", offline, nil)
	b.eventually(t, 20*time.Second, "it comes back", `!document.querySelector(".banner[role=alert]") && !document.querySelector(".stale")`)
}

// logIn: with the token that the server printed, which the tab keeps, and as a user,
// whom it forgets.
func logIn(t *testing.T, b *browser, s *server) {
	hash := start(t, time.Minute, func(c *exec.Cmd) { c.Stdin = strings.NewReader("päss\n") }, weirBinary(t), "hash")
	if err := hash.wait(); err != nil {
		t.Fatal(err)
	}
	users := func(may string) map[string]any {
		return map[string]any{"auth.loopback": "false", "auth.users": fmt.Sprintf("- {name: ann, password: %q, allow: [{actions: [%s]}]}\n- allow: [{actions: [publish, play], streams: ['**']}]\n",
			strings.TrimSpace(hash.out.String()), may)}
	}
	s.configure(t, users("api"))
	b.eventually(t, 20*time.Second, "the console asks who one is", `document.querySelector(".login [name=token]") && !document.querySelector("[data-stream]")`)
	b.enter(t, ".login [name=token]", "close sesame")
	b.press(t)
	b.eventually(t, 10*time.Second, "a wrong token is refused", `document.querySelector(".login [role=alert]")`)
	b.enter(t, ".login [name=token]", s.token(t))
	b.press(t)
	b.eventually(t, 10*time.Second, "the right one is not", `document.querySelector("[data-stream]")`)
	b.call(t, "Page.reload", nil, nil)
	b.eventually(t, 20*time.Second, "the tab keeps it", `document.querySelector("[data-stream]")`)
	b.follow(t, ".looks .plain", `document.querySelector(".login")`)
	b.follow(t, ".choice label:last-child input", `document.querySelector(".login [name=user]")`)
	b.enter(t, ".login [name=user]", "ann")
	b.enter(t, ".login [name=password]", "päss")
	b.press(t)
	b.eventually(t, 10*time.Second, "the user is let in", `document.querySelector("[data-stream]")`)
	s.configure(t, users("metrics"))
	b.eventually(t, 10*time.Second, "the user may not look any more", `/not allowed/.test(document.querySelector(".banner[role=alert]")?.innerText)`)
	s.configure(t, users("api"))
	b.eventually(t, 20*time.Second, "the user may again", `!document.querySelector(".banner[role=alert]")`)
	b.follow(t, `nav a[href="?page=events"]`, consolePages[5].complete)
	b.call(t, "Page.reload", nil, nil)
	b.eventually(t, 20*time.Second, "the password is forgotten", `document.querySelector(".login")`)
}

// token returns the API's, which the server printed.
func (s *server) token(t *testing.T) string {
	t.Helper()
	_, token, ok := strings.Cut(apiToken.FindString(s.out.String()), "=")
	if !ok {
		t.Fatalf("no token in\n%s", tail(s.out.String(), 2000))
	}
	return token
}

// configure changes keys as another operator does; nil takes one back.
func (s *server) configure(t *testing.T, changes map[string]any) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"changes": changes})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPatch, s.httpURL("api/v1/config"), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token(t))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("If-Match", "*")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s\n%s", body, resp.Status, answer)
	}
}
