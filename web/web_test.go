package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/weirmedia/weir/remux/fmp4"
)

const (
	page   = "<!doctype html><title>built</title>"
	script = "/assets/index-abc123.js"
)

var scriptSource = strings.Repeat("export const x = 1;\n", 200)

func builtHandler(t *testing.T) http.Handler {
	t.Helper()
	h, err := newHandler(fstest.MapFS{
		".gitkeep":                 {},
		"index.html":               {Data: []byte(page)},
		"assets/index-abc123.js":   {Data: []byte(scriptSource)},
		"assets/index-abc123.css":  {Data: []byte("body{}")},
		"assets/icon-abc123.svg":   {Data: []byte("<svg/>")},
		"assets/weir-player.js":    {Data: []byte("(() => {})()")},
		"assets/clip-abc123.weird": {Data: []byte{0}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func do(h http.Handler, method, target string, header ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestServes(t *testing.T) {
	h := builtHandler(t)
	tests := []struct {
		name, method, target     string
		status                   int
		contentType, cache, body string
	}{
		{"page", "GET", "/", 200, "text/html; charset=utf-8", cachePage, page},
		{"page of a deep link", "GET", "/?play=live/test", 200, "text/html; charset=utf-8", cachePage, page},
		{"page, HEAD", "HEAD", "/", 200, "text/html; charset=utf-8", cachePage, ""},
		{"script", "GET", script, 200, "text/javascript; charset=utf-8", cacheAsset, scriptSource},
		{"style", "GET", "/assets/index-abc123.css", 200, "text/css; charset=utf-8", cacheAsset, "body{}"},
		{"icon", "GET", "/assets/icon-abc123.svg", 200, "image/svg+xml", cacheAsset, "<svg/>"},
		{"embedded player", "GET", "/assets/weir-player.js", 200, "text/javascript; charset=utf-8", cachePage, "(() => {})()"},
		{"unknown kind", "GET", "/assets/clip-abc123.weird", 200, "application/octet-stream", cacheAsset, "\x00"},
		{"asset of another build", "GET", "/assets/index-old.js", 404, "text/plain; charset=utf-8", "no-store", "not found\n"},
		{"folder", "GET", "/assets/", 404, "text/plain; charset=utf-8", "no-store", "not found\n"},
		{"file of the folder that is no asset", "GET", "/.gitkeep", 404, "text/plain; charset=utf-8", "no-store", "not found\n"},
		{"way out of the folder", "GET", "/assets/../index.html", 404, "text/plain; charset=utf-8", "no-store", "not found\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := do(h, tt.method, tt.target)
			if res.StatusCode != tt.status {
				t.Errorf("status %d, want %d", res.StatusCode, tt.status)
			}
			if got := res.Header.Get("Content-Type"); got != tt.contentType {
				t.Errorf("content type %q, want %q", got, tt.contentType)
			}
			if got := res.Header.Get("Cache-Control"); got != tt.cache {
				t.Errorf("cache control %q, want %q", got, tt.cache)
			}
			if got := body(t, res); got != tt.body {
				t.Errorf("body %.60q, want %.60q", got, tt.body)
			}
			for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"} {
				if res.Header.Get(name) == "" {
					t.Errorf("no %s", name)
				}
			}
		})
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		res := do(builtHandler(t), method, "/")
		if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: status %d, Allow %q", method, res.StatusCode, res.Header.Get("Allow"))
		}
	}
}

func TestRevalidation(t *testing.T) {
	h := builtHandler(t)
	plain := do(h, "GET", script).Header.Get("ETag")
	zipped := do(h, "GET", script, "Accept-Encoding", "gzip").Header.Get("ETag")
	if plain == "" || plain == zipped {
		t.Fatalf("entity tags %s and %s must be there and differ", plain, zipped)
	}
	if res := do(h, "GET", script, "If-None-Match", plain); res.StatusCode != http.StatusNotModified {
		t.Errorf("the same content: status %d", res.StatusCode)
	}
	if res := do(h, "GET", script, "If-None-Match", zipped); res.StatusCode != http.StatusOK {
		t.Errorf("the tag of another coding: status %d", res.StatusCode)
	}
	if res := do(h, "GET", script, "If-None-Match", zipped, "Accept-Encoding", "gzip"); res.StatusCode != http.StatusNotModified {
		t.Errorf("the same compressed content: status %d", res.StatusCode)
	}
}

// TestOtherOrigins: pages of other origins may read the parts of the player, and
// not the console.
func TestOtherOrigins(t *testing.T) {
	h := builtHandler(t)
	for target, want := range map[string]string{script: "*", "/assets/weir-player.js": "*", "/": "", "/assets/none.js": ""} {
		if got := do(h, "GET", target).Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s: Access-Control-Allow-Origin %q, want %q", target, got, want)
		}
	}
}

// embeddedBudget is how many compressed bytes every page that embeds the player
// loads, without what a way of playing needs besides.
const embeddedBudget = 25_000

func TestEmbeddedPlayer(t *testing.T) {
	res := do(Handler(), "GET", "/assets/weir-player.js", "Accept-Encoding", "gzip")
	if res.StatusCode != http.StatusOK {
		t.Fatalf("status %d: `make build` builds the player", res.StatusCode)
	}
	if n := len(body(t, res)); n > embeddedBudget {
		t.Errorf("weir-player.js has %d bytes compressed, more than %d", n, embeddedBudget)
	}
}

// TestTimeShift: the player takes off what the server adds to times in MP4.
func TestTimeShift(t *testing.T) {
	source, err := os.ReadFile("src/player/mp4.ts")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`const serverShiftMs = ([0-9_]+);`).FindSubmatch(source)
	if match == nil {
		t.Fatal("src/player/mp4.ts has no serverShiftMs")
	}
	ms, err := strconv.ParseInt(string(match[1]), 0, 64)
	if err != nil || ms != fmp4.Shift.Milliseconds() {
		t.Errorf("the player takes off %s ms, want %d", match[1], fmp4.Shift.Milliseconds())
	}
}

func TestCompression(t *testing.T) {
	h := builtHandler(t)
	tests := []struct {
		name, target, accept string
		compressed           bool
	}{
		{"as browsers ask", script, "gzip, deflate, br, zstd", true},
		{"with a weight", script, "br;q=1.0, GZIP;q=0.5", true},
		{"refused", script, "gzip;q=0, identity", false},
		{"not named", script, "br", false},
		{"too small", "/assets/index-abc123.css", "gzip", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := do(h, "GET", tt.target, "Accept-Encoding", tt.accept)
			if got := res.Header.Get("Content-Encoding") == "gzip"; got != tt.compressed {
				t.Fatalf("compressed %v, want %v", got, tt.compressed)
			}
			if tt.target == script && res.Header.Get("Vary") != "Accept-Encoding" {
				t.Error("no Vary, so that a cache may mix the codings up")
			}
			if !tt.compressed {
				return
			}
			sent := body(t, res)
			if len(sent) >= len(scriptSource) {
				t.Errorf("%d bytes sent for %d", len(sent), len(scriptSource))
			}
			zip, err := gzip.NewReader(bytes.NewBufferString(sent))
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(zip)
			if err != nil {
				t.Fatal(err)
			}
			if string(content) != scriptSource {
				t.Error("the content changed")
			}
		})
	}
}

func TestPlaceholderWithoutBuild(t *testing.T) {
	h, err := newHandler(fstest.MapFS{".gitkeep": {}})
	if err != nil {
		t.Fatal(err)
	}
	res := do(h, "GET", "/")
	text := body(t, res)
	for _, want := range []string{"make build", "/api/v1/streams"} {
		if !strings.Contains(text, want) {
			t.Errorf("the placeholder does not mention %s", want)
		}
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != cachePage {
		t.Errorf("status %d, cache control %q", res.StatusCode, res.Header.Get("Cache-Control"))
	}
}

// TestEmbedded holds with and without a built page.
func TestEmbedded(t *testing.T) {
	res := do(Handler(), "GET", "/")
	if res.StatusCode != http.StatusOK || !strings.Contains(body(t, res), "weir") {
		t.Errorf("status %d without our page", res.StatusCode)
	}
}
