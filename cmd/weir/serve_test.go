//go:build unix

package main

import (
	"bufio"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// serving is "weir serve" as a process of its own.
type serving struct {
	*exec.Cmd
	file string   // its configuration
	log  *os.File // what it writes
}

// startProcess starts the program and returns when it serves.
func startProcess(t *testing.T) *serving {
	t.Helper()
	s := &serving{file: filepath.Join(t.TempDir(), "weir.yaml")}
	must(t, os.WriteFile(s.file, []byte("rtmp: {listen: 127.0.0.1:0}\nhttp: {listen: off}\nrtsp: {listen: off}\nwebrtc: {listen: off}\n"), 0o600))
	log, stderr, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { log.Close() })
	s.log = log
	s.Cmd = exec.Command(os.Args[0], "serve", "--config", s.file) //nolint:gosec // this program
	s.Env, s.Stderr = append(os.Environ(), asProgram+"=1"), stderr
	stdout, err := s.StdoutPipe()
	must(t, err)
	must(t, s.Start())
	t.Cleanup(func() { _ = s.Process.Kill() }) // fails if it has ended
	stderr.Close()
	for banner := bufio.NewScanner(stdout); banner.Scan() && !strings.Contains(banner.Text(), "play"); {
	}
	return s
}

// expectEnd waits for an end without an error.
func (s *serving) expectEnd(t *testing.T) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(patience):
		t.Error("it goes on")
		_ = s.Process.Kill()
		<-ended
	}
}

// TestLogReaderGone: when whatever reads the log has ended, weir goes on, and stops as
// it always does.
func TestLogReaderGone(t *testing.T) {
	s := startProcess(t)
	s.log.Close()
	must(t, s.Process.Signal(syscall.SIGTERM)) // of which the log tells
	s.expectEnd(t)
}

// TestStopWhileReloading: a configuration that cannot be read, for a network file system
// gives no answer, keeps nobody from stopping.
func TestStopWhileReloading(t *testing.T) {
	s := startProcess(t)
	must(t, os.Remove(s.file))
	must(t, syscall.Mkfifo(s.file, 0o600))
	must(t, s.Process.Signal(syscall.SIGHUP))
	var silent *os.File
	eventually(t, "it reads", func() bool {
		var err error
		silent, err = os.OpenFile(s.file, os.O_WRONLY|syscall.O_NONBLOCK, 0) // fails without a reader
		return err == nil
	})
	defer silent.Close()
	must(t, s.Process.Signal(syscall.SIGTERM))
	s.expectEnd(t)
}

// TestCloseLate: a session that does not end in time is told of, and costs the others
// nothing: what has ended does not count as cut off.
func TestCloseLate(t *testing.T) {
	s := defaultSettings()
	s.rtmp().Listen, s.rtsp().Listen, s.rtsp().UDPListen, s.webrtc().Listen, s.http.Listen = "off", "off", "off", "off", "off"
	s.data.Dir = t.TempDir()
	var err error
	s.report, err = config.Load(config.LoadOptions{Sections: s.sections()})
	must(t, err)
	a, err := newApp(s, slog.New(slog.DiscardHandler))
	must(t, err)
	stuck, err := a.sessions.Open(session.Info{Protocol: "rtmp", Action: session.Play, Stream: "live/a"}, func(reason.Reason) {})
	must(t, err)
	defer stuck.Close(reason.Shutdown, nil)
	err = a.close(config.Duration(time.Millisecond))
	if err == nil || err.Error() != "stopping: 1 sessions did not end: context deadline exceeded" {
		t.Errorf("it ended with %v", err)
	}
}
