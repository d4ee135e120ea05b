//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
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
	rtmp net.Addr // where it listens
}

// startProcess starts the program and returns when it serves.
func startProcess(t *testing.T) *serving {
	t.Helper()
	log, stderr, err := os.Pipe()
	must(t, err)
	return startWriting(t, log, stderr)
}

// startWriting is startProcess with the two ends of a pipe for the log.
func startWriting(t *testing.T, log, stderr *os.File) *serving {
	t.Helper()
	s := &serving{file: filepath.Join(t.TempDir(), "weir.yaml"), log: log}
	must(t, os.WriteFile(s.file, []byte("rtmp: {listen: 127.0.0.1:0}\nhttp: {listen: off}\nrtsp: {listen: off}\nwebrtc: {listen: off}\n"), 0o600))
	t.Cleanup(func() { log.Close() })
	s.Cmd = exec.Command(os.Args[0], "serve", "--config", s.file) //nolint:gosec // this program
	s.Env, s.Stderr = append(os.Environ(), asProgram+"=1"), stderr
	stdout, err := s.StdoutPipe()
	must(t, err)
	must(t, s.Start())
	t.Cleanup(func() { _ = s.Process.Kill() }) // fails if it has ended
	stderr.Close()
	silent := time.AfterFunc(patience, func() { _ = s.Process.Kill() })
	defer silent.Stop()
	banner := bufio.NewScanner(stdout)
	for banner.Scan() && !strings.Contains(banner.Text(), "play") {
	}
	_, address, serves := strings.Cut(banner.Text(), "rtmp://")
	if !serves {
		t.Fatal("it does not say that it serves")
	}
	address, _, _ = strings.Cut(address, "/")
	s.rtmp, err = net.ResolveTCPAddr("tcp", address)
	must(t, err)
	return s
}

// expectEnd waits for an end without an error.
func (s *serving) expectEnd(t *testing.T) {
	t.Helper()
	if err := s.end(t); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// end waits for the end and returns how that was.
func (s *serving) end(t *testing.T) error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		t.Error("it goes on")
		_ = s.Process.Kill()
		<-ended
		return nil
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

// TestLogReaderHangs: whatever reads the log lives but reads nothing, as a log collector
// that hangs. Streams begin, run and end nevertheless, weir stops in time, and what fits
// into its memory is there when the reader goes on.
func TestLogReaderHangs(t *testing.T) {
	for _, goesOn := range []bool{false, true} {
		log, stderr, err := os.Pipe()
		must(t, err)
		must(t, stderr.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
		before, err := stderr.Write(bytes.Repeat([]byte("before\n"), 1<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("the pipe has taken %d bytes, and %v", before, err)
		}
		process := startWriting(t, log, stderr)
		s := &testServer{app: &app{rtmp: process.rtmp}}
		for range 2 {
			src := s.publish(t, "live/test", sourceOptions{})
			src.tick()
			v := s.watch(t, "rtmp", "live/test")
			v.reach(src.last())
			v.leave()
			src.unpublish()
		}
		var text []byte
		read := make(chan error, 1)
		if goesOn {
			go func() {
				text, err = io.ReadAll(log)
				read <- err
			}()
		}
		must(t, process.Process.Signal(syscall.SIGTERM))
		process.expectEnd(t)
		if !goesOn {
			continue
		}
		must(t, <-read)
		for what, n := range map[string]int{"msg=resources": 1, `"session started"`: 4, `"session ended"`: 4, "msg=stopped": 1} {
			if got := strings.Count(string(text[before:]), what); got != n {
				t.Errorf("%q comes %d times, want %d:\n%s", what, got, n, text[before:])
			}
		}
	}
}

// openRead waits until somebody reads a named pipe, who waits for what is to be written.
func openRead(t *testing.T, path string) (silent *os.File) {
	t.Helper()
	eventually(t, "it reads", func() bool {
		var err error
		silent, err = os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0) // fails without a reader
		return err == nil
	})
	return silent
}

// TestStopWhileReloading: a configuration that cannot be read, for a network file system
// gives no answer, keeps nobody from stopping.
func TestStopWhileReloading(t *testing.T) {
	s := startProcess(t)
	must(t, os.Remove(s.file))
	must(t, syscall.Mkfifo(s.file, 0o600))
	must(t, s.Process.Signal(syscall.SIGHUP))
	silent := openRead(t, s.file)
	defer silent.Close()
	must(t, s.Process.Signal(syscall.SIGTERM))
	s.expectEnd(t)
}

// TestStopWhileStarting: a file that cannot be read, for a network file system gives no
// answer, keeps nobody from stopping what has not started yet.
func TestStopWhileStarting(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	must(t, syscall.Mkfifo(token, 0o600))
	s := &serving{Cmd: exec.Command(os.Args[0], "serve")} //nolint:gosec // this program
	s.Dir = t.TempDir()
	s.Env = append(os.Environ(), asProgram+"=1", "WEIR_AUTH_TOKEN_FILE="+token, "WEIR_SHUTDOWN_TIMEOUT=10ms")
	must(t, s.Start())
	t.Cleanup(func() { _ = s.Process.Kill() }) // fails if it has ended
	silent := openRead(t, token)
	defer silent.Close()
	must(t, s.Process.Signal(syscall.SIGTERM))
	var failed *exec.ExitError
	if err := s.end(t); !errors.As(err, &failed) || failed.ExitCode() != 1 {
		t.Errorf("it ended with %v", err)
	}
}

// TestStopWhileKeeping: a change of the configuration that cannot be kept, for the disk
// does not answer, keeps nobody from stopping.
func TestStopWhileKeeping(t *testing.T) {
	s := startServer(t, nil)
	answers, kept := make(chan struct{}), make(chan error, 1)
	asked := make(chan struct{})
	go func() {
		s.configuration.mu.Lock()
		defer s.configuration.mu.Unlock()
		_, err := s.configuration.load(config.Overlay{}, func(config.Change) error {
			close(asked)
			<-answers
			return nil
		})
		kept <- err
	}()
	<-asked
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	select {
	case err := <-stopped:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("it goes on")
	}
	close(answers)
	if err := <-kept; err != nil {
		t.Errorf("what is kept counts from the next start on, but it failed: %v", err)
	}
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
