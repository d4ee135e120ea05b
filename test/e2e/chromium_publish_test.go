//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// fill sets a field of the dialog that publishes.
func fill(t *testing.T, b *browser, name, value string) {
	t.Helper()
	var now string
	b.eval(t, fmt.Sprintf(`(() => {
		const field = document.querySelector(".publish [name=%s]");
		field.value = %q;
		field.dispatchEvent(new Event(field.tagName === "SELECT" ? "change" : "input", {bubbles: true}));
		return field.value;
	})()`, name, value), &now)
	if now != value {
		t.Fatalf("the field %s has no %q", name, value)
	}
}

// publishing is a JavaScript expression that tells whether the dialog publishes.
const publishing = `document.querySelector(".publish .screen")?.dataset.state === "live"`

// openPublish opens the dialog that publishes.
func openPublish(t *testing.T, b *browser) {
	t.Helper()
	b.eventually(t, 30*time.Second, "the page offers to publish",
		`((button) => button && (button.closest("details")?.setAttribute("open", ""), true))(document.querySelector("button.here"))`)
	b.click(t, "button.here")
	b.eventually(t, 10*time.Second, "the dialog is there", `document.querySelector(".publish form")`)
}

// publishHere publishes from the console.
func publishHere(t *testing.T, b *browser, name, source, codec string) {
	t.Helper()
	openPublish(t, b)
	fill(t, b, "name", name)
	fill(t, b, "source", source)
	fill(t, b, "codec", codec)
	b.click(t, ".publish form .primary")
	b.eventually(t, 20*time.Second, "it is live", publishing)
}

// fakeDevices give Chromium a camera and a microphone that a page may use.
var fakeDevices = []string{"--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"}

// TestFullChromiumPublish: the console publishes its test picture by WHIP in each
// codec, and a camera; it tells what it measures, and what is published plays
// elsewhere.
func TestFullChromiumPublish(t *testing.T) {
	for _, tt := range []struct{ source, codec string }{
		{"test", "H264"}, {"test", "VP8"}, {"test", "VP9"}, {"test", "AV1"}, {"camera", "H264"},
	} {
		t.Run(tt.source+" as "+tt.codec, func(t *testing.T) {
			t.Parallel()
			s, codec := startWebRTC(t), tt.codec
			b := openPage(t, s.httpURL(""), append(fakeDevices, webrtcArgs...)...)
			publishHere(t, b, "cam/north 1", tt.source, "video/"+codec)
			eventually(t, 20*time.Second, "both tracks are there", func() bool {
				st, ok := s.stream(t, "cam/north 1")
				return ok && len(st.Tracks) == 2 && st.Tracks[0].Codec == codec && st.Tracks[1].Codec == "Opus"
			})
			for _, part := range []string{`\d×\d`, `[1-9]\d* fps`, codec, `[1-9][\d.]* [kM]bit/s`, ` ms round trip`, `\d lost`, `UDP`} {
				b.eventually(t, 20*time.Second, "the dialog tells of "+part, fmt.Sprintf(`new RegExp(%q).test(%s)`, part, statsLine))
			}
			var line string
			b.eval(t, statsLine, &line)
			t.Log(line)

			viewer := openPage(t, s.httpURL("?play=cam/north%201"), webrtcArgs...)
			viewer.eventually(t, 60*time.Second, "somebody else sees it", `document.querySelector(".screen") && `+playing+` && document.querySelector("video#player").videoWidth > 0 && `+currentTime+` > 3`)
			viewer.eval(t, `document.querySelector(".why").innerText + " " + `+statsLine, &line)
			t.Log(line)
			viewer.kill()

			b.click(t, ".publish form .primary")
			b.eventually(t, 5*time.Second, "it has stopped", `document.querySelector(".publish .screen").dataset.state === "off" && !document.querySelector("#preview").srcObject`)
			eventually(t, 10*time.Second, "the publisher is gone", func() bool {
				st, ok := s.stream(t, "cam/north 1")
				return !ok || st.State == "grace"
			})
		})
	}
}

// refusedOffers makes the page offer pictures in a codec that nobody knows.
const refusedOffers = `(() => {
	const ask = window.fetch;
	window.fetch = (url, init) => ask(url, init?.method === "POST" ? {...init, body: init.body.replaceAll("VP8/90000", "XX8/90000")} : init);
})()`

// requireUsers starts a server again with users: everybody may look and play.
func (s *server) requireUsers(t *testing.T) {
	t.Helper()
	file, err := os.OpenFile(s.dir+"/weir.yaml", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	// The hash is that of "secret".
	if _, err := file.WriteString(`auth:
  users:
    - name: studio
      password: "$argon2id$v=19$m=19456,t=2,p=1$c5bWMdbv5/t0Mj+YENNShQ$dOvXTdy/DLFrG5iwMwinSmmY/kx1nf6nZUXlD8x9heA"
      allow: [{actions: [publish], streams: ["**"]}]
    - allow: [{actions: [api]}, {actions: [play], streams: ["**"]}]
`); err != nil {
		t.Fatal(err)
	}
	s.process.kill()
	s.restart(t)
}

// apiToken is in the console's address that the server prints.
var apiToken = regexp.MustCompile(`#token=\w+`)

// TestFullChromiumPublishErrors: the dialog says what to do, and lets one try
// again.
func TestFullChromiumPublishErrors(t *testing.T) {
	const other = "--host-resolver-rules=MAP weir.test 127.0.0.1"
	for _, tt := range []struct {
		title, name, source string
		args                []string
		prepare             func(t *testing.T, s *server)
		script, host        string
		says                string
	}{
		{title: "no device", source: "camera", says: "There is no camera or microphone. Connect one, or publish without sound."},
		{title: "not allowed", source: "camera", args: []string{fakeDevices[0], fakeDevices[1] + "=deny"},
			says: "The camera or microphone was not allowed. Allow it for this page, in the address bar or the system's settings, and start again."},
		{title: "not secure", source: "camera", args: append([]string{other}, fakeDevices...), host: "weir.test",
			says: "Browsers give the camera or microphone only to pages that come by HTTPS or from this machine."},
		{title: "reserved name", name: "live/whep", source: "test", says: "The server refuses: "},
		{title: "not authorized", source: "test", prepare: func(t *testing.T, s *server) { s.requireUsers(t) },
			says: "The server does not allow you to publish this stream: give a user who may."},
		{title: "taken", source: "test", prepare: func(t *testing.T, s *server) {
			s.publish(t, simpleClip, "live/browser?by=another", publishOptions{loop: true})
		}, says: "Somebody else publishes this stream: choose another name."},
		{title: "unknown codec", source: "test", script: refusedOffers, says: "The server refuses: the offer sends nothing that can be used"},
	} {
		t.Run(tt.title, func(t *testing.T) {
			t.Parallel()
			s := startWebRTC(t)
			if tt.prepare != nil {
				tt.prepare(t, s)
			}
			b := openPage(t, "about:blank", append(tt.args, webrtcArgs...)...)
			if tt.script != "" {
				b.call(t, "Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": tt.script}, nil)
			}
			url := s.httpURL("")
			if tt.host != "" {
				url = strings.Replace(url, "127.0.0.1", tt.host, 1) + apiToken.FindString(s.out.String())
			}
			b.call(t, "Page.navigate", map[string]any{"url": url}, nil)
			openPublish(t, b)
			fill(t, b, "source", tt.source)
			if tt.name != "" {
				fill(t, b, "name", tt.name)
			}
			if tt.script != "" {
				fill(t, b, "codec", "video/VP8")
				b.click(t, ".publish [name=sound]")
			}
			b.click(t, ".publish form .primary")
			b.eventually(t, 20*time.Second, "the dialog says "+tt.says, fmt.Sprintf(
				`document.querySelector(".publish .message").innerText.startsWith(%q) && !document.querySelector(".publish fieldset").disabled`, tt.says))
			var says string
			b.eval(t, `document.querySelector(".publish .message").innerText`, &says)
			t.Log(says)
			if tt.title == "not authorized" {
				fill(t, b, "user", "studio")
				fill(t, b, "password", "secret")
				b.click(t, ".publish form .primary")
				b.eventually(t, 20*time.Second, "it is live for a user", publishing)
			}
		})
	}
}
