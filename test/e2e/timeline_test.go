//go:build e2e

package e2e

import (
	"math"
	"testing"
	"time"
)

// TestFullBorders: timelines that cross 0xFFFFFF ms, where RTMP's extended
// timestamps begin, and 2^32 ms, where timestamps wrap.
func TestFullBorders(t *testing.T) {
	borders := map[string]uint32{"0xFFFFFF": 0xFFFFFF, "2^31": math.MaxInt32, "2^32": 0}
	protocols := map[string]func(*server) string{
		"rtmp": func(s *server) string { return s.rtmpURL("live/test") },
		"http": func(s *server) string { return s.httpURL("live/test.flv") },
	}
	for name, border := range borders {
		for protocol, url := range protocols {
			t.Run(name+" over "+protocol, func(t *testing.T) {
				t.Parallel()
				s := startServer(t, nil)
				publisher, err := dialPublisher(s.rtmp, "live/test")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { publisher.conn.Close() })
				// Players probe for a while, so the border is some seconds away.
				tags := fileTags(t, hardClip)
				go func() { _ = publisher.sendInRealTime(tags, border-8000) }()
				s.waitLive(t, "live/test")
				got := readPackets(t, url(s), 800, 50*time.Second)
				requireRun(t, filePackets(t, hardClip.path(t)), got)
			})
		}
	}
}

// TestFullFFmpegRestartsTime: ffmpeg's FLV muxer begins again at zero after 2^31
// ms. That is a jump, not a wrap; the stream goes on without a hole.
func TestFullFFmpegRestartsTime(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, simpleClip, "live/test", publishOptions{out: []string{"-output_ts_offset", "2147479648ms"}}) // 4 s before
	w := watch(openFLV(t, s.httpURL("live/test.flv")))
	eventually(t, 30*time.Second, "ten seconds arrived", func() bool {
		media, gap, err := w.progress()
		if err != nil {
			t.Fatal(err)
		}
		if gap > 1000 {
			t.Fatalf("a hole of %d ms", gap)
		}
		return media > 10*(25+43)
	})
}
