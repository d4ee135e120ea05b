package hls

import (
	"compress/gzip"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/hls/playlist"
	"github.com/weirmedia/weir/protocols/hls/segment"
)

func TestMultivariant(t *testing.T) {
	r := newRig(t, options{})
	s := r.publish(50)
	r.warm(s, segment.FMP4, segment.TS)
	s.play(330)
	a := r.get("/live/test/index.m3u8", http.StatusOK)
	want := regexp.MustCompile(`^#EXTM3U
#EXT-X-VERSION:6
#EXT-X-STREAM-INF:BANDWIDTH=\d{5},AVERAGE-BANDWIDTH=\d{5},CODECS="avc1.42c00a,mp4a.40.2",RESOLUTION=64x36,FRAME-RATE=25.000
~hls/fmp4.m3u8\?session=[a-z0-9]{26}
$`)
	if !want.MatchString(a.body) {
		t.Errorf("got\n%s", a.body)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	if got := a.header.Get("Content-Type"); got != playlist.ContentType {
		t.Errorf("Content-Type %q", got)
	}
	if got := a.header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("Access-Control-Allow-Origin %q", got)
	}
	if ts := r.get("/live/test/index.m3u8?format=ts", http.StatusOK); !strings.Contains(ts.body, "~hls/ts.m3u8?session=") {
		t.Errorf("ts:\n%s", ts.body)
	}
	r.get("/live/test/index.m3u8?format=avi", http.StatusBadRequest)
	r.get("/live/test/index.m3u8?x="+strings.Repeat("x", maxQuery), http.StatusBadRequest)
	r.get("/live/test/index.m3u8?%zz", http.StatusBadRequest)
	before := len(r.host.Sessions.List())
	if head := r.do(http.MethodHead, "/live/test/index.m3u8"); head.status != http.StatusOK || len(r.host.Sessions.List()) != before {
		t.Errorf("HEAD: %d", head.status)
	}
	if head := r.do(http.MethodHead, "/live/other/index.m3u8"); head.status != http.StatusNotFound {
		t.Errorf("HEAD of another stream: %d", head.status)
	}
	for _, path := range []string{"/live/test/index.m3u8", "/live/test/~hls/fmp4.m3u8"} {
		if a := r.do(http.MethodOptions, path); a.status != http.StatusNoContent || a.header.Get("Access-Control-Allow-Methods") == "" {
			t.Errorf("OPTIONS of %s: %d", path, a.status)
		}
		if a := r.do(http.MethodPost, path); a.status != http.StatusMethodNotAllowed {
			t.Errorf("POST to %s: %d", path, a.status)
		}
	}
}

func TestPlaylist(t *testing.T) {
	r := newRig(t, options{})
	s := r.publish(50)
	r.warm(s, segment.FMP4, segment.TS)
	s.play(330)
	path := r.open("")
	l := r.playlist(path)
	if len(l.Segments) < 5 || !l.Independent || l.Open == nil || l.Hint == "" || l.PartTarget != 200*time.Millisecond || l.TargetDuration != 2*time.Second {
		t.Errorf("%d segments, independent %v, open %v, hint %q, targets %v and %v",
			len(l.Segments), l.Independent, l.Open != nil, l.Hint, l.TargetDuration, l.PartTarget)
	}
	plain := r.get(path, http.StatusOK)
	if got := plain.header.Get("Cache-Control"); got != "private, no-cache" {
		t.Errorf("Cache-Control %q", got)
	}
	tag := plain.header.Get("ETag")
	if a := r.get(path, http.StatusNotModified, "If-None-Match", `"x", `+tag); a.body != "" {
		t.Errorf("304 with %q", a.body)
	}
	packed := r.get(path, http.StatusOK, "Accept-Encoding", "br, gzip;q=0.5")
	z, err := gzip.NewReader(strings.NewReader(packed.body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); err != nil || string(text) != plain.body {
		t.Errorf("gzip: %v\n%s", err, text)
	}
	if got := packed.header.Get("ETag"); got == tag || got == "" || packed.header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("gzip: ETag %s of %s, Vary %q", got, tag, packed.header.Get("Vary"))
	}
	if a := r.get(path, http.StatusOK, "Accept-Encoding", "gzip;q=0"); a.header.Get("Content-Encoding") != "" {
		t.Error("gzip although refused")
	}
	if a := r.do(http.MethodHead, path); a.status != http.StatusOK || a.body != "" || a.header.Get("Content-Length") == "" {
		t.Errorf("HEAD: %+v", a)
	}
	for _, bad := range []string{"&_HLS_msn=x", "&_HLS_part=1", "&_HLS_msn=1&_HLS_part=-1", "&_HLS_msn=99999999999999999999"} {
		r.get(path+bad, http.StatusBadRequest)
	}
	r.get("/live/test/~hls/fmp4.m3u8", http.StatusBadRequest)
	r.get("/live/test/~hls/fmp4.m3u8?session=A%2F", http.StatusBadRequest)
}

func TestMedia(t *testing.T) {
	for _, format := range []string{"fmp4", "ts"} {
		t.Run(format, func(t *testing.T) {
			r := newRig(t, options{})
			s := r.publish(50)
			r.warm(s, segment.Format(format))
			s.play(330)
			path := r.open("?format=" + format)
			l := r.playlist(path)
			base := "/live/test/~hls/"
			first := l.Segments[len(l.Segments)-2]
			a := r.get(base+first.URI, http.StatusOK)
			want := map[string]string{"Content-Type": "video/mp4", "Cache-Control": cacheLong, "Accept-Ranges": "bytes", "ETag": `"` + first.URI + `"`}
			if format == "ts" {
				want["Content-Type"] = "video/mp2t"
			}
			for name, value := range want {
				if got := a.header.Get(name); got != value {
					t.Errorf("%s: %q, want %q", name, got, value)
				}
			}
			var parts string
			for _, p := range first.Parts {
				parts += r.get(base+p.URI, http.StatusOK).body
			}
			if parts != a.body || len(a.body) == 0 {
				t.Errorf("the segment has %d bytes, its parts %d", len(a.body), len(parts))
			}
			if got := r.get(base+first.URI, http.StatusPartialContent, "Range", "bytes=100-20099"); got.body != a.body[100:min(20100, len(a.body))] {
				t.Errorf("a range has %d bytes", len(got.body))
			}
			if got := r.get(base+first.URI, http.StatusPartialContent, "Range", "bytes=-10"); got.body != a.body[len(a.body)-10:] {
				t.Errorf("the last bytes are %q", got.body)
			}
			if got := r.do(http.MethodGet, base+first.URI, "Range", "bytes=99999999-"); got.status != http.StatusRequestedRangeNotSatisfiable {
				t.Errorf("a range beyond the end: %d", got.status)
			}
			if got := r.get(base+first.URI, http.StatusNotModified, "If-None-Match", `"`+first.URI+`"`); got.body != "" {
				t.Error("304 with a body")
			}
			if got := r.do(http.MethodHead, base+first.URI); got.status != http.StatusOK || got.body != "" || got.header.Get("Content-Length") == "" {
				t.Errorf("HEAD: %+v", got)
			}
			epoch, _, _ := strings.Cut(first.URI, "-")
			for _, name := range []string{
				"nothing", "nothing.m3u8", epoch, epoch + "-", epoch + "-x.m4s", epoch + "-1.m4s", epoch + "-1.ts", epoch + "-1.1.m4s",
				epoch + "-i-9.mp4", epoch + "-i-0.m4s", epoch + "-99999999999.ts", strings.Repeat("a", epochLength) + "-1.ts",
				first.URI + ".ts", strings.ToUpper(first.URI), "0" + first.URI,
				strings.Replace(first.URI, ".", ".99.", 1), strings.Replace(first.URI, ".", ".00.", 1),
			} {
				r.get(base+name, http.StatusNotFound)
			}
			r.get("/live/other/~hls/"+first.URI, http.StatusNotFound)
			for _, trick := range []string{"../" + first.URI, "%2e%2e/" + first.URI, "./" + first.URI, "x%2f" + first.URI, "/" + first.URI} {
				if got := r.do(http.MethodGet, base+trick); got.status != http.StatusBadRequest && got.status != http.StatusNotFound {
					t.Errorf("%s: %d", trick, got.status)
				}
			}
			s.play(1500) // what was listed then has expired
			eventually(t, "the segment to expire", func() bool { return r.do(http.MethodGet, base+first.URI).status == http.StatusNotFound })
			r.get(base+first.URI, http.StatusNotFound)
		})
	}
}

func TestWithoutLowLatency(t *testing.T) {
	c := defaults()
	c.LowLatency = false
	r := newRig(t, options{config: c})
	s := r.publish(50)
	r.warm(s, segment.FMP4, segment.TS)
	s.play(330)
	path := r.open("")
	l := r.playlist(path)
	if l.PartTarget != 0 || l.CanBlock || l.Hint != "" || l.Open != nil || len(l.Segments) < 5 {
		t.Errorf("playlist %+v", l)
	}
	// What players of low latency ask for is ignored.
	r.get(path+"&_HLS_msn=999999999", http.StatusOK)
	name := "/live/test/~hls/" + strings.Replace(l.Segments[0].URI, ".m4s", ".0.m4s", 1)
	r.get(name, http.StatusNotFound)
}

func TestAudioOnly(t *testing.T) {
	r := newRig(t, options{})
	s := r.publish(50, &av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: []byte{0x12, 0x10}, SampleRate: 44100, Channels: 2})
	r.warm(s, segment.FMP4)
	s.play(330)
	a := r.get("/live/test/index.m3u8", http.StatusOK)
	if !strings.Contains(a.body, `CODECS="mp4a.40.2"`+"\n") {
		t.Errorf("got\n%s", a.body)
	}
	l := r.playlist("/live/test/" + mediaLine.FindString(a.body))
	if len(l.Segments) < 4 || !l.Independent || !l.Segments[len(l.Segments)-1].Parts[1].Independent {
		t.Errorf("playlist %+v", l)
	}
}

func TestUnsupported(t *testing.T) {
	r := newRig(t, options{})
	s := r.publish(50, &av.Track{ID: 0, Kind: av.Video, Codec: av.AV1, Config: []byte{0x81, 0, 0, 0}, Width: 64, Height: 36})
	s.play(100)
	r.get("/live/test/index.m3u8?format=ts", http.StatusUnsupportedMediaType)
	if n := len(r.host.Sessions.List()); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

func TestAwait(t *testing.T) {
	r := newRig(t, options{})
	a := r.get("/live/test/index.m3u8", http.StatusNotFound)
	if !strings.Contains(a.body, "stream_not_found") {
		t.Errorf("body %s", a.body)
	}
	found := make(chan answer)
	go func() {
		for {
			if a, err := r.try(http.MethodGet, "/live/test/index.m3u8"); err != nil || a.status == http.StatusOK {
				found <- a
				return
			}
		}
	}()
	eventually(t, "a player to wait", func() bool {
		for _, s := range r.host.Sessions.List() {
			if s.State == session.Waiting {
				return true
			}
		}
		return false
	})
	s := r.publish(50)
	for {
		s.play(25)
		select {
		case a := <-found:
			if a.status != http.StatusOK {
				t.Errorf("%d %s", a.status, a.body)
			}
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// TestReconfigure: streams that are there already get segments without demand, new
// muxers new settings, and neither once that is reverted.
func TestReconfigure(t *testing.T) {
	r := newRig(t, options{})
	s := r.publish(25)
	s.play(10)
	muxers := func() int { n, _ := r.service.held(); return n }
	for range 3 {
		c := defaults()
		c.Mode, c.SegmentDuration, c.Window = Always, seconds(1), 3
		r.service.Reconfigure(c)
		eventually(t, "the muxer", func() bool { return muxers() == 1 })
		s.play(330)
		if l := r.playlist(r.open("")); l.TargetDuration != time.Second {
			t.Errorf("playlist %+v", l)
		}
		r.service.Reconfigure(c) // the same once more
		for _, v := range r.host.Sessions.List() {
			r.host.Sessions.Kill(v.ID, "kicked")
		}
		r.service.Reconfigure(defaults())
		eventually(t, "the muxer's end", func() bool { return muxers() == 0 })
	}
}

// TestAlways: segments are there before anybody asks.
func TestAlways(t *testing.T) {
	c := defaults()
	c.Streams = []Rule{{Scope: scope(t, "live/*"), Mode: new(Always), SegmentDuration: new(seconds(1)), Window: new(3)}}
	r := newRig(t, options{config: c, grace: 50 * time.Millisecond})
	s := r.publish(25)
	s.play(10)
	muxers := func() int { n, _ := r.service.held(); return n }
	eventually(t, "the muxer", func() bool { return muxers() == 1 })
	s.play(330)
	eventually(t, "segments", func() bool { _, bytes := r.service.held(); return bytes > 10000 })
	if l := r.playlist(r.open("")); l.TargetDuration != time.Second || len(l.Segments) < 3 || len(l.Segments) > 4 {
		t.Errorf("playlist %+v", l)
	}
	for _, v := range r.host.Sessions.List() {
		r.host.Sessions.Kill(v.ID, "kicked")
	}
	s.pub.Close()
	eventually(t, "the muxer's end", func() bool { return muxers() == 0 })
}
