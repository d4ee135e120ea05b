//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// The clock in the picture: the time of day in ms modulo 2^clockBits in Gray
// code, a block for each bit, white for 1, then a white and a black one, from
// which a reader knows that there is a clock. testdata/clock.js reads it.
const (
	clockBits    = 20
	clockColumns = 11
	clockBlock   = 30
	clockAt      = 20 // left and top
)

// clockFilter draws the clock as ffmpeg's filters can, at the moment at which
// the picture goes to the encoder. The blocks are drawn one after another: only
// one bit changes in a millisecond, so that no reading is off by more than that.
func clockFilter() string {
	var filters []string
	box := func(i int, color, when string) {
		filters = append(filters, fmt.Sprintf("drawbox=x=%d:y=%d:w=%d:h=%d:t=fill:c=%s%s",
			clockAt+i%clockColumns*clockBlock, clockAt+i/clockColumns*clockBlock, clockBlock, clockBlock, color, when))
	}
	for i := range clockBits + 2 {
		box(i, "black", "")
	}
	for k := range clockBits {
		box(k, "white", fmt.Sprintf(":enable='between(mod(floor(mod(floor(time(0)*1000),%d)/%d),4),1,2)'", 1<<clockBits, 1<<k))
	}
	box(clockBits, "white", "")
	return strings.Join(filters, ",")
}

// publishClock publishes pictures with the clock in them, 25 a second and with a
// key frame every so many, and sound.
func publishClock(t *testing.T, s *server, gop int) {
	t.Helper()
	// One input for both: of two, each would have a clock of its own, and ffmpeg
	// would hold back the one that is ahead.
	source := "testsrc2=s=640x360:r=25," + clockFilter() + "[out0];sine=f=440:r=48000:samples_per_frame=1024[out1]"
	args := join([]string{"-nostdin", "-v", "warning", "-re"}, lavfi(source),
		[]string{"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-b:v", "1500k",
			"-g", fmt.Sprint(gop), "-keyint_min", fmt.Sprint(gop), "-sc_threshold", "0"},
		aacStereo, []string{"-f", "flv", "-flush_packets", "1", s.rtmpURL("live/test")})
	start(t, 3*time.Minute, nil, "ffmpeg", args...)
	s.waitLive(t, "live/test")
}

// clockSample is one picture that a player showed.
type clockSample struct {
	At      float64 // ms since 1970
	Latency float64 // ms since the picture went to the encoder
	Buffer  float64 // s of media after it
}

// sampleClock notes the pictures that a page's player shows.
func sampleClock(t *testing.T, b *browser, settle, length time.Duration) []clockSample {
	t.Helper()
	script, err := os.ReadFile("testdata/clock.js")
	if err != nil {
		t.Fatal(err)
	}
	var ready bool
	b.eval(t, string(script)+"; true", &ready)
	b.eventually(t, 40*time.Second, "the player shows pictures", `sampleClock(300).then((s) => s.length > 0)`)
	var samples []clockSample
	for _, d := range []time.Duration{settle, length} { // call waits no longer than 20 s
		b.eval(t, fmt.Sprintf(`sampleClock(%d)`, d.Milliseconds()), &samples)
	}
	return samples
}
