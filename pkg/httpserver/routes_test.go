package httpserver_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/streamname"
)

// say answers with a word and, for streams, the name.
func say(word string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, word) })
}

func sayStream(word string) httpserver.StreamHandler {
	return func(w http.ResponseWriter, _ *http.Request, stream string) { _, _ = io.WriteString(w, word+" "+stream) }
}

func sayBelow(word string) httpserver.BelowHandler {
	return func(w http.ResponseWriter, _ *http.Request, stream, rest string) {
		_, _ = io.WriteString(w, word+" "+rest+" of "+stream)
	}
}

func routed() *httpserver.Server {
	s := httpserver.New(httpserver.Options{})
	s.Handle("/", say("home"))
	s.Handle("/api/", say("api"))
	s.Handle("/api/v1/special/", say("special"))
	s.Handle("/healthz", say("health"))
	s.HandleSuffix(".flv", s.Media(sayStream("flv")))
	s.HandleSuffix(".m3u8", sayStream("list"))
	s.HandleSuffix("/index.m3u8", sayStream("hls"))
	s.HandleSuffix("/whip", sayStream("whip"))
	s.HandleInfix("/~hls/", sayBelow("media"))
	s.HandleInfix("/whip/", sayBelow("resource"))
	return s
}

func get(t testing.TB, h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:8080/", nil)
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatal(err)
	}
	r.URL = u
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRoutes(t *testing.T) {
	s := routed()
	for _, c := range []struct {
		name, target string
		status       int
		want         string // the body, or the message of an error
	}{
		{"home", "/", 200, "home"},
		{"home with a query", "/?play=live/test", 200, "home"},
		{"subtree", "/api/v1/streams", 200, "api"},
		{"subtree without its slash", "/api", 200, "api"},
		{"longest subtree", "/api/v1/special/x", 200, "special"},
		{"exact", "/healthz", 200, "health"},
		{"exact is not a subtree", "/healthz/", 404, "there is nothing at /healthz/"},
		{"fixed before suffix", "/api/x.flv", 200, "api"},
		{"stream", "/live/test.flv", 200, "flv live/test"},
		{"one segment", "/test.flv", 200, "flv test"},
		{"query is no part", "/live/test.flv?audio=0", 200, "flv live/test"},
		{"case matters", "/live/test.FLV", 404, "there is nothing at /live/test.FLV"},
		{"percent-decoded", "/live/caf%C3%A9%20bar.flv", 200, "flv live/café bar"},
		{"encoded suffix", "/live/test%2Eflv", 200, "flv live/test"},
		{"suffix twice", "/live/test.flv.flv", 200, "flv live/test.flv"},
		{"longest suffix", "/live/test/index.m3u8", 200, "hls live/test"},
		{"shorter suffix", "/live/test.m3u8", 200, "list live/test"},
		{"word suffix", "/live/test/whip", 200, "whip live/test"},
		{"below", "/live/test/~hls/a.m4s", 200, "media a.m4s of live/test"},
		{"below before a suffix", "/live/test/~hls/x/a.flv", 200, "media x/a.flv of live/test"},
		{"below, percent-decoded", "/live/caf%C3%A9/%7Ehls/a%20b", 200, "media a b of live/café"},
		{"below a word", "/live/test/whip/123", 200, "resource 123 of live/test"},
		{"below a word that is part of the name", "/live/whip/a/whip/123", 200, "resource 123 of live/whip/a"},
		{"suffix before a word that is part of the name", "/live/whip/a.flv", 200, "flv live/whip/a"},
		{"suffix behind a word that is part of the name", "/live/whip/a/whip", 200, "whip live/whip/a"},
		{"nothing below", "/live/test/~hls/", 404, "there is nothing at /live/test/~hls/"},
		{"below without a slash", "/live/test/~hls", 404, "there is nothing at /live/test/~hls"},
		{"dots below", "/live/test/~hls/../x", 404, "there is nothing at /live/test/~hls/../x"},
		{"encoded dots below", "/live/test/~hls/%2e%2e", 404, "there is nothing at /live/test/~hls/.."},
		{"empty segment below", "/live/test/~hls//x", 404, "there is nothing at /live/test/~hls//x"},
		{"encoded slash below", "/live/test/~hls/a%2Fb", 400, "a segment of a stream name must not hold an encoded slash"},
		{"no name before an infix", "/~hls/a", 400, "the stream name is empty"},
		{"infix twice", "/live/~hls/x/~hls/a", 200, "media a of live/~hls/x"},
		{"nothing", "/live/test", 404, "there is nothing at /live/test"},
		{"no name", "/.flv", 400, "the stream name is empty"},
		{"no name before a word", "/whip", 400, "the stream name is empty"},
		{"empty last segment", "/live/.flv", 400, "the stream name has an empty segment"},
		{"empty first segment", "//live/test.flv", 400, "the stream name has an empty segment"},
		{"empty segment", "/live//test.flv", 400, `stream name "live//test" has an empty segment`},
		{"dots", "/live/../test.flv", 400, `stream name "live/../test" has the segment ".."`},
		{"encoded dots", "/live/%2e%2e/test.flv", 400, `stream name "live/../test" has the segment ".."`},
		{"encoded slash", "/live%2Ftest.flv", 400, "a segment of a stream name must not hold an encoded slash"},
		{"encoded slash in small letters", "/live%2ftest.flv", 400, "a segment of a stream name must not hold an encoded slash"},
		{"encoded zero", "/live/a%00b.flv", 400, `stream name "live/a\x00b" holds the control character U+0000`},
		{"encoded backslash", "/live/a%5Cb.flv", 400, `stream name "live/a\\b" holds the character '\\'`},
		{"encoded percent", "/live/a%2541.flv", 400, `stream name "live/a%41" holds the character '%'`},
		{"not UTF-8", "/live/a%FF.flv", 400, "the stream name is not valid UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := get(t, s, http.MethodGet, c.target)
			got := w.Body.String()
			if c.status != 200 {
				got = errorOf(t, w).Message
				if w.Header().Get("Cache-Control") != "no-store" {
					t.Error("an error may be stored")
				}
			}
			if w.Code != c.status || got != c.want {
				t.Errorf("%s: %d %q, want %d %q", c.target, w.Code, got, c.status, c.want)
			}
		})
	}
}

func errorOf(t testing.TB, w *httptest.ResponseRecorder) httpserver.Error {
	t.Helper()
	var body struct{ Error httpserver.Error }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Error.Code == "" {
		t.Fatalf("body %q is not an error: %v", w.Body, err)
	}
	return body.Error
}

func TestBadNameError(t *testing.T) {
	e := errorOf(t, get(t, routed(), http.MethodGet, "/live//test.flv"))
	if e.Code != "bad_name" || e.Field != "name" {
		t.Errorf("%+v", e)
	}
}

func TestRoutesMustDiffer(t *testing.T) {
	s := routed()
	for name, register := range map[string]func(){
		"same path":     func() { s.Handle("/healthz", say("x")) },
		"same subtree":  func() { s.Handle("/api/", say("x")) },
		"relative path": func() { s.Handle("x", say("x")) },
		"same suffix":   func() { s.HandleSuffix(".flv", sayStream("x")) },
		"empty suffix":  func() { s.HandleSuffix("", sayStream("x")) },
		"same infix":    func() { s.HandleInfix("/~hls/", sayBelow("x")) },
		"same word":     func() { s.HandleInfix("/whip/", sayBelow("x")) },
		"half an infix": func() { s.HandleInfix("/~x", sayBelow("x")) },
		"empty infix":   func() { s.HandleInfix("//", sayBelow("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("was accepted")
				}
			}()
			register()
		})
	}
}

func TestMedia(t *testing.T) {
	withOrigin := func(origin string) *httpserver.Server {
		c := httpserver.NewConfig()
		c.AllowOrigin = origin
		s := httpserver.New(httpserver.Options{Config: c})
		s.HandleSuffix(".flv", s.Media(sayStream("flv")))
		return s
	}
	for _, c := range []struct {
		name, origin, method string
		status               int
		want                 map[string]string
	}{
		{"all", "*", "GET", 200, map[string]string{"Access-Control-Allow-Origin": "*", "Vary": ""}},
		{"head", "*", "HEAD", 200, map[string]string{"Access-Control-Allow-Origin": "*"}},
		{"one", "https://example.org", "GET", 200, map[string]string{"Access-Control-Allow-Origin": "https://example.org", "Vary": "Origin"}},
		{"none", "", "GET", 200, map[string]string{"Access-Control-Allow-Origin": ""}},
		{"preflight", "*", "OPTIONS", 204, map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS"}},
		{"preflight for none", "", "OPTIONS", 204, map[string]string{"Access-Control-Allow-Origin": "", "Access-Control-Allow-Methods": ""}},
		{"wrong method", "*", "POST", 405, map[string]string{"Access-Control-Allow-Origin": "*", "Allow": "GET, HEAD, OPTIONS"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := get(t, withOrigin(c.origin), c.method, "/live/test.flv", "Origin", "https://example.org")
			if w.Code != c.status {
				t.Errorf("status %d, want %d", w.Code, c.status)
			}
			for key, want := range c.want {
				if got := w.Header().Get(key); got != want {
					t.Errorf("%s is %q, want %q", key, got, want)
				}
			}
		})
	}
}

func TestShareOtherMethods(t *testing.T) {
	s := httpserver.New(httpserver.Options{})
	s.HandleInfix("/whip/", func(w http.ResponseWriter, r *http.Request, stream, rest string) {
		if s.Share(w, r, http.MethodPatch, http.MethodDelete) {
			sayBelow(r.Method)(w, r, stream, rest)
		}
	})
	if w := get(t, s, http.MethodDelete, "/live/test/whip/1"); w.Code != 200 || w.Body.String() != "DELETE 1 of live/test" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for method, status := range map[string]int{http.MethodGet: 405, http.MethodOptions: 204} {
		w := get(t, s, method, "/live/test/whip/1")
		if w.Code != status || w.Header().Get("Allow") != "PATCH, DELETE, OPTIONS" || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d, %v", method, w.Code, w.Header())
		}
	}
}

func FuzzPath(f *testing.F) {
	s := httpserver.New(httpserver.Options{})
	var seen, below string
	s.Handle("/api/", say("api"))
	s.HandleSuffix(".flv", func(_ http.ResponseWriter, _ *http.Request, stream string) { seen = stream })
	s.HandleInfix("/~hls/", func(_ http.ResponseWriter, _ *http.Request, stream, rest string) { seen, below = stream, rest })
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL, seen, below = u, "", ""
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		switch w.Code {
		case http.StatusOK:
			if strings.HasPrefix(u.Path, "/api") {
				return
			}
			if name, err := streamname.Parse(seen); err != nil || name != seen {
				t.Errorf("%q gave the name %q: %v", target, seen, err)
			}
			if below == "" && "/"+seen+".flv" != u.Path || below != "" && "/"+seen+"/~hls/"+below != u.Path {
				t.Errorf("%q gave the name %q", target, seen)
			}
		case http.StatusBadRequest, http.StatusNotFound:
			errorOf(t, w)
		default:
			t.Errorf("%q: status %d", target, w.Code)
		}
	})
}
