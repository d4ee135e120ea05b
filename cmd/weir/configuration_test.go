package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/rtmp"
)

// loadSettings reads a configuration from a text.
func loadSettings(t *testing.T, text string) (*settings, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("weir.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return (&configFlag{}).load()
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name, file string
		all        bool
		out, err   string // parts of what is printed; "" for nothing
		fails      bool
	}{
		{name: "defaults", out: "# every setting has its default\n"},
		{name: "a difference", file: "stream:\n  grace: 7s\n  wait: 5s\n", out: "stream:\n  grace: 7s # default: 15s, set by weir.yaml:2:3\n"},
		{name: "all", file: "stream:\n  grace: 7s\n", all: true, out: "\n  wait: 5s\n"},
		{name: "a mistake", file: "stream:\n  grase: 7s\n", err: "weir.yaml:2:3: stream.grase: unknown key; did you mean \"grace\"?\n", fails: true},
		{name: "shadowed", file: "stream:\n  streams:\n  - {streams: ['**'], wait: 1s}\n  - {streams: [live/x], wait: 2s}\n", out: "wait: 2s",
			err: "warning: stream.streams[1].streams[0]: \"live/x\" has no effect, streams[0] matches the same first\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile("weir.yaml", []byte(test.file), 0o600); err != nil {
				t.Fatal(err)
			}
			var out, stderr bytes.Buffer
			err := (&checkCommand{All: test.all}).Run(&console{out: &out, err: &stderr})
			if (err != nil) != test.fails {
				t.Errorf("error %v", err)
			}
			if !strings.Contains(out.String(), test.out) || test.out == "" && out.Len() > 0 {
				t.Errorf("printed\n%s", out.String())
			}
			if !test.all && strings.Contains(out.String(), "publish_timeout") {
				t.Errorf("printed what has its default:\n%s", out.String())
			}
			if stderr.String() != test.err {
				t.Errorf("said %q, want %q", stderr.String(), test.err)
			}
		})
	}
}

func TestStreamRules(t *testing.T) {
	s, err := loadSettings(t, `
stream:
  wait: 3s
  max_viewers: 9
  streams:
    - streams: [cam/*/low]
      grace: 0s
      max_viewers: 0
    - streams: ["cam/**"]
      wait: 1m
      publish_timeout: 30s
      max_viewers: 2
      ring_bytes: 1MiB
      ring_duration: 1s
`)
	if err != nil {
		t.Fatal(err)
	}
	all := bus.DefaultLimits()
	all.Wait = 3 * time.Second
	low, cam := all, all
	low.Grace = 0
	cam.Wait, cam.PublishTimeout, cam.RingBytes, cam.RingDuration = time.Minute, 30*time.Second, 1<<20, time.Second
	for stream, want := range map[string]struct {
		limits  bus.Limits
		viewers int
	}{"live/test": {all, 9}, "cam/1/low": {low, 0}, "cam/1/hd": {cam, 2}} {
		got := s.stream.limits().ForStream(stream)
		if got.Grace != want.limits.Grace || got.Wait != want.limits.Wait || got.PublishTimeout != want.limits.PublishTimeout ||
			got.RingBytes != want.limits.RingBytes || got.RingDuration != want.limits.RingDuration || got.Settle != want.limits.Settle || got.Linger != want.limits.Linger {
			t.Errorf("%s: %+v, want %+v", stream, got, want.limits)
		}
		if got := s.stream.maxViewers(stream); got != want.viewers {
			t.Errorf("%s: %d viewers, want %d", stream, got, want.viewers)
		}
	}
	for rule, want := range map[string]string{
		"{}":                                    "stream.streams[0].streams: needs at least one pattern",
		"{streams: [a], publish_timeout: 0s}":   "stream.streams[0].publish_timeout: must be more than 0s",
		"{streams: [a], max_viewers: -1}":       "stream.streams[0].max_viewers: must be at least 0, is -1",
		"{streams: [a], ring_bytes: 1KiB}":      "stream.streams[0].ring_bytes: must be at least 1MiB",
		"{streams: [a], ring_duration: 1ms}":    "stream.streams[0].ring_duration: must be at least 1s",
		"{streams: [a], max_streams: 3}":        "stream.streams[0].max_streams: unknown key",
		"{streams: [a/**/b], max_viewers: 100}": "\"**\" before its end",
	} {
		if _, err := loadSettings(t, "stream:\n  streams:\n    - "+rule+"\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", rule, err, want)
		}
	}
}

// TestLimitOfViewers: one stream takes as many viewers as its rule says, by
// whichever protocols, and others are not concerned.
func TestLimitOfViewers(t *testing.T) {
	limited, err := loadSettings(t, "stream:\n  streams:\n    - {streams: [live/few], max_viewers: 2}\n")
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t, func(s *settings) { s.stream = limited.stream })
	for _, name := range []string{"live/few", "live/many"} {
		source := s.publish(t, name, sourceOptions{})
		source.tick()
	}
	first := s.watch(t, "httpflv", "live/few")
	s.watch(t, "rtmp", "live/few")
	for range 3 {
		s.watch(t, "httpflv", "live/many")
	}
	eventually(t, "all of them", func() bool {
		viewers := s.sessions.Viewers()
		return viewers["live/few"]["httpflv"] == 1 && viewers["live/few"]["rtmp"] == 1 && viewers["live/many"]["httpflv"] == 3
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if p, err := rtmp.Play(ctx, s.url("live/few"), rtmp.ClientOptions{}); err == nil {
		p.Close()
		t.Error("a third viewer got in by RTMP")
	}
	response, err := http.Get("http://" + s.http.Addr().(*net.TCPAddr).String() + "/live/few.flv")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a third viewer by HTTP-FLV: %s", response.Status)
	}
	for _, protocol := range []string{"rtmp", "httpflv"} {
		if n := s.ends(protocol, "", reason.LimitReached); n != 1 {
			t.Errorf("%d refused by %s", n, protocol)
		}
	}
	first.leave()
	eventually(t, "the end of a viewer", func() bool { return s.sessions.Viewers()["live/few"]["httpflv"] == 0 })
	s.watch(t, "httpflv", "live/few")
	eventually(t, "another in its place", func() bool { return s.sessions.Viewers()["live/few"]["httpflv"] == 1 })
}
