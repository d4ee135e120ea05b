//go:build e2e

package e2e

import (
	"os"
	"testing"
	"time"

	"github.com/weirmedia/weir/test/relay"
)

// waits are publishers of one track each. ffmpeg puts as many frames of sound into
// a packet as fit, unless it must not delay them.
var waits = []struct {
	name string
	clip clip
	args []string
}{
	{"690 kbit/s", clip{"wait-690k", join(lavfi(picture), x264Simple, []string{"-b:v", "690k", "-maxrate", "690k", "-bufsize", "690k"})}, nil},
	{"AAC", waitAAC, nil},
	{"AAC, frames alone", waitAAC, []string{"-muxdelay", "0"}},
}

var waitAAC = clip{"wait-aac-48k", join(lavfi(noise), []string{"-c:a", "aac", "-ac", "2", "-b:a", "128k"})}

// TestRTSPWait measures how long a track by UDP stands still after a packet got
// lost. It runs if WEIR_RTSP_WAIT is set; docs/rtsp.md has the result.
func TestRTSPWait(t *testing.T) {
	if os.Getenv("WEIR_RTSP_WAIT") == "" {
		t.Skip("WEIR_RTSP_WAIT is not set")
	}
	for _, tt := range waits {
		t.Run(tt.name, func(t *testing.T) {
			r := startRTSPRelay(t, 1)
			start(t, time.Minute, nil, "ffmpeg", join([]string{"-nostdin", "-v", "warning", "-re", "-i", tt.clip.path(t), "-c", "copy"},
				tt.args, []string{"-f", "rtsp", "-rtsp_transport", "udp", r.far("live/test")})...)
			r.waitLive(t, "live/test")
			delays := tagDelays(openFLV(t, r.httpURL("live/test.flv")))

			const rest = 4 * time.Second
			before, began := r.rtp.Figures(relay.Forth).Received, time.Now()
			time.Sleep(rest)
			rate := float64(r.rtp.Figures(relay.Forth).Received-before) / time.Since(began).Seconds()
			frames, least, _ := drain(delays)

			r.rtp.Set(relay.Forth, relay.Conditions{Loss: 1})
			eventually(t, 10*time.Second, "a packet is lost", func() bool { return r.rtp.Figures(relay.Forth).Lost > 0 })
			r.rtp.Set(relay.Forth, relay.Conditions{})
			time.Sleep(12 * time.Second)
			_, _, most := drain(delays)
			t.Logf("%.0f packets/s, %.1f frames in each; %d lost, media %v late", rate, float64(frames)/rest.Seconds()/rate,
				r.rtp.Figures(relay.Forth).Lost, (most - least).Round(10*time.Millisecond))
		})
	}
}

// tagDelays reads until the end, and tells how late each tag with media is against
// a common moment.
func tagDelays(f *flvReader) <-chan time.Duration {
	delays := make(chan time.Duration, 10_000)
	began := time.Now()
	go func() {
		defer close(delays)
		for {
			tag, err := f.next()
			if err != nil {
				return
			}
			if tag.media() {
				delays <- time.Since(began) - time.Duration(tag.timestamp)*time.Millisecond
			}
		}
	}()
	return delays
}

// drain returns how many delays there are, the shortest and the longest.
func drain(delays <-chan time.Duration) (n int, least, most time.Duration) {
	for {
		select {
		case d, ok := <-delays:
			if !ok {
				return n, least, most
			}
			if n == 0 {
				least, most = d, d
			}
			least, most = min(least, d), max(most, d)
			n++
		default:
			return n, least, most
		}
	}
}
