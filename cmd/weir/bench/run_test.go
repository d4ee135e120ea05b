package bench

import (
	"bytes"
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	registry "github.com/weirmedia/weir/pkg/session"
)

// carryOut plans and runs o, with what the tests have in common filled in.
func carryOut(t *testing.T, o Options) *Report {
	t.Helper()
	o.Ramp = 1000
	if o.Duration == 0 {
		o.Duration = 1500 * time.Millisecond
	}
	p, err := NewPlan(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := Run(ctx, p, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPlayWhatItPublishes(t *testing.T) {
	s := startServer(t)
	for _, test := range []struct{ name, url string }{
		{"RTMP", "rtmp://" + s.rtmp + "/live/rtmp%d"},
		{"HTTP-FLV", "http://" + s.http + "/live/http%d.flv"},
		{"WS-FLV", "ws://" + s.http + "/live/ws%d.flv"},
		{"MPEG-TS", "http://" + s.http + "/live/ts%d.ts"},
		{"fMP4 by WebSocket", "ws://" + s.http + "/live/mp4%d.mp4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := carryOut(t, Options{
				Mode: Play, URL: test.url, Sessions: 5, Streams: 2, Verify: 2, Clip: demoClip(t),
				PublishURL: s.publish(test.url), PID: os.Getpid(),
			})
			if !r.OK() || r.Connected != 5 || r.Streams != 2 {
				t.Fatalf("%s", r.text())
			}
			if v := r.Verified; v == nil || v.Sessions != 2 || v.Frames == 0 || v.TimestampErrors != 0 || v.Lost != 0 {
				t.Errorf("verified %+v", v)
			}
			if r.Latency == nil || r.Latency.Samples == 0 || r.Latency.P50 <= 0 || r.Latency.Max < r.Latency.P50 {
				t.Errorf("latency %+v", r.Latency)
			}
			if r.FirstPicture == nil || r.Connect == nil || r.FirstPicture.Max < r.Connect.Median {
				t.Errorf("first picture %+v, connect %+v", r.FirstPicture, r.Connect)
			}
			if r.Bitrate != nil && r.Bitrate.Min <= 0 { // nil if this machine was too busy to measure
				t.Errorf("bitrate %+v", r.Bitrate)
			}
			if r.Server == nil || r.Server.Memory <= 0 {
				t.Errorf("server %+v", r.Server)
			}
			if r.Pace == nil {
				t.Error("it published and does not say how")
			}
		})
	}
}

// TestPlayHLS: both ways of playing, with and without low latency.
func TestPlayHLS(t *testing.T) {
	s := startServer(t)
	for _, test := range []struct {
		name, url  string
		mode       HLSMode
		lowLatency int
	}{
		{"low latency", "http://" + s.http + "/live/auto%d/index.m3u8", HLSAuto, 3},
		{"low latency of MPEG-TS", "http://" + s.http + "/live/ll%d/index.m3u8?format=ts", HLSLowLatency, 3},
		{"plain", "http://" + s.http + "/live/plain%d/index.m3u8", HLSPlain, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := carryOut(t, Options{
				Mode: Play, URL: test.url, Sessions: 5, Streams: 2, Verify: 2, Clip: demoClip(t), HLS: test.mode,
				PublishURL: s.publish(test.url), Duration: 5 * time.Second,
			})
			if !r.OK() || r.Connected != 5 || r.Streams != 2 {
				t.Fatalf("%s", r.text())
			}
			if v := r.Verified; v == nil || v.Sessions != 2 || v.Frames == 0 || v.TimestampErrors != 0 || v.Lost != 0 {
				t.Errorf("verified %+v", v)
			}
			if test.lowLatency > 0 && (r.Latency == nil || r.Latency.P50 <= 0) {
				t.Errorf("latency %+v", r.Latency)
			}
			if r.FirstPicture == nil || r.FirstPicture.Max < r.Connect.Median {
				t.Errorf("first picture %+v, connect %+v", r.FirstPicture, r.Connect)
			}
			h := r.HLS
			if h == nil || h.LowLatency != test.lowLatency || h.Missing != 0 || h.Playlists < 6 || h.Media < 6 || h.RequestP50 <= 0 || h.AgeP99 < h.AgeP50 {
				t.Errorf("hls %+v", h)
			}
			if !strings.Contains(r.text(), "playlist age") {
				t.Errorf("%s", r.text())
			}
		})
	}
}

func TestPush(t *testing.T) {
	s := startServer(t)
	r := carryOut(t, Options{Mode: Push, URL: "rtmp://" + s.rtmp + "/live/p%d", Sessions: 3, Mark: true, Clip: demoClip(t)})
	if !r.OK() || r.Connected != 3 || r.Streams != 3 || r.Pace == nil || r.Verified != nil {
		t.Errorf("%s", r.text())
	}
	if n := s.host.Sessions.Totals().Refusals; len(n) > 0 {
		t.Errorf("refused: %v", n)
	}
}

func TestPlayWhatIsNotThere(t *testing.T) {
	s := startServer(t)
	const closed = "127.0.0.1:1" // no port that others are given
	for _, test := range []struct{ name, url, says string }{
		{"RTMP", "rtmp://" + s.rtmp + "/live/none", "StreamNotFound"},
		{"HTTP-FLV", "http://" + s.http + "/live/none.flv", "404"},
		{"WS-FLV", "ws://" + s.http + "/live/none.flv", "stream_not_found"},
		{"HLS", "http://" + s.http + "/live/none/index.m3u8", "404"},
		{"nobody listens", "rtmp://" + closed + "/live/none", "connection refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := carryOut(t, Options{Mode: Play, URL: test.url, Sessions: 2})
			if r.OK() || r.Failed != 2 || r.Cut != 0 || len(r.Errors) != 1 || r.Errors[0].Count != 2 || !strings.Contains(r.Errors[0].Error, test.says) {
				t.Errorf("%s", r.text())
			}
		})
	}
}

// TestSessionsThatAreCut: those that parse and those that only count both
// notice.
func TestSessionsThatAreCut(t *testing.T) {
	s := startServer(t)
	stop := s.kickSoon(registry.Play, 4)
	r := carryOut(t, Options{
		Mode: Play, URL: "rtmp://" + s.rtmp + "/live/cut", Sessions: 4, Verify: 2, Publish: true, Clip: demoClip(t), Duration: 2 * time.Second,
	})
	stop()
	if r.Cut != 4 || r.Failed != 0 || r.OK() || len(r.Errors) == 0 {
		t.Errorf("%s", r.text())
	}
}

// kickSoon kicks n sessions once there are as many to kick, unless stop, which is to be
// called, comes first.
func (s *server) kickSoon(what registry.Action, n int) (stop func()) {
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for !s.kick(what, n) {
			select {
			case <-over:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	return func() {
		close(over)
		wg.Wait()
	}
}

// kick kicks n sessions once as many have moved media for a while.
func (s *server) kick(what registry.Action, n int) bool {
	var there []string
	for _, x := range s.host.Sessions.List() {
		const aWhile = 20_000 // bytes, half a second of the clip
		if x.Action == what && max(x.BytesIn, x.BytesOut) > aWhile {
			there = append(there, x.ID)
		}
	}
	if len(there) < n {
		return false
	}
	for _, id := range there[:n] {
		s.host.Sessions.Kill(id, reason.Kicked)
	}
	return true
}

// TestNobodyIsLeft: a run whose last session is cut does not wait for its end.
func TestNobodyIsLeft(t *testing.T) {
	s := startServer(t)
	for _, test := range []struct {
		name, url string
		options   Options
		cut       registry.Action
	}{
		{"RTMP", "rtmp://" + s.rtmp + "/live/left%d", Options{Mode: Push}, registry.Publish},
		{"RTSP", "rtsp://" + s.rtsp + "/live/left%d", Options{Mode: Push}, registry.Publish},
		{"RTSP by UDP", "rtsp://" + s.rtsp + "/live/left%d", Options{Mode: Push, Transport: UDP}, registry.Publish},
		{"players", "rtmp://" + s.rtmp + "/live/left%d", Options{Mode: Play, Publish: true}, registry.Play},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := test.options
			o.URL, o.Sessions, o.Clip, o.Duration = test.url, 2, demoClip(t), time.Hour
			stop := s.kickSoon(test.cut, 2)
			r := carryOut(t, o)
			stop()
			if r.OK() || r.Interrupted || r.Cut != 2 || len(r.Errors) == 0 || !slices.Contains(r.Warnings, nobodyLeft) {
				t.Errorf("%s", r.text())
			}
		})
	}
}

// TestSomebodyIsLeft: a run goes on while one session lives.
func TestSomebodyIsLeft(t *testing.T) {
	s := startServer(t)
	stop := s.kickSoon(registry.Publish, 2)
	r := carryOut(t, Options{Mode: Push, URL: "rtmp://" + s.rtmp + "/live/more%d", Sessions: 3, Clip: demoClip(t), Duration: 3 * time.Second})
	stop()
	if r.OK() || r.Interrupted || r.Cut != 2 || r.Connected != 3 || slices.Contains(r.Warnings, nobodyLeft) {
		t.Errorf("%s", r.text())
	}
}

func TestPublishingThatIsRefused(t *testing.T) {
	s := startServer(t)
	url := "rtmp://" + s.rtmp + "/api/refused" // a reserved name
	p, err := NewPlan(Options{Mode: Play, URL: url, Sessions: 1, Ramp: 1, Duration: time.Second, Publish: true, Clip: demoClip(t)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), p, io.Discard); err == nil || !strings.Contains(err.Error(), "publishing to "+url) {
		t.Errorf("error %v", err)
	}
}

// TestInterrupted: an early end still gives a report, and progress was told.
func TestInterrupted(t *testing.T) {
	s := startServer(t)
	p, err := NewPlan(Options{
		Mode: Play, URL: "rtmp://" + s.rtmp + "/live/a", Sessions: 2, Ramp: 100, Duration: time.Hour, Publish: true, Clip: demoClip(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var progress bytes.Buffer
	r, err := Run(ctx, p, writerFunc(func(b []byte) (int, error) {
		cancel()
		return progress.Write(b)
	}))
	if err != nil {
		t.Fatal(err)
	}
	if !r.Interrupted || r.OK() || r.Failed != 0 || r.Cut != 0 {
		t.Errorf("%s", r.text())
	}
	if lines := strings.Count(progress.String(), "\n"); lines != 1 || !strings.Contains(progress.String(), " 2 of 2 up") {
		t.Errorf("progress %q", progress.String())
	}
	eventually(t, "the server has no sessions", func() bool { return len(s.host.Sessions.List()) == 0 })
	for _, g := range s.host.Sessions.Totals().Groups {
		for why, n := range g.Closes {
			if n > 0 && why != reason.ClientClosed && why != reason.Unpublished {
				t.Errorf("%d sessions to %s ended because of %s", n, g.Action, why)
			}
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
