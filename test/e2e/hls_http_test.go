//go:build e2e

package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/weirmedia/weir/protocols/hls/hlstest"
)

// hlsLive is a running stream as a plain HTTP client sees it.
type hlsLive struct {
	*server
	playlist *url.URL
	// segment is the address of the newest segment.
	segment string
	next    uint64 // media sequence number of the next one
}

func startHLSLive(t *testing.T) *hlsLive {
	t.Helper()
	l := &hlsLive{server: startServer(t, settings{"stream.wait": "100ms"})}
	l.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	l.playlist = hlsPlaylist(t, l.server, "fmp4")
	list, err := hlstest.Parse(string(fetch(t, http.MethodGet, l.playlist.String()).body))
	if err != nil {
		t.Fatal(err)
	}
	l.segment = l.resolve(t, list.Segments[len(list.Segments)-1].URI)
	l.next = list.Sequence + uint64(len(list.Segments))
	return l
}

func (l *hlsLive) resolve(t *testing.T, uri string) string {
	t.Helper()
	u, err := l.playlist.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	return u.String()
}

// TestFullHLSAnswers looks at what caches and proxies look at.
func TestFullHLSAnswers(t *testing.T) {
	t.Parallel()
	l := startHLSLive(t)
	whole := fetch(t, http.MethodGet, l.segment)

	t.Run("segment", func(t *testing.T) {
		requireHeaders(t, whole, 200, "Content-Type", "video/mp4", "Accept-Ranges", "bytes", "Access-Control-Allow-Origin", "*",
			"Cache-Control", "public, max-age=86400, immutable", "Content-Length", fmt.Sprint(len(whole.body)))
	})
	t.Run("HEAD", func(t *testing.T) {
		head := fetch(t, http.MethodHead, l.segment)
		requireHeaders(t, head, 200, "Content-Length", fmt.Sprint(len(whole.body)), "ETag", whole.Header.Get("ETag"))
		if len(head.body) > 0 {
			t.Errorf("a body of %d bytes", len(head.body))
		}
	})
	t.Run("range", func(t *testing.T) {
		part := fetch(t, http.MethodGet, l.segment, "Range", "bytes=100-299")
		requireHeaders(t, part, 206, "Content-Range", fmt.Sprintf("bytes 100-299/%d", len(whole.body)))
		end := fetch(t, http.MethodGet, l.segment, "Range", "bytes=-50")
		requireHeaders(t, end, 206, "Content-Length", "50")
		if !bytes.Equal(part.body, whole.body[100:300]) || !bytes.HasSuffix(whole.body, end.body) {
			t.Error("other bytes than those of the segment")
		}
		requireHeaders(t, fetch(t, http.MethodGet, l.segment, "Range", "bytes=99999999-"), 416)
	})
	t.Run("unchanged segment", func(t *testing.T) {
		same := fetch(t, http.MethodGet, l.segment, "If-None-Match", whole.Header.Get("ETag"))
		requireHeaders(t, same, 304)
	})
	t.Run("playlist", func(t *testing.T) {
		// It changes five times a second, so that two answers need not be of the
		// same state; the tag of one that can be had again is looked for.
		plain := fetch(t, http.MethodGet, l.playlist.String())
		requireHeaders(t, plain, 200, "Content-Type", "application/vnd.apple.mpegurl", "Vary", "Accept-Encoding", "Content-Encoding", "")
		if plain.Header.Get("ETag") == "" || plain.Header.Get("Cache-Control") == "" {
			t.Errorf("headers %v", plain.Header)
		}
		requireUnchanged(t, l.playlist.String())
		packed := fetch(t, http.MethodGet, l.playlist.String(), "Accept-Encoding", "gzip")
		requireHeaders(t, packed, 200, "Content-Encoding", "gzip")
		requirePlaylist(t, packed.body)
	})
	t.Run("preflight", func(t *testing.T) {
		leave := fetch(t, http.MethodOptions, l.segment, "Origin", "http://example.com", "Access-Control-Request-Method", "GET",
			"Access-Control-Request-Headers", "range")
		requireHeaders(t, leave, 204, "Access-Control-Allow-Origin", "*")
	})
}

// requireUnchanged checks that a playlist that has not changed is not sent again.
func requireUnchanged(t *testing.T, address string) {
	t.Helper()
	for range 20 {
		first := fetch(t, http.MethodGet, address)
		if second := fetch(t, http.MethodGet, address, "If-None-Match", first.Header.Get("ETag")); second.StatusCode == http.StatusNotModified {
			if len(second.body) > 0 {
				t.Errorf("304 with %d bytes", len(second.body))
			}
			return
		}
	}
	t.Error("no answer 304 to any of 20 tags that were just given")
}

// requirePlaylist checks that a compressed body is a media playlist.
func requirePlaylist(t *testing.T, packed []byte) {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hlstest.Parse(string(text)); err != nil {
		t.Error(err)
	}
}

// requireHeaders checks an answer's status and some of its headers.
func requireHeaders(t *testing.T, got answer, status int, headers ...string) {
	t.Helper()
	if got.StatusCode != status {
		t.Errorf("status %d, want %d: %.300s", got.StatusCode, status, got.body)
	}
	for i := 0; i < len(headers); i += 2 {
		if value := got.Header.Get(headers[i]); value != headers[i+1] {
			t.Errorf("%s: %q, want %q", headers[i], value, headers[i+1])
		}
	}
}

// TestFullHLSRefusals: what is not there, or makes no sense, gets a status that
// says so and that no cache keeps, whatever is tried.
func TestFullHLSRefusals(t *testing.T) {
	t.Parallel()
	l := startHLSLive(t)
	media := l.httpURL("live/test/~hls/")
	with := func(query string) string { return l.playlist.String() + "&" + query }
	for _, tt := range []struct {
		name, address string
		status        int
	}{
		{"no stream", l.httpURL("live/none/index.m3u8"), 404},
		{"a segment of no stream", strings.Replace(l.segment, "live/test", "live/none", 1), 404},
		{"a segment that never was", strings.Replace(l.segment, ".m4s", "0.m4s", 1), 404},
		{"a name of nothing", media + "x.m4s", 404},
		{"the folder", media, 404},
		{"a folder below", media + "a/b/c.m4s", 404},
		{"dots", media + "../../../weir.yaml", 404},
		{"coded dots", media + "%2e%2e/%2e%2e/weir.yaml", 404},
		{"coded slashes", media + "..%2f..%2fweir.yaml", 404},
		{"backslashes", media + `..%5c..%5cweir.yaml`, 404},
		{"a zero byte", l.segment + "%00.mp4", 404},
		{"a slash after a segment", l.segment + "/", 404},
		{"a media playlist without session", strings.Split(l.playlist.String(), "?")[0], 400},
		{"an unknown format", l.httpURL("live/test/index.m3u8?format=dash"), 400},
		{"far ahead", with(fmt.Sprintf("_HLS_msn=%d", l.next+1000)), 400},
		{"a part of nothing", with("_HLS_part=0"), 400},
		{"no number", with("_HLS_msn=-1"), 400},
		{"more than a number", with("_HLS_msn=99999999999999999999999"), 400},
		{"a huge query", with(strings.Repeat("x", 5000)), 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := fetch(t, http.MethodGet, tt.address)
			requireHeaders(t, got, tt.status, "Cache-Control", "no-store")
			if bytes.Contains(got.body, []byte("rtmp:")) {
				t.Errorf("the configuration got out:\n%s", got.body)
			}
		})
	}
	t.Run("another method", func(t *testing.T) {
		requireHeaders(t, fetch(t, http.MethodPost, l.segment), 405)
		requireHeaders(t, fetch(t, http.MethodDelete, l.playlist.String()), 405)
	})
}
