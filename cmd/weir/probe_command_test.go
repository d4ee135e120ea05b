package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/weirmedia/weir/cmd/weir/bench"
	"github.com/weirmedia/weir/cmd/weir/probe"
)

// TestProbe probes the clip of the demo, played by this server.
func TestProbe(t *testing.T) {
	s := startServer(t, nil)
	clip, err := bench.ReadClip(bytes.NewReader(demoClip))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	published := make(chan error, 1)
	go func() { published <- publishDemo(ctx, clip, s.url("live/demo")) }()
	t.Cleanup(func() {
		cancel()
		if err := <-published; err != nil {
			t.Error(err)
		}
	})
	web := s.app.http.Addr().String() + "/live/demo"
	for protocol, url := range map[string]string{
		"rtmp": s.url("live/demo"), "http-flv": "http://" + web + ".flv", "ws-flv": "ws://" + web + ".flv",
		"http-ts": "http://" + web + ".ts", "ws-ts": "ws://" + web + ".ts",
		"http-fmp4": "http://" + web + ".mp4", "ws-fmp4": "ws://" + web + ".mp4",
		"hls": "http://" + web + "/index.m3u8", "rtsp": "rtsp://" + s.app.rtsp.String() + "/live/demo",
	} {
		t.Run(protocol, func(t *testing.T) {
			var out bytes.Buffer
			c := probeCommand{URL: url, Seconds: 0.5, Timeout: patience, JSON: true}
			// Whether the machine keeps the pace is not what is tested.
			var silent *exitError
			if err := c.run(ctx, &console{out: &out}); err != nil && !errors.As(err, &silent) {
				t.Fatal(err)
			}
			var r probe.Report
			if err := json.Unmarshal(out.Bytes(), &r); err != nil {
				t.Fatalf("%v: %s", err, out.Bytes())
			}
			if r.Protocol != protocol || len(r.Tracks) != 2 || r.Tracks[0].Codec != "H264" || r.Tracks[0].Width != 640 || r.Tracks[1].Codec != "AAC" {
				t.Errorf("%+v", r)
			}
			if j := r.Join; j == nil || j.FirstPicture <= 0 {
				t.Errorf("join %+v", j)
			}
		})
	}
}

// TestProbeStatus: the exit status tells a good stream from a bad one and from
// none.
func TestProbeStatus(t *testing.T) {
	clip := bytes.Clone(demoClip)
	lying := bytes.Clone(demoClip)
	lying[4] = 4 // only audio
	for _, test := range []struct {
		name   string
		file   []byte
		status int
		says   string
	}{
		{"a good file", clip, 0, "nothing is wrong"},
		{"a file with wrong flags", lying, streamWrong, "(header_flags)"},
		{"garbage", []byte("no FLV at all"), 1, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.flv")
			if err := os.WriteFile(path, test.file, 0o600); err != nil {
				t.Fatal(err)
			}
			var c cli
			parser, err := kong.New(&c)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse([]string{"probe", path}); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			err = c.Probe.run(context.Background(), &console{out: &out})
			status := 0
			if err != nil {
				status = exitStatus(err)
			}
			if status != test.status || !strings.Contains(out.String(), test.says) || strings.Contains(out.String(), "\x1b") {
				t.Errorf("status %d, %v: %s", status, err, out.String())
			}
		})
	}
}

func TestProbeFlags(t *testing.T) {
	for _, test := range []struct {
		name string
		c    probeCommand
		ok   bool
	}{
		{"usual", probeCommand{Seconds: 10, Timeout: time.Second}, true},
		{"no time", probeCommand{Seconds: 0, Timeout: time.Second}, false},
		{"for ever", probeCommand{Seconds: 1e9, Timeout: time.Second}, false},
		{"no patience", probeCommand{Seconds: 10}, false},
	} {
		if err := test.c.Validate(); (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
