//go:build e2e

package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weirmedia/weir/test/freeport"
)

const (
	// sampleLimit bounds a sample that ends by itself; the longest records ten
	// seconds.
	sampleLimit = 90 * time.Second
	// flows is how many bytes an endless sample must move: more than the headers
	// of any protocol, less than two seconds of the demo.
	flows = 50_000
)

// TestFullSamples runs the samples of each guide in their order, in a folder
// that holds input.mp4, against a server of its own that publishes live/demo.
func TestFullSamples(t *testing.T) {
	input := makeInput(t)
	for _, d := range guides(t) {
		if !d.runs() {
			continue
		}
		t.Run(d.path, func(t *testing.T) {
			t.Parallel()
			w := startDemo(t)
			if err := os.WriteFile(filepath.Join(w.dir, "input.mp4"), input, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, b := range d.blocks {
				switch at := fmt.Sprintf("%s:%d", d.path, b.line); {
				case b.language == "sh" && b.has("test"):
					w.runSample(t, at, b.text)
				case b.language == "sh" && b.has("endless"):
					w.runEndless(t, at, b.text)
				case b.language == "yaml" && b.has("check"):
					w.checkConfiguration(t, at, b.text)
				}
			}
		})
	}
}

func (d document) runs() bool {
	for _, b := range d.blocks {
		if b.has("test") || b.has("endless") || b.has("check") {
			return true
		}
	}
	return false
}

// makeInput makes four seconds of H.264 and AAC in MP4.
func makeInput(t *testing.T) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "input.mp4")
	out, err := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25",
		"-f", "lavfi", "-i", "sine=440:sample_rate=44100", "-t", "4", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p",
		"-g", "25", "-c:a", "aac", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// weir is a running `weir demo`, and the folder in which samples run.
type weir struct {
	dir              string
	rtmp, rtsp, http string // host:port
	env              []string
}

// startDemo starts the program on free ports and waits for its stream.
func startDemo(t *testing.T) *weir {
	t.Helper()
	w := &weir{dir: t.TempDir(), rtmp: freeport.Address(t), rtsp: freeport.Address(t), http: freeport.Address(t)}
	binary := os.Getenv("WEIR_BIN")
	if binary == "" {
		binary = filepath.Join(root, "bin/weir")
	}
	binary, err := filepath.Abs(binary)
	if err != nil {
		t.Fatal(err)
	}
	// Samples call the program by its name.
	programs := t.TempDir()
	if err := os.Symlink(binary, filepath.Join(programs, "weir")); err != nil {
		t.Fatal(err)
	}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "WEIR_") && !strings.HasPrefix(v, "PATH=") {
			w.env = append(w.env, v)
		}
	}
	// Players show nothing and play to nowhere.
	if err := os.WriteFile(filepath.Join(programs, "mpv.conf"), []byte("vo=null\nao=null\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.env = append(w.env, "PATH="+programs+string(os.PathListSeparator)+os.Getenv("PATH"),
		"SDL_VIDEODRIVER=dummy", "SDL_AUDIODRIVER=dummy", "MPV_HOME="+programs)

	server := w.command("exec weir demo")
	server.cmd.Env = append(server.cmd.Env, "WEIR_RTMP_LISTEN="+w.rtmp, "WEIR_RTSP_LISTEN="+w.rtsp, "WEIR_RTSP_UDP_LISTEN=127.0.0.1:0", "WEIR_HTTP_LISTEN="+w.http, "WEIR_WEBRTC_LISTEN=127.0.0.1:0")
	server.start(t)
	t.Cleanup(func() {
		server.interrupt()
		if err := server.wait(20 * time.Second); err != nil {
			t.Errorf("weir demo: %v\n%s", err, server.out.String())
		}
	})
	eventually(t, "live/demo", func() bool {
		var s struct{ Ready bool }
		return w.get("streams/live/demo", &s) == nil && s.Ready
	})
	return w
}

// get asks the API.
func (w *weir) get(path string, answer any) error {
	resp, err := http.Get("http://" + w.http + "/api/v1/" + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}

// moved returns the bytes that the clients' sessions moved, by session. The
// demo's own publisher is none of them.
func (w *weir) moved(t *testing.T) map[string]uint64 {
	t.Helper()
	var list struct {
		Sessions []struct {
			ID, Action, Stream string
			In                 uint64 `json:"bytes_in"`
			Out                uint64 `json:"bytes_out"`
		}
	}
	if err := w.get("sessions", &list); err != nil {
		t.Fatal(err)
	}
	out := map[string]uint64{}
	for _, s := range list.Sessions {
		if s.Action != "publish" || s.Stream != "live/demo" {
			out[s.ID] = s.In + s.Out
		}
	}
	return out
}

// local puts the server's addresses in place of the usual ones.
func (w *weir) local(script string) string {
	return strings.NewReplacer("rtmp://127.0.0.1/", "rtmp://"+w.rtmp+"/", "127.0.0.1:8554", w.rtsp, "127.0.0.1:8080", w.http).Replace(script)
}

// runSample runs a script that ends by itself.
func (w *weir) runSample(t *testing.T, at, script string) {
	t.Helper()
	s := w.command(w.local(script))
	s.start(t)
	if err := s.wait(sampleLimit); err != nil {
		t.Errorf("%s: %v\n%s\nprinted:\n%s", at, err, script, s.out.String())
	}
}

// runEndless runs a script until media flows, then interrupts it.
func (w *weir) runEndless(t *testing.T, at, script string) {
	t.Helper()
	before := w.moved(t)
	s := w.command(w.local(script))
	s.start(t)
	eventually(t, at, func() bool {
		select {
		case <-s.done:
			t.Fatalf("%s ended by itself: %v\n%s\nprinted:\n%s", at, s.err, script, s.out.String())
		default:
		}
		for id, n := range w.moved(t) {
			if _, known := before[id]; !known && n > flows {
				return true
			}
		}
		return false
	})
	s.interrupt()
	_ = s.wait(10 * time.Second) // clients differ in how they end
}

// checkConfiguration asks the program what it makes of a configuration.
func (w *weir) checkConfiguration(t *testing.T, at, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "sample.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := w.command("weir check --config sample.yaml")
	s.start(t)
	if err := s.wait(sampleLimit); err != nil || strings.Contains(s.out.String(), "warning:") {
		t.Errorf("%s: %v\n%s", at, err, s.out.String())
	}
}

// script is a process group of a shell.
type script struct {
	cmd  *exec.Cmd
	out  *output
	done chan struct{}
	err  error // valid when done is closed
}

// output collects what a process prints, for reading while it runs.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func (w *weir) command(text string) *script {
	s := &script{cmd: exec.Command("bash", "-euo", "pipefail", "-c", text), out: &output{}, done: make(chan struct{})}
	s.cmd.Dir, s.cmd.Env = w.dir, append([]string{}, w.env...)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.cmd.WaitDelay = 2 * time.Second
	return s
}

// start starts the script, and kills what is left of it at the test's end.
func (s *script) start(t *testing.T) {
	t.Helper()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	t.Cleanup(func() {
		s.signal(syscall.SIGKILL)
		<-s.done
	})
}

func (s *script) signal(which syscall.Signal) {
	select {
	case <-s.done: // the process id may belong to somebody else by now
	default:
		_ = syscall.Kill(-s.cmd.Process.Pid, which)
	}
}

func (s *script) interrupt() { s.signal(syscall.SIGINT) }

// wait returns how the script ended. It is killed if that takes too long.
func (s *script) wait(limit time.Duration) error {
	select {
	case <-s.done:
		return s.err
	case <-time.After(limit):
		s.signal(syscall.SIGKILL)
		<-s.done
		return fmt.Errorf("still running after %v (%w)", limit, s.err)
	}
}

// eventually polls until ok returns true or half a minute is over.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}
