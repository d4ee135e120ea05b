//go:build e2e

package e2e

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFullOverload pushes a server past limits that only a process of its own has: file
// descriptors and the time of its delivery loops. New viewers are refused and told why,
// those that are there go on, publishers come in for longer, and with room again
// viewers do too.
func TestFullOverload(t *testing.T) {
	t.Parallel()
	t.Run("descriptors", func(t *testing.T) {
		t.Parallel()
		const most = 400
		s := startServer(t, settings{"limits.max_waiting": "999"})
		if err := unix.Prlimit(s.cmd.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: most, Max: most}, nil); err != nil {
			t.Fatal(err)
		}
		s.reconfigure(t, `max_waiting: "999"`, `max_waiting: "998"`) // it looks at its limits again
		s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
		var crowd []*http.Response
		for range 3 * most / 4 {
			crowd = append(crowd, s.view(t))
		}
		eventually(t, time.Minute, "viewers are refused", func() bool {
			time.Sleep(50 * time.Millisecond) // it looks once a second, and one in ten is left then
			response := s.view(t)
			if response.StatusCode == http.StatusOK {
				crowd = append(crowd, response)
				return false
			}
			requireContains(t, "the refusal", body(t, response), "overloaded", "of its file descriptors is in use")
			return true
		})
		if n := len(crowd); n < 3*most/4 || n >= most {
			t.Errorf("%d viewers came in with %d descriptors", n, most)
		}
		s.publish(t, simpleClip, "live/second", publishOptions{loop: true})
		requireContains(t, "the API", s.get(t, "api/v1/info"), "overloaded, new viewers are refused")
		for _, response := range crowd { // they go on
			if _, err := io.ReadFull(response.Body, make([]byte, 64<<10)); err != nil {
				t.Errorf("a viewer who was there: %v", err)
			}
		}
		for _, response := range crowd[:len(crowd)/2] {
			response.Body.Close()
		}
		s.comesIn(t)
	})
	t.Run("delivery", func(t *testing.T) {
		t.Parallel()
		s := startServer(t, settings{"limits.max_load": "1"})
		s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
		crowd := start(t, time.Minute, nil, weirBinary(t), "bench", "play", s.httpURL("live/test.flv"), "-n", "300", "--duration", "50s")
		eventually(t, time.Minute, "viewers are refused", func() bool {
			response := s.view(t)
			if response.StatusCode == http.StatusOK {
				response.Body.Close()
				return false
			}
			requireContains(t, "the refusal", body(t, response), "overloaded", "of its time for delivery is in use")
			return true
		})
		crowd.signal(syscall.SIGINT)
		s.comesIn(t)
	})
}

// reconfigure changes a line of the server's file and has it read that.
func (s *server) reconfigure(t *testing.T, from, to string) {
	t.Helper()
	file := filepath.Join(s.dir, "weir.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), from) {
		t.Fatalf("%q is not in\n%s", from, text)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGHUP)
	eventually(t, 15*time.Second, "it is read", func() bool { return strings.Contains(s.out.String(), "by=SIGHUP") })
}

// view begins to play live/test by HTTP-FLV.
func (s *server) view(t *testing.T) *http.Response {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(s.httpURL("live/test.flv"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

// comesIn waits until a viewer does.
func (s *server) comesIn(t *testing.T) {
	t.Helper()
	eventually(t, time.Minute, "a viewer comes in again", func() bool {
		response := s.view(t)
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

func body(t *testing.T, response *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
