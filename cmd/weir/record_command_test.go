package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/weirmedia/weir/cmd/weir/bench"
	"github.com/weirmedia/weir/cmd/weir/probe"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/remux/mediafile"
)

// playClip publishes the clip of the demo as live/demo until the test ends.
func playClip(t *testing.T, s *testServer) (stop func()) {
	t.Helper()
	clip, err := bench.ReadClip(bytes.NewReader(demoClip))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	published := make(chan error, 1)
	go func() { published <- publishDemo(ctx, clip, s.url("live/demo")) }()
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-published; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// parseRecord reads a command line.
func parseRecord(t *testing.T, args ...string) *recordCommand {
	t.Helper()
	var c cli
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(append([]string{"record"}, args...)); err != nil {
		t.Fatal(err)
	}
	return &c.Record
}

// describe looks at a file that was recorded.
func describe(t *testing.T, path string) mediafile.Info {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	info, err := mediafile.Describe(f, stat.Size())
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestRecord(t *testing.T) {
	s := startServer(t, nil)
	playClip(t, s)
	rtsp := "rtsp://" + s.app.rtsp.String() + "/live/demo"
	for _, test := range []struct {
		url  string
		file string
		args []string
	}{
		{s.url("live/demo"), "a.mp4", nil},
		{"http://" + s.app.http.Addr().String() + "/live/demo.flv", "a.ts", nil},
		{rtsp, "a.flv", nil},
		{rtsp, "a", []string{"--format", "mp4"}},
	} {
		t.Run(test.file, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), test.file)
			c := parseRecord(t, append(test.args, "--duration", "1s", test.url, path)...)
			var out, errs bytes.Buffer
			if err := c.run(context.Background(), &console{out: &out, err: &errs}); err != nil || errs.Len() > 0 {
				t.Fatalf("%v: %s", err, errs.String())
			}
			if !strings.HasPrefix(out.String(), path+": 1") {
				t.Errorf("it says %q", out.String())
			}
			info := describe(t, path)
			if !info.Complete || info.Stream != "live/demo" || len(info.Tracks) != 2 || info.Duration < time.Second || info.Duration > 1200*time.Millisecond {
				t.Errorf("%+v", info)
			}
			checkProbe(t, path)
		})
	}
}

// checkProbe fails the test if something is wrong with a file.
func checkProbe(t *testing.T, path string) {
	t.Helper()
	r, err := probe.Run(context.Background(), path, probe.Options{Length: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if r.Wrong() || len(r.Tracks) != 2 || r.Recording == nil || !r.Recording.Complete || r.Recording.Stream != "live/demo" {
		t.Errorf("%+v", r.Findings)
	}
}

// A signal ends a recording well, and so does the end of the stream.
func TestRecordEnds(t *testing.T) {
	s := startServer(t, func(s *settings) { s.stream.Grace = config.Duration(time.Second) })
	stop := playClip(t, s)
	folder := t.TempDir()
	ctx, interrupt := context.WithCancel(context.Background())
	results := make(chan error, 2)
	for name, ctx := range map[string]context.Context{"interrupted.mp4": ctx, "ended.mp4": context.Background()} {
		c := parseRecord(t, s.url("live/demo"), filepath.Join(folder, name))
		go func() { results <- c.run(ctx, &console{out: &bytes.Buffer{}, err: &bytes.Buffer{}}) }()
	}
	begun := func(name string) func() bool {
		return func() bool {
			stat, err := os.Stat(filepath.Join(folder, name))
			return err == nil && stat.Size() > 10_000
		}
	}
	eventually(t, "one is written", begun("interrupted.mp4"))
	eventually(t, "the other is written", begun("ended.mp4"))
	interrupt()
	if err := <-results; err != nil {
		t.Error(err)
	}
	stop()
	if err := <-results; err != nil {
		t.Error(err)
	}
	for _, name := range []string{"interrupted.mp4", "ended.mp4"} {
		if info := describe(t, filepath.Join(folder, name)); !info.Complete || info.Duration == 0 {
			t.Errorf("%s: %+v", name, info)
		}
	}
}

func TestRecordSegments(t *testing.T) {
	s := startServer(t, nil)
	playClip(t, s)
	path := filepath.Join(t.TempDir(), "a.ts")
	taken := strings.TrimSuffix(path, ".ts") + "-2.ts"
	if err := os.WriteFile(taken, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := parseRecord(t, "--segment", "1s", "--duration", "2500ms", s.url("live/demo"), path)
	var out bytes.Buffer
	if err := c.run(context.Background(), &console{out: &out, err: &bytes.Buffer{}}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(taken); err != nil || string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
	var length time.Duration
	for _, file := range []string{path, strings.TrimSuffix(path, ".ts") + "-3.ts"} {
		info := describe(t, file)
		length += info.Duration
		if !info.Complete || info.Duration < 300*time.Millisecond {
			t.Errorf("%s: %+v", file, info)
		}
	}
	if length < 2500*time.Millisecond {
		t.Errorf("%v in two files: %s", length, out.String())
	}
}

func TestRecordRefuses(t *testing.T) {
	s := startServer(t, nil)
	folder := t.TempDir()
	there := filepath.Join(folder, "there.mp4")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		args   []string
		says   string
		status int
	}{
		{"a file that is there", []string{s.url("live/demo"), there}, "--force overwrites it", 1},
		{"no format", []string{s.url("live/demo"), "a.mkv"}, `is "mkv"`, exitUsage},
		{"a scheme", []string{"srt://127.0.0.1/live", "a.mp4"}, `scheme "srt"`, exitUsage},
		{"no stream", []string{"rtmp://127.0.0.1", "a.mp4"}, "url: ", exitUsage},
		{"no server", []string{"rtmp://127.0.0.1:1/live/demo", filepath.Join(folder, "a.mp4")}, "refused", 1},
		{"nobody publishes", []string{"http://" + s.app.http.Addr().String() + "/live/none.flv", filepath.Join(folder, "b.mp4")}, "404", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := parseRecord(t, test.args...).run(context.Background(), &console{out: &bytes.Buffer{}, err: &bytes.Buffer{}})
			if err == nil || !strings.Contains(err.Error(), test.says) || exitStatus(err) != test.status {
				t.Errorf("%v", err)
			}
		})
	}
	if b, err := os.ReadFile(there); err != nil || string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v are left", entries, err)
	}
	for _, c := range []recordCommand{{Timeout: time.Second, Duration: -1}, {Timeout: time.Second, Segment: -1}, {}} {
		if c.Validate() == nil {
			t.Errorf("%+v is good", c)
		}
	}
}
