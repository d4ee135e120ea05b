package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/event"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// authorizer accepts one token and one user, and fails on request.
type authorizer struct{ asked []auth.Request }

func (a *authorizer) Authorize(_ context.Context, r auth.Request) (auth.Grant, error) {
	a.asked = append(a.asked, r)
	switch c := r.Credentials; {
	case c.Token == "good", c.User == "ann" && c.Password == "secret":
		return auth.Grant{Identity: auth.Identity{User: "ann"}}, nil
	case c.Token == "anonymous": // whose address is enough
		return auth.Grant{}, nil
	case c.User == "mallory":
		return auth.Grant{}, reason.Wrap(reason.LimitReached, errors.New("wait a minute"))
	case c.Token == "fault":
		return auth.Grant{}, errors.New("database on fire")
	}
	return auth.Grant{}, reason.Wrap(reason.Unauthorized, &auth.Denied{Why: "not you", Authenticate: r.Credentials.User != "bob"})
}

// fixture is a server with one live stream, one in its grace period, a
// publisher and three players of which one waits.
func fixture(t testing.TB) Options {
	t.Helper()
	r := session.NewRegistry(session.Options{})
	var publisher *session.Session
	for i, s := range []session.Info{
		{Protocol: "rtmp", Action: session.Publish, Stream: "live/test", Remote: "192.0.2.1:1", Agent: "Lavf59", Transport: "tcp"},
		{Protocol: "rtmp", Action: session.Play, Stream: "live/test", Remote: "192.0.2.2:2", Transport: "tcp"},
		{Protocol: "httpflv", Action: session.Play, Stream: "live/test", Remote: "192.0.2.3:3", User: "ann", Transport: "tls"},
		{Protocol: "httpflv", Action: session.Play, Stream: "live/soon", Remote: "192.0.2.4:4", Transport: "tcp"},
		{Protocol: "webrtc", Action: session.Play, Stream: "live/test", Remote: "192.0.2.5:5", Transport: "ice"},
		{Protocol: "rtmp", Action: session.Publish, Stream: "live/old", Remote: "192.0.2.6:6", Transport: "tcp"},
	} {
		x, err := r.Open(s, func(reason.Reason) {})
		if err != nil {
			t.Fatal(err)
		}
		switch i {
		case 0:
			publisher = x
			x.Counters().Network.PacketsIn.Add(5)
			x.Counters().Network.Jitter.Store(1_234_567)
			x.Counters().Network.ObserveRoundTrip(20_500_000)
		case 1, 2:
			leftOut := new(session.LeftOut)
			leftOut.Set([]av.Omission{{Kind: av.Audio, Codec: "AC3", Why: "no number"}})
			x.Without(leftOut)
		case 3:
			if err := x.Wait(); err != nil {
				t.Fatal(err)
			}
		case 4:
			x.Close(reason.HandshakeTimeout, errors.New("nothing worked"))
		case 5:
			x.Close(reason.Unpublished, nil)
		}
	}
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	return Options{
		Version: "v0.1.0", RTMPPort: 1935, RTSPPort: 8554, Sessions: r, Events: event.NewHub("node", nil), Authorizer: &authorizer{},
		Remote: httpserver.New(httpserver.Options{}).Remote, Loopback: yes, Warnings: func() []string { return []string{"mind the gap"} },
		Pulls: &relays[NewPull, StreamOfPull]{list: somePulls}, Forwards: &relays[NewForward, StreamOfForward]{}, Recordings: new(recordings), Recorders: new(recorders), Stats: statsSince, LogLevel: new(slog.LevelVar), Configuration: &configuration{text: "log:\n  level: info\n", keys: someKeys},
		Streams: func() []StreamInfo {
			return []StreamInfo{
				{
					Name: "live/test", State: StateLive, Ready: true, Epoch: 3, Since: since,
					Publisher: &PublisherInfo{Session: publisher.ID(), Protocol: "rtmp", Remote: "192.0.2.1:1", Encoder: "Lavf59"},
					Tracks: []TrackInfo{
						{ID: 0, Kind: "video", Codec: "H264", Profile: "High 4.0", Width: 1280, Height: 720, FrameRate: 25, Bitrate: 612000},
						{ID: 1, Kind: "audio", Codec: "AAC", Profile: "LC", SampleRate: 44100, Channels: 2, Bitrate: 64000},
					},
					Bitrate: 676000, GOPS: 2, BytesIn: 123, FramesIn: 456,
					WebRTC: &WebRTCInfo{
						Playable: true, Why: "B-frames", FrameRate: 12.5,
						LeftOut: Omissions([]av.Omission{{Kind: av.Audio, Codec: "AC3", Why: "no number"}}),
					},
				},
				{Name: "live/gone", State: StateGrace, Since: since},
			}
		},
	}
}

// ask sends a request from this machine, unless change says otherwise.
func ask(h http.Handler, method, target string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "127.0.0.1:8080"
	r.RemoteAddr = "127.0.0.1:50000"
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestInfo(t *testing.T) {
	w := ask(New(fixture(t)), "GET", "/api/v1/info")
	var got Info
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if got.Version != "v0.1.0" || got.RTMPPort != 1935 || got.RTSPPort != 8554 || got.UptimeS < 0 || len(got.Warnings) != 1 {
		t.Errorf("%+v", got)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("may be stored")
	}
}

func TestStreams(t *testing.T) {
	o := fixture(t)
	id := o.Streams()[0].Publisher.Session
	live := `{"name":"live/test","state":"live","ready":true,"epoch":3,"since":"2026-01-02T02:04:05Z",` +
		`"publisher":{"session":"` + id + `","protocol":"rtmp","remote":"192.0.2.1:1","user":"","encoder":"Lavf59"},` +
		`"tracks":[{"id":0,"kind":"video","codec":"H264","profile":"High 4.0","width":1280,"height":720,"frame_rate":25,"bitrate":612000},` +
		`{"id":1,"kind":"audio","codec":"AAC","profile":"LC","sample_rate":44100,"channels":2,"bitrate":64000}],` +
		`"bitrate":676000,"gop_s":2,"viewers":{"httpflv":1,"rtmp":1},"viewers_total":2,"bytes_in":123,"frames_in":456,"frames_dropped":0,"left_out":[` +
		`{"protocol":"httpflv","action":"play","kind":"audio","codec":"AC3","why":"no number"},` +
		`{"protocol":"rtmp","action":"play","kind":"audio","codec":"AC3","why":"no number"}],` +
		`"webrtc":{"playable":true,"why":"B-frames","frame_rate":12.5,"left_out":[{"kind":"audio","codec":"AC3","why":"no number"}]}}`
	gone := `{"name":"live/gone","state":"grace","ready":false,"epoch":0,"since":"2026-01-02T02:04:05Z","publisher":null,` +
		`"tracks":[],"bitrate":0,"gop_s":0,"viewers":{},"viewers_total":0,"bytes_in":0,"frames_in":0,"frames_dropped":0,"left_out":[]}`
	h := New(o)
	for _, c := range []struct{ name, target, want string }{
		{"all", "/api/v1/streams", `{"streams":[` + live + `,` + gone + `]}`},
		{"one", "/api/v1/streams/live/test", live},
		{"one with an encoded slash", "/api/v1/streams/live%2Ftest", live},
		{"one in grace", "/api/v1/streams/live/gone", gone},
	} {
		t.Run(c.name, func(t *testing.T) {
			if w := ask(h, "GET", c.target); w.Code != 200 || w.Body.String() != c.want {
				t.Errorf("%d\ngot  %s\nwant %s", w.Code, w.Body, c.want)
			}
		})
	}
	o.Streams = func() []StreamInfo { return nil }
	if w := ask(New(o), "GET", "/api/v1/streams"); w.Body.String() != `{"streams":[]}` {
		t.Errorf("no streams: %s", w.Body)
	}
}

func TestSessions(t *testing.T) {
	h := New(fixture(t))
	for _, c := range []struct{ name, query, want string }{
		{"all", "", "192.0.2.1:1 192.0.2.2:2 192.0.2.3:3 192.0.2.4:4"},
		{"protocol", "?protocol=rtmp", "192.0.2.1:1 192.0.2.2:2"},
		{"action", "?action=publish", "192.0.2.1:1"},
		{"stream", "?stream=live/soon", "192.0.2.4:4"},
		{"together", "?protocol=httpflv&action=play&stream=live/test", "192.0.2.3:3"},
		{"none", "?stream=live", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(h, "GET", "/api/v1/sessions"+c.query)
			var body struct{ Sessions []SessionInfo }
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Sessions == nil {
				t.Fatalf("%s: %v", w.Body, err)
			}
			var got []string
			for _, s := range body.Sessions {
				got = append(got, s.Remote)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	if w := ask(h, "GET", "/api/v1/sessions?action=publish"); !strings.Contains(w.Body.String(),
		`"network":{"packets_in":5,"packets_out":0,"packets_lost":0,"packets_reordered":0,"jitter_ms":1.235,"round_trip_ms":20.5}`) {
		t.Errorf("no figures of the network: %s", w.Body)
	}
	var body struct{ Sessions []SessionInfo }
	if err := json.Unmarshal(ask(h, "GET", "/api/v1/sessions?stream=live/soon").Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	if s := body.Sessions[0]; s.Network != nil || s.State != session.Waiting || s.ID == "" || s.Since.IsZero() || s.Transport != "tcp" {
		t.Errorf("%+v", s)
	}
}

func TestEnded(t *testing.T) {
	h := New(fixture(t))
	for query, want := range map[string]string{
		"":                "192.0.2.6:6 192.0.2.5:5",
		"?protocol=rtmp":  "192.0.2.6:6",
		"?action=play":    "192.0.2.5:5",
		"?stream=live/no": "",
	} {
		var body struct{ Sessions []EndedInfo }
		w := ask(h, "GET", "/api/v1/sessions/ended"+query)
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Sessions == nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
		var got []string
		for _, e := range body.Sessions {
			got = append(got, e.Session.Remote)
			failed := e.Session.Protocol == "webrtc"
			if e.Session.State != session.Ended || e.Ended.IsZero() || (e.Error == "nothing worked") != failed || (e.Reason == reason.HandshakeTimeout) != failed {
				t.Errorf("%+v", e)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %v, want %v", query, got, want)
		}
	}
	if w := ask(h, "GET", "/api/v1/sessions/ended?action=x"); w.Code != 400 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestErrors(t *testing.T) {
	h := New(fixture(t))
	for _, c := range []struct {
		name, method, target string
		status               int
		want                 string
	}{
		{"unknown route", "GET", "/api/v2/streams", 404, `{"error":{"code":"not_found","message":"there is nothing at /api/v2/streams","field":"","request_id":"r1"}}`},
		{"unknown stream", "GET", "/api/v1/streams/live/x", 404, `{"error":{"code":"stream_not_found","message":"there is no stream live/x","field":"name","request_id":"r1"}}`},
		{"bad name", "GET", "/api/v1/streams/live//x", 400, `{"error":{"code":"bad_name","message":"stream name \"live//x\" has an empty segment","field":"name","request_id":"r1"}}`},
		{"no name", "GET", "/api/v1/streams/", 400, `{"error":{"code":"bad_name","message":"the stream name is empty","field":"name","request_id":"r1"}}`},
		{"bad filter", "GET", "/api/v1/sessions?action=watch", 400, `{"error":{"code":"bad_request","message":"action must be \"publish\", \"play\", \"forward\" or \"record\"","field":"action","request_id":"r1"}}`},
		{"wrong method", "POST", "/api/v1/streams", 405, `{"error":{"code":"method_not_allowed","message":"POST is not allowed here; use GET, HEAD","field":"","request_id":"r1"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(h, c.method, c.target, func(r *http.Request) { r.Header.Set("X-Request-Id", "r1") })
			if w.Code != c.status || strings.TrimSpace(w.Body.String()) != c.want {
				t.Errorf("%d\ngot  %s\nwant %s", w.Code, w.Body, c.want)
			}
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Error("may be stored")
			}
			if allow := w.Header().Get("Allow"); c.status == 405 && allow != "GET, HEAD" {
				t.Errorf("Allow: %q", allow)
			}
		})
	}
}

func TestHead(t *testing.T) {
	if w := ask(New(fixture(t)), "HEAD", "/api/v1/streams"); w.Code != 200 {
		t.Errorf("status %d", w.Code)
	}
}

func TestPanicIsAnswered(t *testing.T) {
	var log bytes.Buffer
	o := fixture(t)
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	o.Streams = func() []StreamInfo { panic("broken") }
	w := ask(New(o), "GET", "/api/v1/streams")
	if w.Code != 500 || !strings.Contains(w.Body.String(), `"code":"internal_error"`) || strings.Contains(w.Body.String(), "broken") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "broken") || !strings.Contains(log.String(), "api_test.go") {
		t.Errorf("log: %s", &log)
	}
}

func TestGuard(t *testing.T) {
	from := func(addr string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = addr } }
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	far := from("192.0.2.9:50000")
	for _, c := range []struct {
		name   string
		target string
		change []func(*http.Request)
		status int
	}{
		{"this machine", "/", nil, 200},
		{"localhost", "/", []func(*http.Request){host("localhost:8080")}, 200},
		{"localhost in capitals with a dot", "/", []func(*http.Request){host("LOCALHOST.")}, 200},
		{"below localhost", "/", []func(*http.Request){host("weir.localhost:8080")}, 200},
		{"another loopback address", "/", []func(*http.Request){host("127.1.2.3"), from("127.9.9.9:1")}, 200},
		{"IPv6", "/", []func(*http.Request){host("[::1]:8080"), from("[::1]:1")}, 200},
		{"IPv6 without port", "/", []func(*http.Request){host("[::1]"), from("[::1]:1")}, 200},
		{"IPv4 in IPv6", "/", []func(*http.Request){from("[::ffff:127.0.0.1]:1")}, 200},
		{"own page", "/", []func(*http.Request){header("Origin", "http://127.0.0.1:8080")}, 200},
		{"far away", "/", []func(*http.Request){far}, 401},
		{"far away claiming to be local", "/", []func(*http.Request){far, header("X-Forwarded-For", "127.0.0.1")}, 401},
		{"foreign name (DNS rebinding)", "/", []func(*http.Request){host("rebind.example:8080")}, 401},
		{"name that looks like localhost", "/", []func(*http.Request){host("localhost.example")}, 401},
		{"name that starts like loopback", "/", []func(*http.Request){host("127.0.0.1.example")}, 401},
		{"name that ends like localhost", "/", []func(*http.Request){host("evillocalhost")}, 401},
		{"address of the machine", "/", []func(*http.Request){host("192.0.2.1:8080")}, 401},
		{"any address", "/", []func(*http.Request){host("0.0.0.0:8080")}, 401},
		{"no host", "/", []func(*http.Request){host("")}, 401},
		{"through a proxy here", "/", []func(*http.Request){header("X-Forwarded-For", "192.0.2.9")}, 401},
		{"through a proxy that says less", "/", []func(*http.Request){header("Via", "1.1 x")}, 401},
		{"for a foreign page", "/", []func(*http.Request){header("Origin", "https://example.org")}, 401},
		{"for a hidden page", "/", []func(*http.Request){header("Origin", "null")}, 401},
		{"by HTTP/1.0, as proxies do", "/", []func(*http.Request){func(r *http.Request) { r.Proto, r.ProtoMinor = "HTTP/1.0", 0 }}, 401},
		{"part of a foreign page", "/", []func(*http.Request){header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Dest", "image")}, 401},
		{"framed by a foreign page", "/", []func(*http.Request){header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Dest", "iframe")}, 401},
		{"a link on a foreign page", "/", []func(*http.Request){header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Dest", "document")}, 200},
		{"unknown peer", "/", []func(*http.Request){from("@")}, 401},
		{"token in the query", "/?token=good", []func(*http.Request){far}, 200},
		{"wrong token in the query", "/?token=bad", []func(*http.Request){far}, 401},
		{"token", "/", []func(*http.Request){far, header("Authorization", "Bearer good")}, 200},
		{"token with a small letter", "/", []func(*http.Request){far, header("Authorization", "bearer good")}, 200},
		{"wrong token", "/", []func(*http.Request){far, header("Authorization", "Bearer bad")}, 401},
		{"header before query", "/?token=good", []func(*http.Request){far, header("Authorization", "Bearer bad")}, 401},
		{"password", "/", []func(*http.Request){far, func(r *http.Request) { r.SetBasicAuth("ann", "secret") }}, 200},
		{"wrong password", "/", []func(*http.Request){far, func(r *http.Request) { r.SetBasicAuth("ann", "Secret") }}, 401},
		{"user who may not", "/", []func(*http.Request){far, func(r *http.Request) { r.SetBasicAuth("bob", "secret") }}, 403},
		{"rebinding with token", "/?token=good", []func(*http.Request){host("weir.example")}, 200},
		{"the authorizer fails", "/?token=fault", []func(*http.Request){far}, 503},
		{"too many guesses", "/", []func(*http.Request){far, func(r *http.Request) { r.SetBasicAuth("mallory", "guess") }}, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &authorizer{}
			g := &Guard{Authorizer: a, Sessions: session.NewRegistry(session.Options{}), Remote: httpserver.New(httpserver.Options{}).Remote, Loopback: yes}
			entered := false
			w := ask(g.Protect(auth.Metrics, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { entered = true })), "GET", c.target, c.change...)
			if w.Code != c.status || entered != (c.status == 200) {
				t.Fatalf("status %d, want %d; entered: %v", w.Code, c.status, entered)
			}
			for _, r := range a.asked {
				if r.Action != auth.Metrics {
					t.Errorf("asked for %q", r.Action)
				}
			}
			if refusals := g.Sessions.Totals().Refusals; (len(refusals) == 1) != (c.status != 200) {
				t.Errorf("refusals: %v", refusals)
			}
			if challenge := w.Header().Get("WWW-Authenticate"); (challenge == `Bearer realm="weir"`) != (c.status == 401) {
				t.Errorf("challenge %q", challenge)
			}
			if (c.status == 401 || c.status == 403) && !strings.Contains(w.Body.String(), `{"code":"unauthorized","message":"not you","field":""}`) {
				t.Errorf("body %s", w.Body)
			}
			if c.status == 503 && strings.Contains(w.Body.String(), "fire") {
				t.Errorf("tells too much: %s", w.Body)
			}
			if guessed := c.name == "too many guesses"; guessed != strings.Contains(w.Body.String(), `{"code":"limit_reached","message":"wait a minute","field":""}`) {
				t.Errorf("body %s", w.Body)
			}
		})
	}
}

// TestGuardAsksForTheClient: behind a trusted proxy the client's address
// counts, not the proxy's.
func TestGuardAsksForTheClient(t *testing.T) {
	a := &authorizer{}
	o := fixture(t)
	o.Authorizer = a
	o.Remote = func(*http.Request) netip.AddrPort { return netip.MustParseAddrPort("198.51.100.7:9") }
	w := ask(New(o), "GET", "/api/v1/info", func(r *http.Request) { r.Header.Set("X-Forwarded-For", "198.51.100.7") })
	if w.Code != 401 || len(a.asked) != 1 {
		t.Fatalf("%d, asked %v", w.Code, a.asked)
	}
	if r := a.asked[0]; r.Remote.String() != "198.51.100.7" || r.Action != auth.API {
		t.Errorf("asked %+v", r)
	}
	if got := fmt.Sprint(o.Sessions.Totals().Refusals); got != "[{http unauthorized 1}]" {
		t.Error(got)
	}
}

func yes() bool { return true }
