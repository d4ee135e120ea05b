//go:build e2e

package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"
	"time"
)

// servePages serves the folder testdata, with hls.js, on an origin of its own,
// and returns its address.
func servePages(t *testing.T) string {
	t.Helper()
	pages := http.NewServeMux()
	pages.Handle("/", http.FileServer(http.Dir("testdata")))
	const player = "../../web/node_modules/hls.js/dist/hls.js"
	if _, err := os.Stat(player); err != nil {
		t.Fatalf("%v: `make build` installs it", err)
	}
	pages.HandleFunc("/hls.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, player) })
	server := httptest.NewServer(pages)
	t.Cleanup(server.Close)
	return server.URL
}

// openHLS plays an address with hls.js. options is more for the page's query,
// such as "&plain", and args is more for Chromium.
func openHLS(t *testing.T, address, options string, args ...string) *browser {
	t.Helper()
	b := openPage(t, servePages(t)+"/hls.html?src="+url.QueryEscape(address)+options, args...)
	t.Cleanup(func() {
		if t.Failed() && b.running() {
			t.Logf("hls.js for %s saw %+v", address, seenByHLS(t, b))
		}
	})
	return b
}

// hlsSeen is what the page has noted of what hls.js told it.
type hlsSeen struct {
	Segments, Parts int
	// Blocking counts playlists that were waited for.
	Blocking        int
	Discontinuities int
	Problems        []string
	Fatal           string
}

func seenByHLS(t *testing.T, b *browser) (seen hlsSeen) {
	t.Helper()
	b.eval(t, `seen`, &seen)
	return seen
}

// requireNoFatal checks that hls.js has not given up.
func requireNoFatal(t *testing.T, b *browser) {
	t.Helper()
	if seen := seenByHLS(t, b); seen.Fatal != "" {
		t.Errorf("hls.js gave up: %s, after %q", seen.Fatal, seen.Problems)
	}
}

// reorderedClip has B-frames that are references themselves, and begins anew at
// each key frame. Chromium's decoder cannot join in elsewhere: see docs/hls.md.
var reorderedClip = clip{"reordered", join(lavfi(picture, noise), x264Hard[:len(x264Hard)-2], aacStereo, []string{"-shortest"})}

// TestFullHLSChromium: hls.js plays each format, from another origin.
func TestFullHLSChromium(t *testing.T) {
	for _, tt := range []struct{ name, format, options string }{
		{"fmp4", "fmp4", "&plain"},
		{"ts", "ts", "&plain"},
		{"low-latency ts", "ts", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, nil)
			s.publish(t, reorderedClip, "live/test", publishOptions{loop: true})
			b := openHLS(t, hlsAddress(s, tt.format), tt.options)
			requirePlays(t, b)
			requireNoFatal(t, b)
			seen := seenByHLS(t, b)
			if plain := tt.options != ""; plain && (seen.Parts > 0 || seen.Segments == 0) || !plain && (seen.Parts == 0 || seen.Blocking == 0) {
				t.Errorf("hls.js saw %+v", seen)
			}
			requireViewers(t, s, "hls")
		})
	}
}

// TestFullHLSOpenGOP: hls.js has joined with the first picture and plays across
// key frames whose leading pictures need what came before.
func TestFullHLSOpenGOP(t *testing.T) {
	for _, tt := range []struct{ name, options string }{
		{"plain", "&first&plain"},
		{"low-latency", "&first"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, settings{"hls.mode": "always", "hls.window": "12"})
			s.publish(t, hardClip, "live/test", publishOptions{})
			b := openHLS(t, hlsAddress(s, "fmp4"), tt.options)
			b.eventually(t, 40*time.Second, "the player played four groups of pictures", playedSeconds+" > 9")
			requirePicture(t, b)
			requireNoFatal(t, b)
		})
	}
}

// TestFullHLSLowLatency: hls.js plays by parts and waited-for playlists over
// HTTP/2, as near to the end as the playlist allows, and the server counts both.
func TestFullHLSLowLatency(t *testing.T) {
	t.Parallel()
	s, address := startHTTPS(t)
	s.publish(t, reorderedClip, "live/test", publishOptions{loop: true})
	b := openHLS(t, "https://"+address+"/live/test/index.m3u8", "", "--ignore-certificate-errors")
	b.call(t, "Network.enable", nil, nil)
	blocked := false
	b.eventually(t, 40*time.Second, "the player showed pictures for three seconds",
		`document.querySelector("video#player").getVideoPlaybackQuality().totalVideoFrames > 75`)
	eventually(t, 10*time.Second, "a playlist is waited for", func() bool {
		blocked = blocked || metric(t, s, "weir_hls_blocked_requests") > 0
		return blocked
	})
	requirePicture(t, b)
	requireAdvance(t, b)
	requireNoFatal(t, b)

	seen := seenByHLS(t, b)
	if seen.Parts < 15 || seen.Blocking < 10 {
		t.Errorf("hls.js saw %+v, want 15 parts and 10 playlists that were waited for", seen)
	}
	var target float64
	b.eval(t, `hls.targetLatency`, &target)
	if target > 1 {
		t.Errorf("hls.js wants to be %.2f s behind, want what EXT-X-SERVER-CONTROL says for parts", target)
	}
	const page = 3 // the page, its script and its icon, from another server
	if b.protocols["h2"] < 20 || b.protocols["http/1.1"] > page {
		t.Errorf("answers by protocol: %v, want those of the stream by h2", b.protocols)
	}
	if parts := metric(t, s, "weir_hls_parts_total"); parts < 15 {
		t.Errorf("the server made %v parts", parts)
	}
}
