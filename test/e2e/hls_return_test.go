//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmedia/weir/protocols/hls/hlstest"
)

// otherClip is simpleClip in another size.
var otherClip = clip{"other-size", join(lavfi(smallPicture, tone), x264Simple, aacStereo, []string{"-shortest"})}

// decoder is ffprobe decoding a live address.
type decoder struct {
	*process
	// pictures counts those of 640x360 and others those of 320x180.
	pictures, others atomic.Int64
}

func startDecoder(t *testing.T, address string) *decoder {
	t.Helper()
	r, w := io.Pipe()
	t.Cleanup(func() { r.Close() })
	d := &decoder{process: start(t, 2*time.Minute, separate(w), "ffprobe", "-v", "warning", "-select_streams", "v",
		"-show_frames", "-show_entries", "frame=width,height", "-of", "csv=p=0", address)}
	go func() {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			var width, height int
			if n, _ := fmt.Sscanf(lines.Text(), "%d,%d", &width, &height); n == 2 && width == 640 && height == 360 {
				d.pictures.Add(1)
			} else if n == 2 && width == 320 && height == 180 {
				d.others.Add(1)
			}
		}
	}()
	return d
}

// TestFullHLSReturn: a publisher drops, stays away for longer than a segment, and
// comes back with pictures of another size. hls.js in both modes and ffmpeg go
// on, and what validators load beside them keeps to the specification until the
// stream's end.
func TestFullHLSReturn(t *testing.T) {
	t.Parallel()
	s := startServer(t, settings{"stream.grace": "8s"})
	publisher := s.publish(t, simpleClip, "live/test", publishOptions{loop: true})

	reports := startValidators(t, s)
	low := openHLS(t, hlsAddress(s, "fmp4"), "")
	// ffmpeg's MP4 demuxer skips the second init section: see docs/hls.md.
	overTS := startDecoder(t, hlsAddress(s, "ts"))
	plain := openHLS(t, hlsAddress(s, "ts"), "&plain")
	pages := map[string]*browser{"low latency": low, "plain ts": plain}
	for name, b := range pages {
		b.eventually(t, 30*time.Second, name+" plays", currentTime+" > 2")
	}
	eventually(t, 20*time.Second, "ffprobe decodes", func() bool { return overTS.pictures.Load() > 50 })

	publisher.kill()
	time.Sleep(3 * time.Second)
	publisher = s.publish(t, otherClip, "live/test", publishOptions{loop: true})
	for name, b := range pages {
		b.eventually(t, 40*time.Second, name+" shows the other size", `document.querySelector("video#player").videoWidth === 320`)
		requireAdvance(t, b)
		requireNoFatal(t, b)
		if seen := seenByHLS(t, b); seen.Discontinuities == 0 {
			t.Errorf("%s: hls.js saw no discontinuity: %+v", name, seen)
		}
	}
	eventually(t, 20*time.Second, "ffprobe decodes the other size", func() bool { return overTS.others.Load() > 50 })

	publisher.kill()
	for range cap(reports) {
		report := <-reports
		for _, p := range report.Problems {
			t.Errorf("%s: %s", report.name, p)
		}
		if !report.Ended || report.Segments < 5 || report.Gaps < 1 || report.Discontinuities < 1 {
			t.Errorf("%s: report %+v", report.name, report.Report)
		}
	}
	if err := overTS.wait(); err != nil {
		t.Errorf("ffprobe at the end of the stream: %v", err)
	}
}

type namedReport struct {
	name string
	hlstest.Report
}

// startValidators runs a validator for each format until the stream ends.
func startValidators(t *testing.T, s *server) chan namedReport {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 90*time.Second)
	t.Cleanup(stop)
	reports := make(chan namedReport, len(hlsForms))
	for _, form := range hlsForms {
		go func() {
			var v hlstest.Validator
			reports <- namedReport{form.format, v.Run(ctx, hlsAddress(s, form.format))}
		}()
	}
	return reports
}

// TestFullHLSValidatedOverHTTP2: a validator of low latency over HTTP/2 with TLS
// finds nothing.
func TestFullHLSValidatedOverHTTP2(t *testing.T) {
	t.Parallel()
	s, address := startHTTPS(t)
	s.publish(t, hardClip, "live/test", publishOptions{})
	ctx, stop := context.WithTimeout(t.Context(), 15*time.Second)
	defer stop()
	v := hlstest.Validator{Client: http2Client()}
	report := v.Run(ctx, "https://"+address+"/live/test/index.m3u8")
	for _, p := range report.Problems {
		t.Error(p)
	}
	if report.Segments < 4 || report.Parts < 30 || report.Independent < 3 {
		t.Errorf("report %+v", report)
	}
}
