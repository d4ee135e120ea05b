//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirmedia/weir/test/freeport"
)

// settings are configuration keys with their values, as in
// {"stream.grace": "3s"}.
type settings map[string]string

// yaml writes settings of the form section.key as a configuration file. Values are
// texts, or lists in brackets.
func (s settings) yaml() string {
	sections := map[string][]string{}
	for key, value := range s {
		section, name, _ := strings.Cut(key, ".")
		if !strings.HasPrefix(value, "[") {
			value = strconv.Quote(value)
		}
		sections[section] = append(sections[section], fmt.Sprintf("  %s: %s\n", name, value))
	}
	var parts []string
	for section, lines := range sections {
		sort.Strings(lines)
		parts = append(parts, section+":\n"+strings.Join(lines, ""))
	}
	sort.Strings(parts)
	return strings.Join(parts, "")
}

// server is a running weir.
type server struct {
	*process
	dir string
	// rtmp and http are host:port of the listeners.
	rtmp, http string
}

// weirBinary returns the program under test.
func weirBinary(t *testing.T) string {
	t.Helper()
	path := os.Getenv("WEIR_BIN")
	if path == "" {
		path = "../../bin/weir"
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: build it with `make build`, or name another by WEIR_BIN", err)
	}
	return path
}

// startServer starts weir with the given settings on free ports, waits until
// it is ready, and stops it when the test ends. It fails the test if the server
// dies, panics or reports a data race.
func startServer(t *testing.T, changes settings) *server {
	t.Helper()
	s := &server{dir: t.TempDir(), rtmp: freeport.Address(t), http: freeport.Address(t)}
	all := settings{
		"rtmp.listen":      s.rtmp,
		"http.listen":      s.http,
		"rtsp.listen":      "off",
		"webrtc.listen":    "off",
		"stream.grace":     "3s",
		"shutdown.timeout": "5s",
		"log.level":        "debug",
		"log.format":       "text",
		// Of a loop that other programs of a busy machine keep waiting this says nothing.
		"limits.max_load": "0",
	}
	for key, value := range changes {
		all[key] = value
	}
	s.process = runWeir(t, s.dir, all.yaml(), 15*time.Minute+soakTime(t, 0), "serve")
	t.Cleanup(func() {
		if t.Failed() {
			return // process prints the log
		}
		s.stop(t)
	})
	eventually(t, 15*time.Second, "server ready", func() bool {
		if !s.running() {
			t.Fatalf("the server ended: %v", s.wait())
		}
		resp, err := http.Get("http://" + s.http + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return s
}

// runWeir starts the program in dir with a configuration file.
func runWeir(t *testing.T, dir, config string, limit time.Duration, command string, args ...string) *process {
	t.Helper()
	const file = "weir.yaml"
	if err := os.WriteFile(filepath.Join(dir, file), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append([]string{command, "--config", file}, args...)
	setup := func(c *exec.Cmd) {
		c.Dir = dir
		// WEIR_… of the one who runs the tests would change the configuration.
		c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "WEIR_") })
	}
	p := start(t, limit, setup, weirBinary(t), args...)
	t.Cleanup(func() {
		p.kill()
		for _, bad := range []string{"panic", "DATA RACE", "fatal error:"} {
			if log := p.out.String(); strings.Contains(log, bad) {
				t.Errorf("weir printed %q:\n%s", bad, tail(log[strings.Index(log, bad):], 200)+tail(log, 6000))
			}
		}
	})
	return p
}

// stop asks the server to end and fails the test unless it does so in time and
// with status 0.
func (s *server) stop(t *testing.T) {
	t.Helper()
	s.signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(10 * time.Second):
		s.signal(syscall.SIGQUIT) // its goroutines tell what it waits for
		time.Sleep(time.Second)
		t.Errorf("the server did not end within 10 s of SIGTERM:\n%s", tail(s.out.String(), 8000))
		s.kill()
		return
	}
	if err := s.wait(); err != nil {
		t.Errorf("the server ended with %v after SIGTERM:\n%s", err, tail(s.out.String(), 4000))
	}
}

func (s *server) rtmpURL(name string) string { return "rtmp://" + s.rtmp + "/" + name }
func (s *server) httpURL(path string) string { return "http://" + s.http + "/" + path }

// stream is what the tests read of an entry of GET /api/v1/streams.
type stream struct {
	Name   string
	State  string
	Ready  bool
	Tracks []struct {
		Kind, Codec, Profile string
		Width, Height        int
		SampleRate           int `json:"sample_rate"`
		Channels             int
		FrameRate            float64 `json:"frame_rate"`
	}
	Viewers      map[string]int
	ViewersTotal int    `json:"viewers_total"`
	FramesIn     uint64 `json:"frames_in"`
	WebRTC       *struct {
		Playable  bool
		Why       string
		FrameRate float64 `json:"frame_rate"`
	}
}

func (s *server) streams(t *testing.T) []stream {
	t.Helper()
	var answer struct{ Streams []stream }
	if err := json.Unmarshal([]byte(s.get(t, "api/v1/streams")), &answer); err != nil {
		t.Fatalf("GET /api/v1/streams: %v", err)
	}
	return answer.Streams
}

// get returns the body of a page that must be there.
func (s *server) get(t *testing.T, path string) string {
	t.Helper()
	resp, err := http.Get(s.httpURL(path))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("GET /%s: %s\n%s", path, resp.Status, body)
	}
	return string(body)
}

// stream returns the named stream, if the server lists it.
func (s *server) stream(t *testing.T, name string) (stream, bool) {
	t.Helper()
	for _, st := range s.streams(t) {
		if st.Name == name {
			return st, true
		}
	}
	return stream{}, false
}

// waitLive waits until the named stream has a publisher and all its tracks.
func (s *server) waitLive(t *testing.T, name string) {
	t.Helper()
	eventually(t, 15*time.Second, name+" live", func() bool {
		st, ok := s.stream(t, name)
		return ok && st.State == "live" && st.Ready
	})
}
