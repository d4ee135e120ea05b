//go:build e2e

package e2e

import (
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/weirmedia/weir/test/freeport"
	"github.com/weirmedia/weir/test/relay"
)

// flashClip and beeps begin at the same moment once a second and last for a tenth;
// else it is dark and silent.
const (
	flashClip = "color=c=black:s=320x180:r=30,drawbox=t=fill:c=white:enable='lt(mod(t,1),0.1)'"
	beeps     = "aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t,1),0.1)':s=48000"
)

// publishSources publishes a picture and a sound to live/test, with a key frame
// every two seconds.
func publishSources(t *testing.T, s *server, picture, sound string) {
	t.Helper()
	start(t, time.Minute, nil, "ffmpeg", join([]string{"-nostdin", "-v", "warning", "-re"}, lavfi(picture), []string{"-re"}, lavfi(sound),
		[]string{"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "60"}, aacStereo,
		[]string{"-f", "flv", s.rtmpURL("live/test")})...)
	s.waitLive(t, "live/test")
}

// TestFullWHEPSync: flash and beep, published by RTMP as H.264 and AAC, are seen and
// heard in Chromium within 40 ms of each other.
func TestFullWHEPSync(t *testing.T) {
	s := startWebRTC(t)
	publishSources(t, s, flashClip, beeps)
	b := openWHEP(t, s)
	b.eventually(t, 20*time.Second, "it plays", `v.currentTime > 1`)
	script, err := os.ReadFile("testdata/sync.js")
	if err != nil {
		t.Fatal(err)
	}
	var ready bool
	b.eval(t, string(script)+"; watchSync(v); true", &ready)
	var offsets []float64
	t.Cleanup(func() { t.Logf("beeps are heard after flashes are seen, in ms: %.0f", offsets) })
	// Chromium takes its time to put sound to pictures, all the more after a moment
	// in which it could not work.
	eventually(t, 60*time.Second, "seven beeps in a row are within 40 ms of their flashes", func() bool {
		time.Sleep(500 * time.Millisecond)
		b.eval(t, "syncOffsets()", &offsets)
		apart := func(ms float64) bool { return math.Abs(ms) > 40 }
		return len(offsets) >= 7 && !slices.ContainsFunc(offsets[len(offsets)-7:], apart)
	})
}

// TestFullWHEPSilence: silence that is published stays silent.
func TestFullWHEPSilence(t *testing.T) {
	t.Parallel()
	s := startWebRTC(t)
	publishSources(t, s, flashClip, "anullsrc=r=44100")
	b := openWHEP(t, s)
	b.eventually(t, 20*time.Second, "it plays", `v.currentTime > 2`)
	var heard struct{ Level float64 }
	b.eval(t, hearScript, &heard)
	if heard.Level > 1e-4 { // -80 dB
		t.Errorf("silence has a level of %g", heard.Level)
	}
	var stats whepStats
	b.eval(t, webrtcStats, &stats)
	if stats.Samples < 48000 || stats.Concealed > stats.Samples/10 {
		t.Errorf("%.0f samples came, %.0f of them made up", stats.Samples, stats.Concealed)
	}
}

// TestFullWHEPLatency: five seconds after a player has been sent the GOP again, it
// is at most 150 ms further behind than before.
func TestFullWHEPLatency(t *testing.T) {
	address := freeport.Address(t)
	s := startServer(t, settings{"webrtc.listen": address})
	r, err := relay.Start(address, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	publishClock(t, s, 75)
	b := openWHEPBy(t, s, r.Addr().Port())
	b.eventually(t, 20*time.Second, "it plays", `v.currentTime > 1`)
	const length = 4 * time.Second
	before := summarise(t, sampleClock(t, b, 5*time.Second, length), length)
	r.Set(relay.Back, relay.Conditions{Loss: 1})
	var stats whepStats
	eventually(t, 10*time.Second, "Chromium asks for a key frame", func() bool {
		b.eval(t, webrtcStats, &stats)
		return stats.PLI > 0
	})
	r.Set(relay.Back, relay.Conditions{})
	b.eventually(t, 10*time.Second, "it goes on", fmt.Sprintf(`v.getVideoPlaybackQuality().totalVideoFrames > %.0f`, stats.Frames+10))
	after := summarise(t, sampleClock(t, b, 5*time.Second, length), length)
	t.Logf("%.0f ms behind before, %.0f ms after", before.median, after.median)
	if after.median > before.median+150 { // what comes late is a GOP late: up to 3 s
		t.Errorf("%.0f ms behind, before it was %.0f", after.median, before.median)
	}
}
