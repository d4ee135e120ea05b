package hls

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/weirmedia/weir/protocols/hls/segment"
)

// TestIndexCaching: index.m3u8 is compressed and named like other playlists.
// Without sessions it is the same for all, and who has it needs it only once.
func TestIndexCaching(t *testing.T) {
	const path = "/live/test/index.m3u8"
	for _, test := range []struct {
		sessions Sessions
		cache    string
		again    int // status for who has it
	}{{SessionsOff, cacheShortly, http.StatusNotModified}, {SessionsOn, "no-store", http.StatusOK}} {
		t.Run(string(test.sessions), func(t *testing.T) {
			c := defaults()
			c.Sessions = test.sessions
			r := newRig(t, options{config: c})
			s := r.publish(50)
			r.warm(s, segment.FMP4)
			s.play(110)
			plain := r.get(path, http.StatusOK)
			packed := r.get(path, http.StatusOK, "Accept-Encoding", "gzip")
			for name, a := range map[string]answer{"plain": plain, "gzip": packed, "HEAD": r.do(http.MethodHead, path)} {
				if got := a.header.Get("Cache-Control"); got != test.cache {
					t.Errorf("%s: Cache-Control %q", name, got)
				}
			}
			z, err := gzip.NewReader(strings.NewReader(packed.body))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(z)
			if err != nil || !strings.Contains(string(text), "#EXT-X-STREAM-INF") || test.sessions == SessionsOff && string(text) != plain.body {
				t.Errorf("gzip: %v\n%s", err, text)
			}
			tag := plain.header.Get("ETag")
			if other := packed.header.Get("ETag"); tag == "" || other == "" || other == tag {
				t.Errorf("ETag %q, by gzip %q", tag, other)
			}
			if again := r.get(path, test.again, "If-None-Match", tag); again.status == http.StatusNotModified && again.body != "" {
				t.Errorf("304 with %q", again.body)
			} else if got := again.header.Get("Cache-Control"); got != test.cache {
				t.Errorf("again: Cache-Control %q", got)
			}
		})
	}
}
