package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/cmd/weir/bench"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/rtmp"
)

// TestTimelines: what the timelines of a publisher and of viewers by every protocol
// tell, and that those who lag are known.
func TestTimelines(t *testing.T) {
	s := startServer(t, nil)
	clip, err := bench.ReadClip(bytes.NewReader(demoClip))
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	early := make(chan error, 1)
	go func() {
		p, err := rtmp.Play(ctx, s.url("live/demo"), rtmp.ClientOptions{})
		if early <- err; err != nil {
			return
		}
		defer p.Close()
		for ; err == nil; _, err = p.ReadTag() {
		}
	}()
	eventually(t, "the first player waits", func() bool { return s.waiting() == 1 })
	time.Sleep(2 * time.Millisecond)
	published := make(chan error, 1)
	go func() { published <- publishDemo(ctx, clip, s.url("live/demo")) }()

	must(t, <-early)
	web := s.app.http.Addr().String() + "/live/demo"
	for _, url := range []string{
		"http://" + web + ".flv", "ws://" + web + ".flv", "http://" + web + ".ts", "http://" + web + ".mp4",
		"http://" + web + "/index.m3u8", "rtsp://" + s.app.rtsp.String() + "/live/demo", "http://" + web + "/whep",
	} {
		var silent *exitError
		c := probeCommand{URL: url, Seconds: 0.5, Timeout: patience, JSON: true}
		if err := c.run(ctx, &console{out: new(bytes.Buffer)}); err != nil && !errors.As(err, &silent) {
			t.Errorf("%s: %v", url, err)
		}
	}
	lags := 0
	for _, x := range s.sessions.List() {
		if lag, ok := x.Lag(); ok && lag >= 0 && x.Action == session.Play {
			lags++
		}
		if _, out := x.Rates(); x.Protocol == "rtmp" && x.Action == session.Play && out < 10_000 {
			t.Errorf("the first player gets %.0f bit/s", out)
		}
	}
	if lags == 0 {
		t.Error("of nobody it is known how far behind it is")
	}
	cancel()
	must(t, <-published)
	must(t, s.stop())

	seen := map[string]string{}
	for _, e := range s.sessions.Ended() {
		var words []string
		for i, step := range e.Timeline {
			if i > 0 && step.At.Before(e.Timeline[i-1].At) {
				t.Errorf("%s: %v", e.Protocol, e.Timeline)
			}
			words = append(words, string(step.What))
			if step.What == session.Layout && !strings.HasPrefix(step.Detail, "H264 640x") {
				t.Errorf("%s: tracks %q", e.Protocol, step.Detail)
			}
			if step.What == session.Authorised && step.Detail == "" {
				t.Errorf("%s: nothing allowed it", e.Protocol)
			}
			if step.What == session.ICEPair && strings.Count(step.Detail, "/udp") != 2 {
				t.Errorf("%s: %q", e.Protocol, step.Detail)
			}
		}
		seen[e.Protocol+" "+string(e.Action)] = strings.Join(words, " ")
	}
	const plays = "layout first_key_frame closed"
	for who, want := range map[string]string{
		"rtmp publish": "connected handshake authorised",
		"rtmp play":    "connected handshake authorised waited " + plays,
		"httpflv play": "connected authorised " + plays,
		"wsflv play":   "connected authorised " + plays,
		"httpts play":  "connected authorised " + plays,
		"httpmp4 play": "connected authorised " + plays,
		"hls play":     "connected authorised " + plays,
		"rtsp play":    "connected authorised transport " + plays,
		"webrtc play":  "connected authorised ice_pair handshake " + plays,
	} {
		if !strings.HasPrefix(seen[who], want) {
			t.Errorf("%s: %q, want %q", who, seen[who], want)
		}
	}
	for _, what := range []string{"layout", "first_key_frame", "closed"} { // sound may come before the picture
		if !slices.Contains(strings.Fields(seen["rtmp publish"]), what) {
			t.Errorf("the publisher: %q lacks %s", seen["rtmp publish"], what)
		}
	}
}
