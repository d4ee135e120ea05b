//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"
)

// largeClip has other pictures and another codec of sound than simpleClip.
var largeClip = clip{"large-mp3", join(lavfi("testsrc2=s=1280x720:r=25:d=24", tone), x264Simple,
	[]string{"-c:a", "libmp3lame", "-b:a", "96k", "-ac", "2", "-shortest"})}

// TestFullRelayChanges: at the source resolution, then codecs change. What is fetched
// follows, by each protocol, and its viewers stay.
func TestFullRelayChanges(t *testing.T) {
	t.Parallel()
	f := ffmpeg9(t)
	hevc := f.clip(t, hevcAAC.clip)
	up := startRTSPServerWith(t, settings{"stream.grace": "20s"})
	s := startServer(t, settings{
		"stream.grace": "20s", "stream.wait": "15s", "relay.timeout": "20s", "relay.min_delay": "200ms",
		"relay.pulls": pullRules(map[string][]string{
			"by-rtmp": {up.rtmpURL("live/test")}, "by-http": {up.httpURL("live/test.flv")}, "by-rtsp": {up.url("live/test")},
		}, ""),
	})
	publisher := up.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	viewers := map[string]*watcher{}
	for _, name := range []string{"by-rtmp", "by-http", "by-rtsp"} {
		viewers[name] = watch(openFLV(t, s.httpURL(name+".flv")))
	}
	follow := func(video string, width int, audio string) {
		t.Helper()
		want := fmt.Sprint([]any{video, width, audio})
		for name, w := range viewers {
			eventually(t, 25*time.Second, name+" becomes "+want, func() bool {
				st, _ := s.stream(t, name)
				return len(st.Tracks) == 2 && fmt.Sprint([]any{st.Tracks[0].Codec, st.Tracks[0].Width, st.Tracks[1].Codec}) == want
			})
			before, _, _ := w.progress()
			eventually(t, 20*time.Second, name+" goes on", func() bool {
				now, _, err := w.progress()
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				return now > before+50 // of HEVC, the sound counts
			})
		}
	}
	follow("H264", 640, "AAC")
	publisher.kill()
	publisher = up.publish(t, largeClip, "live/test", publishOptions{loop: true})
	follow("H264", 1280, "MP3")
	publisher.kill()
	f.publish(t, up.server, hevc, "live/test")
	follow("H265", 320, "AAC")
	published := hevcAAC.published(t, f)
	for name := range viewers {
		requireSameBytes(t, published, startProbeBy(t, f.start, s.httpURL(name+".flv"), 40*time.Second).read(t, 50))
	}
}
