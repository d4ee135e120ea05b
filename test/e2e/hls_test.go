//go:build e2e

package e2e

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/tlsfile/tlsfiletest"
	"github.com/weirmedia/weir/test/freeport"
)

// hlsAddress is where live/test is played in a format.
func hlsAddress(s *server, format string) string {
	return s.httpURL("live/test/index.m3u8?format=" + format)
}

// hlsForms are the formats of segments, and how ffmpeg turns what it reads from
// them back into what FLV has.
var hlsForms = []struct {
	format string
	args   []string
}{
	{"fmp4", nil},
	{"ts", fromTS},
}

// startHTTPS starts weir with HTTPS beside HTTP and returns where that is.
func startHTTPS(t *testing.T) (s *server, address string) {
	t.Helper()
	chain, key := tlsfiletest.Write(t, t.TempDir(), "localhost")
	address = freeport.Address(t)
	return startServer(t, settings{"http.tls_listen": address, "http.certificate": chain, "http.key": key}), address
}

// http2Client speaks nothing but HTTP/2 over TLS, to servers that need not prove
// who they are.
func http2Client() *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	return &http.Client{Transport: &http.Transport{
		Protocols:       &protocols,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // it has signed its certificate itself
	}}
}

// metric returns the sum of the samples of one metric.
func metric(t *testing.T, s *server, name string) (sum float64) {
	t.Helper()
	found := false
	for line := range strings.Lines(s.get(t, "metrics")) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || !strings.HasPrefix(rest, " ") && !strings.HasPrefix(rest, "{") {
			continue
		}
		fields := strings.Fields(rest)
		value, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += value
		found = true
	}
	if !found {
		t.Fatalf("no metric %s", name)
	}
	return sum
}

// TestQuickHLS: what ffmpeg publishes by RTMP is what it reads by HLS: B-frames,
// sound against picture, every byte.
func TestQuickHLS(t *testing.T) {
	for _, form := range hlsForms {
		t.Run(form.format, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, nil)
			s.publish(t, hardClip, "live/test", publishOptions{})
			got := readAsFLV(t, start, hlsAddress(s, form.format), nil, hardPackets, form.args...)
			requireRun(t, filePackets(t, hardClip.path(t)), got)
		})
	}
}

// TestFullHLSClips sends each kind of stream.
func TestFullHLSClips(t *testing.T) {
	for _, tt := range []struct {
		clip    clip
		packets int
		fromTS  []string
	}{
		{simpleClip, 350, fromTS},
		{audioOnlyClip, 200, fromTS[2:]},
		{videoOnlyClip, 150, fromTS[:2]},
		{mp3Clip, 300, fromTS[:2]},
	} {
		t.Run(tt.clip.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, nil)
			s.publish(t, tt.clip, "live/test", publishOptions{})
			published := filePackets(t, tt.clip.path(t))
			requireRun(t, published, readAsFLV(t, start, hlsAddress(s, "ts"), nil, tt.packets, tt.fromTS...))
			requireRun(t, published, readAsFLV(t, start, hlsAddress(s, "fmp4"), nil, tt.packets))
		})
	}
}

// TestFullHLSOfNewCodecs: the codecs of Enhanced RTMP, read by ffmpeg 9, as far
// as the format can carry them.
func TestFullHLSOfNewCodecs(t *testing.T) {
	hevc := []string{"-bsf:v", fromTSHEVC}
	for _, tt := range []struct {
		clip   enhancedClip
		fromTS []string // nil: TS cannot carry the picture
	}{
		{h264Opus, fromTS[:2]},
		{hevcAAC, join(hevc, fromTS[2:])},
		{av1Opus, nil},
		{vp9FLAC, nil},
	} {
		t.Run(tt.clip.name, func(t *testing.T) {
			t.Parallel()
			f, s := ffmpeg9(t), startServer(t, nil)
			published := tt.clip.published(t, f)
			f.publish(t, s, f.clip(t, tt.clip.clip), "live/test")
			requireRun(t, published, readAsFLV(t, f.start, hlsAddress(s, "fmp4"), nil, enhancedPackets))
			if tt.fromTS != nil {
				requireRun(t, published, readAsFLV(t, f.start, hlsAddress(s, "ts"), nil, enhancedPackets, tt.fromTS...))
			}
		})
	}
}

// TestFullHLSFFmpeg9: ffmpeg 9 reads both formats as ffmpeg 5.1 does.
func TestFullHLSFFmpeg9(t *testing.T) {
	t.Parallel()
	f, s := ffmpeg9(t), startServer(t, nil)
	s.publish(t, hardClip, "live/test", publishOptions{})
	for _, form := range hlsForms {
		t.Run(form.format, func(t *testing.T) {
			got := readAsFLV(t, f.start, hlsAddress(s, form.format), nil, hardPackets, form.args...)
			requireRun(t, filePackets(t, hardClip.path(t)), got)
		})
	}
}

// TestFullHLSGStreamer plays with GStreamer. Its parsers must accept what its
// demuxers give, and the elementary streams, muxed again with their times, are
// those that were published.
func TestFullHLSGStreamer(t *testing.T) {
	const (
		picture = "h264parse config-interval=0 ! video/x-h264,stream-format=byte-stream,alignment=au"
		sound   = "aacparse ! audio/mpeg,stream-format=adts"
	)
	demuxers := map[string]string{"fmp4": "qtdemux", "ts": "tsdemux"}
	for _, form := range hlsForms {
		t.Run(form.format, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, nil)
			s.publish(t, hardClip, "live/test", publishOptions{})
			file := filepath.Join(t.TempDir(), "out.ts")
			pipeline := "souphttpsrc location=" + hlsAddress(s, form.format) + " ! hlsdemux ! " + demuxers[form.format] + " name=d" +
				" mpegtsmux name=m ! filesink buffer-mode=unbuffered location=" + file +
				" d. ! queue ! " + picture + " ! m. d. ! queue ! " + sound + " ! m."
			record(t, file, someSeconds, "gst-launch-1.0", strings.Fields("-e "+pipeline)...)
			got := readAsFLV(t, start, file, nil, 0, fromTS...)
			requireRun(t, filePackets(t, hardClip.path(t)), got[:len(got)-2]) // the last ones may be cut off
		})
	}
}

// hlsPlaylist opens a stream as a new viewer and returns the address of its
// media playlist.
func hlsPlaylist(t *testing.T, s *server, format string) *url.URL {
	t.Helper()
	base, err := url.Parse(hlsAddress(s, format))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(s.get(t, "live/test/index.m3u8?format="+format)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			address, err := base.Parse(line)
			if err != nil {
				t.Fatal(err)
			}
			return address
		}
	}
	t.Fatal("no variant")
	return nil
}

// answer is an answer with its whole body.
type answer struct {
	*http.Response
	body []byte
}

// fetch asks for an address as it is written, with headers in pairs, and follows
// nothing.
func fetch(t *testing.T, method, address string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequest(method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: 30 * time.Second}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response, body}
}
