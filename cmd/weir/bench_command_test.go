package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// runBench parses and runs "weir bench" with args.
func runBench(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	parser, err := kong.New(&struct {
		Bench benchCommand `cmd:""`
	}{})
	if err != nil {
		t.Fatal(err)
	}
	context, err := parser.Parse(append([]string{"bench"}, args...))
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = context.Run(&console{out: &b, err: io.Discard})
	return b.String(), err
}

func TestBenchArguments(t *testing.T) {
	noClip := filepath.Join(t.TempDir(), "clip.flv")
	if err := os.WriteFile(noClip, []byte("RIFF....AVI LIST"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, args, says string }{
		{"a scheme", "play ftp://h/live/a", "URL"},
		{"no sessions", "play rtmp://h/live/a -n 0", "--sessions"},
		{"publishers on one stream", "push rtmp://h/live/a", "%d"},
		{"another protocol than the scheme", "play rtmp://h/live/a --protocol whep", "--protocol"},
		{"a file that is not there", "push rtmp://h/live/a -n 1 --file no-such.flv", "no-such.flv"},
		{"a file that is no clip", "push rtmp://h/live/a -n 1 --file " + noClip, "not an FLV file"},
		{"a file for nothing", "play rtmp://h/live/a --file x.flv", "--publish"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := runBench(t, strings.Fields(test.args)...)
			if err == nil || !strings.Contains(err.Error(), test.says) || exitStatus(err) != 2 {
				t.Errorf("%v, status %d; want 2 and %q", err, exitStatus(err), test.says)
			}
		})
	}
}

func TestBenchStatus(t *testing.T) {
	// The first use of signals starts a goroutine that stays, which startServer
	// would take for one left behind.
	_, stop := signal.NotifyContext(t.Context(), os.Interrupt)
	stop()
	s := startServer(t, nil)
	out, err := runBench(t, "play", s.url("live/bench"), "-n", "3", "--duration", "500ms", "--json", "--publish")
	var report struct{ Connected int }
	if err != nil || json.Unmarshal([]byte(out), &report) != nil || report.Connected != 3 {
		t.Errorf("%v: %s", err, out)
	}
	_, err = runBench(t, "play", s.url("live/nobody"), "-n", "1", "--duration", "50ms")
	var failed *exitError
	if !errors.As(err, &failed) || exitStatus(err) != 1 {
		t.Errorf("%v, status %d; want 1", err, exitStatus(err))
	}
}
