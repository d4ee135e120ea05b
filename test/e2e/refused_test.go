//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/test/freeport"
)

// TestFullRefusedClients: real clients that may not are told so, and say it to their
// users.
func TestFullRefusedClients(t *testing.T) {
	t.Parallel()
	rtsp := freeport.Address(t)
	s := startServer(t, settings{"auth.url_keys": "[" + urlKey + "]", "rtsp.listen": rtsp, "rtsp.udp_listen": "off"})
	for _, c := range []struct {
		name, says string
		args       []string
	}{
		{"ffmpeg plays RTMP", "credentials are needed to play", []string{"ffmpeg", "-nostdin", "-v", "error", "-i", s.rtmpURL("live/test"), "-f", "null", "-"}},
		{"ffmpeg plays RTSP", "401 Unauthorized", []string{"ffmpeg", "-nostdin", "-v", "error", "-i", "rtsp://" + rtsp + "/live/test", "-f", "null", "-"}},
		{"ffmpeg plays HTTP-FLV", "401 Unauthorized", []string{"ffmpeg", "-nostdin", "-v", "error", "-i", s.httpURL("live/test.flv"), "-f", "null", "-"}},
		{"ffmpeg plays HLS", "401 Unauthorized", []string{"ffmpeg", "-nostdin", "-v", "error", "-i", s.httpURL("live/test/index.m3u8"), "-f", "null", "-"}},
		{"ffmpeg publishes RTMP", "credentials are needed to publish", []string{"ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc=d=2", "-c:v", "libx264", "-f", "flv", s.rtmpURL("live/test")}},
		{"ffmpeg publishes RTSP", "401 Unauthorized", []string{"ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc=d=2", "-c:v", "libx264", "-f", "rtsp", "rtsp://" + rtsp + "/live/test"}},
		{"GStreamer publishes RTMP", "ublish denied", []string{"gst-launch-1.0", "videotestsrc", "num-buffers=50", "!", "openh264enc", "!", "h264parse", "!", "flvmux", "streamable=true", "!", "rtmp2sink", "location=" + s.rtmpURL("live/test")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, 30*time.Second, nil, c.args[0], c.args[1:]...)
			p.mustFail(t)
			if text := p.out.String(); !strings.Contains(text, c.says) {
				t.Errorf("it says %q, want %q", text, c.says)
			}
		})
	}
}
