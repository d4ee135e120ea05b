package httplivetest

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/remux/websocket"
)

// Case is a protocol under test.
type Case struct {
	New                         func() plugin.Config
	Off                         plugin.Config // switched off
	Suffix, ContentType         string
	Protocol, WebSocketProtocol string
	// Kinds reads body and returns a function that waits for the next frame and
	// returns its kind. It fails the test if the body is not what it should be.
	Kinds func(t testing.TB, body io.Reader) (next func() av.Kind)
}

// Run tests that viewers of the protocol are treated like those of all others.
func Run(t *testing.T, c Case) {
	for name, test := range map[string]func(*testing.T, Case){
		"play":                 testPlay,
		"announced track":      testSettling,
		"audio":                testAudio,
		"audio, missing":       testAudioMissing,
		"refusals":             testRefusals,
		"preflight":            testPreflight,
		"head":                 testHead,
		"authorisation":        testAuthorisation,
		"wait and kick":        testWaitAndKick,
		"nothing to play":      testNothingToPlay,
		"quiet over HTTP/2":    testQuiet,
		"websocket":            testWebSocket,
		"websocket, closed":    testWebSocketClosed,
		"websocket, not there": testWebSocketNotThere,
		"websocket, refused":   testWebSocketRefused,
		"switched off":         testSwitchedOff,
	} {
		t.Run(name, func(t *testing.T) { test(t, c) })
	}
}

func (c Case) path(query string) string { return "/live/test" + c.Suffix + query }

// expect fails unless the next frames are of these kinds, a letter each.
func expect(t *testing.T, next func() av.Kind, kinds string) {
	t.Helper()
	for i, want := range kinds {
		if got := next(); got.String()[0] != byte(want) {
			t.Fatalf("frame %d is %s, want %s", i, got, kinds)
		}
	}
}

func testPlay(t *testing.T, c Case) {
	for _, test := range []struct {
		name, query string
		tls, http2  bool
		kinds       string
	}{
		{"plain", "", false, false, "vava"},
		{"TLS", "", true, false, "vava"},
		{"HTTP/2", "", true, true, "vava"},
		{"without audio", "?audio=0", false, false, "vv"},
		{"without video", "?video=0", false, false, "aa"},
		{"HTTP/2 without video", "?video=0", true, true, "aa"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := New(t, c.New(), Options{})
			r.Publish(Video, Audio)
			root := r.Plain
			if test.tls {
				root = r.TLS
			}
			response := r.Get(root+c.path(test.query), test.http2)
			if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != c.ContentType ||
				response.Header.Get("Access-Control-Allow-Origin") != "*" || response.Header.Get("Cache-Control") != "no-store" ||
				len(response.TransferEncoding) > 0 {
				t.Fatalf("%s %v %v", response.Status, response.Header, response.TransferEncoding)
			}
			if (response.ProtoMajor == 2) != test.http2 {
				t.Fatalf("spoke %s", response.Proto)
			}
			next := c.Kinds(t, response.Body)
			half := len(test.kinds) / 2
			expect(t, next, test.kinds[:half])
			r.Frame(Video, false)
			r.Frame(Audio, false)
			expect(t, next, test.kinds[half:])
			if l := r.Host.Sessions.List(); len(l) != 1 || l[0].Protocol != c.Protocol || l[0].Transport == "tls" != test.tls {
				t.Errorf("sessions %+v", l)
			}
			_ = response.Body.Close()
			// HTTP/2 tells of the close at once, HTTP/1 by the socket.
			r.Eventually("the session has ended", func() bool { return len(r.Host.Sessions.List()) == 0 })
		})
	}
}

// A viewer that comes before all tracks are known gets all frames of all.
func testSettling(t *testing.T, c Case) {
	r := New(t, c.New(), Options{})
	r.Begin()
	if err := r.Pub.Hint([av.Kinds]bool{av.Video: true, av.Audio: true}); err != nil {
		t.Fatal(err)
	}
	if err := r.Pub.SetTrack(Video); err != nil {
		t.Fatal(err)
	}
	r.Frame(Video, true)
	s, response := r.Dial(c.path(""), "")
	if s == nil {
		t.Fatal(response.Status)
	}
	r.Eventually("the viewer is there", func() bool { return r.Host.Delivery.Viewers() == 1 })
	r.Frame(Video, false)
	if err := r.Pub.SetTrack(Audio); err != nil {
		t.Fatal(err)
	}
	r.Frame(Audio, false)
	r.Frame(Video, false)
	expect(t, c.Kinds(t, s.Body(t)), "vvav")
}

func testRefusals(t *testing.T, c Case) {
	r := New(t, c.New(), Options{})
	r.Publish(Video)
	r.Status(r.Plain+"/live/absent"+c.Suffix, http.StatusNotFound, "stream_not_found")
	r.Status(r.Plain+c.path("?audio=maybe"), http.StatusBadRequest, "audio: must be 0, 1, aac, opus or copy")
	r.Status(r.Plain+c.path("?audio=0&video=0"), http.StatusBadRequest, "nothing to play")
	r.Status(r.Plain+"/live//test"+c.Suffix, http.StatusBadRequest, "bad_name")
	r.Status(r.Plain+c.path(""), http.StatusMethodNotAllowed, "method_not_allowed", func(q *http.Request) { q.Method = http.MethodPost })
	for _, refusals := range r.Host.Sessions.Totals().Refusals {
		if refusals.Protocol == c.Protocol && refusals.Reason == reason.BadRequest && refusals.Count != 2 {
			t.Errorf("%d bad requests counted, want 2", refusals.Count)
		}
	}
}

func testPreflight(t *testing.T, c Case) {
	r := New(t, c.New(), Options{})
	h := r.Status(r.Plain+c.path(""), http.StatusNoContent, "", func(q *http.Request) { q.Method = http.MethodOptions })
	if h.Get("Access-Control-Allow-Methods") != "GET, HEAD, OPTIONS" || h.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%v", h)
	}
}

func testHead(t *testing.T, c Case) {
	r := New(t, c.New(), Options{})
	r.Publish(Video)
	head := func(q *http.Request) { q.Method = http.MethodHead }
	if h := r.Status(r.Plain+c.path(""), http.StatusOK, "", head); h.Get("Content-Type") != c.ContentType {
		t.Errorf("Content-Type %q", h.Get("Content-Type"))
	}
	r.Status(r.Plain+"/live/absent"+c.Suffix, http.StatusNotFound, "", head)
	r.Status(r.Plain+c.path("?video=0"), http.StatusUnsupportedMediaType, "", head)
	if n := len(r.Host.Sessions.List()); n != 0 {
		t.Errorf("HEAD opened %d sessions", n)
	}
}

func testAuthorisation(t *testing.T, c Case) {
	hash, err := auth.HashPassword("secret")
	if err != nil {
		t.Fatal(err)
	}
	r := New(t, c.New(), Options{Users: fmt.Sprintf(
		"    - name: ann\n      password: %q\n      allow:\n        - actions: [play]\n          streams: [\"live/*\"]\n", hash)})
	r.Publish(Video)
	if h := r.Status(r.Plain+c.path(""), http.StatusUnauthorized, "unauthorized"); h.Get("WWW-Authenticate") == "" {
		t.Error("no challenge")
	}
	r.Status(r.Plain+c.path("?user=ann&pass=wrong"), http.StatusUnauthorized, "unauthorized")
	r.Status(r.Plain+"/other/test"+c.Suffix+"?user=ann&pass=secret", http.StatusForbidden, "unauthorized")
	for name, change := range map[string]func(*http.Request){
		"query": func(q *http.Request) { q.URL.RawQuery = "user=ann&pass=secret" },
		"basic": func(q *http.Request) { q.SetBasicAuth("ann", "secret") },
	} {
		response := r.Get(r.Plain+c.path(""), false, change)
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", name, response.Status)
		}
		if list := r.Host.Sessions.List(); len(list) == 0 || list[len(list)-1].User != "ann" {
			t.Errorf("%s: sessions %v", name, list)
		}
		_ = response.Body.Close()
	}
}

func testWaitAndKick(t *testing.T, c Case) {
	r := New(t, c.New(), Options{Wait: patience})
	done := make(chan Answer, 1)
	go func() { done <- r.Get(r.Plain+c.path(""), false) }()
	r.Eventually("the player waits", func() bool {
		l := r.Host.Sessions.List()
		return len(l) == 1 && l[0].State == session.Waiting
	})
	r.Host.Sessions.Kill(r.Host.Sessions.List()[0].ID, reason.Kicked)
	if response := <-done; response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("kicked while waiting: %s", response.Status)
	}
	r.Publish(Video)
	response := r.Get(r.Plain+c.path(""), false)
	expect(t, c.Kinds(t, response.Body), "v")
	r.Host.Sessions.Kill(r.Host.Sessions.List()[0].ID, reason.Kicked)
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Errorf("a kicked player's body ends with %v", err)
	}
}

func testNothingToPlay(t *testing.T, c Case) {
	r := New(t, c.New(), Options{})
	r.Publish(Video)
	r.Status(r.Plain+c.path("?video=0"), http.StatusUnsupportedMediaType, "unsupported")
	r.Publish(&av.Track{Kind: av.Video, Codec: av.Unknown})
	r.Status(r.Plain+c.path(""), http.StatusUnsupportedMediaType, "unsupported")
}

// A viewer over HTTP/2 to whom nothing needs to be sent is not cut off when the
// stall timeout has passed since the last write.
func testQuiet(t *testing.T, c Case) {
	const stall = 100 * time.Millisecond
	r := New(t, c.New(), Options{})
	limits := fanout.DefaultLimits()
	limits.StallTimeout = stall
	r.Host.Delivery.Close()
	r.Host.Delivery = fanout.New(limits)
	r.Publish(Video)
	next := c.Kinds(t, r.Get(r.TLS+c.path(""), true).Body)
	expect(t, next, "v")
	time.Sleep(3 * stall) // nothing is sent: there is nothing to wait for
	r.Frame(Video, false)
	expect(t, next, "v")
}

func testWebSocket(t *testing.T, c Case) {
	r := New(t, c.New(), Options{})
	r.Publish(Video, Audio)
	s, response := r.Dial(c.path(""), "")
	if s == nil {
		t.Fatal(response.Status)
	}
	next := c.Kinds(t, s.Body(t))
	expect(t, next, "va")
	if l := r.Host.Sessions.List(); len(l) != 1 || l[0].Protocol != c.WebSocketProtocol {
		t.Errorf("sessions %v", l)
	}
	s.Send(t, websocket.Ping, "hello")
	if o, payload := s.Next(t); o != websocket.Pong || string(payload) != "hello" {
		t.Errorf("ping answered by opcode %d %q", o, payload)
	}
	r.Frame(Video, false)
	expect(t, next, "v")
	s.Send(t, websocket.Close, "\x03\xE8")
	s.ExpectClose(t, websocket.StatusNormal, reason.ClientClosed)
	r.Eventually("the session has ended", func() bool { return len(r.Host.Sessions.List()) == 0 })
}

func testWebSocketClosed(t *testing.T, c Case) {
	for _, test := range []struct {
		name string
		end  func(t *testing.T, r *Rig, s *Socket)
		code uint16
		why  reason.Reason
	}{
		{"kicked", func(_ *testing.T, r *Rig, _ *Socket) { r.Host.Sessions.KillAll(reason.Kicked) }, websocket.StatusPolicy, reason.Kicked},
		{"stream ended", func(_ *testing.T, r *Rig, _ *Socket) { r.Host.Bus.Close(reason.StreamEnded) }, websocket.StatusNormal, reason.StreamEnded},
		{"unmasked frame", func(t *testing.T, _ *Rig, s *Socket) {
			if _, err := s.Write([]byte{0x89, 0x01, 'x'}); err != nil {
				t.Fatal(err)
			}
		}, websocket.StatusProtocolError, reason.BadMessage},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := New(t, c.New(), Options{})
			r.Publish(Video)
			s, _ := r.Dial(c.path(""), "")
			s.Next(t)
			test.end(t, r, s)
			s.ExpectClose(t, test.code, test.why)
		})
	}
}

func testWebSocketNotThere(t *testing.T, c Case) {
	r := New(t, c.New(), Options{})
	s, _ := r.Dial("/live/absent"+c.Suffix, "")
	s.ExpectClose(t, websocket.StatusPolicy, reason.StreamNotFound)
	r.Publish(Video)
	s, _ = r.Dial(c.path("?video=0"), "")
	s.ExpectClose(t, websocket.StatusPolicy, reason.Unsupported)
}

func testWebSocketRefused(t *testing.T, c Case) {
	r := New(t, c.New(), Options{})
	r.Publish(Video)
	if s, response := r.Dial(c.path("?audio=2"), ""); s != nil || response.StatusCode != http.StatusBadRequest {
		t.Errorf("bad selection: %v", response)
	}
	r.Status(r.Plain+c.path(""), http.StatusBadRequest, "Sec-WebSocket-Version", func(q *http.Request) {
		q.Header.Set("Connection", "Upgrade")
		q.Header.Set("Upgrade", "websocket")
		q.Header.Set("Sec-WebSocket-Version", "8")
	})
}

func testSwitchedOff(t *testing.T, c Case) {
	r := New(t, c.Off, Options{})
	r.Publish(Video)
	r.Status(r.Plain+c.path(""), http.StatusNotFound, "not_found")
}
