//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestQuickReload: SIGHUP makes weir read its file again while clients play, and a file
// with a mistake changes nothing.
func TestQuickReload(t *testing.T) {
	t.Parallel()
	s := startServer(t, settings{"hls.window": "5"})
	file := filepath.Join(s.dir, "weir.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	reload := func(window, logged string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), `window: "5"`, "window: "+window, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		s.signal(syscall.SIGHUP)
		eventually(t, 15*time.Second, logged, func() bool { return strings.Contains(s.out.String(), logged) })
	}
	reload("7", `msg="configuration reloaded" by=SIGHUP changed=hls.window`)
	reload("1", "hls.window: must be 3..100, is 1")
	if got := s.get(t, "api/v1/config"); !strings.Contains(got, "\n  window: 7 ") {
		t.Errorf("in force is\n%s", got)
	}
}
