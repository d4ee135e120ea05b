package main

import (
	"encoding/json"
	"flag"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/protocols/rtsp"
	"github.com/weirmedia/weir/protocols/webrtc"
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	flag.Parse()
	// What runs in parallel here waits for clocks and sockets rather than computes.
	if err := flag.Set("test.parallel", "24"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// asProgram makes the test binary the program itself, if the environment has it.
const asProgram = "TEST_AS_PROGRAM"

// patience bounds waits that end soon unless something is broken.
const patience = 30 * time.Second

// testServer is the whole program in this process, but for the command line.
type testServer struct {
	*app
	settings *settings
	lines    *logLines
	closing  sync.Once
	closeErr error
}

// startServer starts a server on free ports. configure, which may be nil,
// changes the defaults. When the test ends the server must close without an
// error and leave neither goroutines nor descriptors behind.
func startServer(t testing.TB, configure func(*settings)) *testServer {
	t.Helper()
	lines := &logLines{}
	s := startLogging(t, configure, slog.NewJSONHandler(lines, nil))
	s.lines = lines
	return s
}

// startLogging is startServer with another log.
func startLogging(t testing.TB, configure func(*settings), log slog.Handler) *testServer {
	t.Helper()
	s := defaultSettings()
	s.rtmp().Listen = "127.0.0.1:0"
	s.rtsp().Listen, s.rtsp().UDPListen = "127.0.0.1:0", "127.0.0.1:0"
	s.webrtc().Listen = "127.0.0.1:0"
	s.http.Listen = "127.0.0.1:0"
	s.shutdown.Timeout = config.Duration(patience)
	s.limits.MaxLoad = 0 // a busy machine would refuse viewers
	if configure != nil {
		configure(s)
	}
	var err error
	if s.report, err = config.Load(config.LoadOptions{Sections: s.sections()}); err != nil {
		t.Fatal(err)
	}
	return startLog(t, s, log)
}

// startWith is startServer with all settings.
func startWith(t testing.TB, s *settings) *testServer {
	t.Helper()
	lines := &logLines{}
	server := startLog(t, s, slog.NewJSONHandler(lines, nil))
	server.lines = lines
	return server
}

func startLog(t testing.TB, s *settings, log slog.Handler) *testServer {
	t.Helper()
	before := measure(t)
	a, err := newApp(s, slog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	server := &testServer{app: a, settings: s}
	t.Cleanup(func() {
		if err := server.stop(); err != nil {
			t.Error(err)
		}
		before.expect(t, "after the server has stopped")
	})
	return server
}

// stop closes the server as SIGTERM does. Later calls return the same.
func (s *testServer) stop() error {
	s.closing.Do(func() { s.closeErr = s.close(s.settings.shutdown.Timeout) })
	return s.closeErr
}

func (s *settings) rtmp() *rtmp.Config { return section[*rtmp.Config](s) }
func (s *settings) rtsp() *rtsp.Config { return section[*rtsp.Config](s) }

func (s *settings) webrtc() *webrtc.Config { return section[*webrtc.Config](s) }

// url returns the RTMP URL of a stream.
func (s *testServer) url(name string) string { return "rtmp://" + s.app.rtmp.String() + "/" + name }

// ends returns how many sessions ended for why; with an empty action, how many
// peers that never became a session were refused for it.
func (s *testServer) ends(protocol string, action session.Action, why reason.Reason) uint64 {
	totals := s.sessions.Totals()
	if action == "" {
		for _, r := range totals.Refusals {
			if r.Protocol == protocol && r.Reason == why {
				return r.Count
			}
		}
		return 0
	}
	for _, g := range totals.Groups {
		if g.Protocol == protocol && g.Action == action {
			return g.Closes[why]
		}
	}
	return 0
}

// expectEnd waits for the log line with which the peer at remote came to its
// end, and fails unless it gives the reason.
func (s *testServer) expectEnd(t testing.TB, remote net.Addr, why reason.Reason) {
	t.Helper()
	var line logLine
	eventually(t, "a log line about the end of "+remote.String(), func() (ok bool) {
		line, ok = s.lines.end(remote.String())
		return ok
	})
	if line.Reason != why {
		t.Errorf("the log says %q because of %s (%s), want %s", line.Message, line.Reason, line.Error, why)
	}
}

// logLine is what tests look at in a line of the log.
type logLine struct {
	Message  string         `json:"msg"`
	Level    string         `json:"level"`
	Protocol string         `json:"protocol"`
	Action   session.Action `json:"action"`
	Stream   string         `json:"stream"`
	Remote   string         `json:"remote"`
	Reason   reason.Reason  `json:"reason"`
	Error    string         `json:"error"`
}

// logLines collects a log. Safe for concurrent use.
type logLines struct {
	mu   sync.Mutex
	all  []logLine
	text strings.Builder // of all lines
}

// Write takes one line, which is how slog's handlers write.
func (l *logLines) Write(b []byte) (int, error) {
	var line logLine
	if err := json.Unmarshal(b, &line); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, line)
	l.text.Write(b)
	return len(b), nil
}

// end returns the line that says why remote is gone.
func (l *logLines) end(remote string) (logLine, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		if line.Remote == remote && line.Reason != "" {
			return line, true
		}
	}
	return logLine{}, false
}

// has reports whether there is a line with what want has beside its level, remote and
// error.
func (l *logLines) has(want logLine) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.all, func(line logLine) bool {
		line.Level, line.Remote, line.Error = "", "", ""
		return line == want
	})
}

// contain reports whether any line holds text.
func (l *logLines) contain(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

// atLevel returns the lines of a level.
func (l *logLines) atLevel(level slog.Level) (out []logLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		if line.Level == level.String() {
			out = append(out, line)
		}
	}
	return out
}

// eventually waits for a condition that nothing tells of.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited for %v: %s", patience, what)
		}
	}
}

// resources are what a leak would let grow.
type resources struct{ goroutines, files int }

// measure counts what this process uses at the moment.
func measure(t testing.TB) resources {
	t.Helper()
	// The first use of the network opens descriptors that stay.
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close()
	}
	return resources{runtime.NumGoroutine(), openFiles(t)}
}

// openFiles counts descriptors, as far as the system tells.
func openFiles(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil && runtime.GOOS == "linux" {
		t.Fatal(err)
	}
	return len(list)
}

// expect waits until the process uses no more than r.
func (r resources) expect(t testing.TB, when string) {
	t.Helper()
	now := measure(t)
	for limit := time.Now().Add(patience); now.goroutines > r.goroutines || now.files > r.files; now = measure(t) {
		if time.Now().After(limit) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%s: %d goroutines and %d descriptors, before %d and %d\n%s", when,
				now.goroutines, now.files, r.goroutines, r.files, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// heap returns the bytes that live objects take.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one left to finalizers and pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
