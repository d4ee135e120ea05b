//go:build e2e

package docs

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/weirmedia/weir/test/freeport"
)

// TestFullRewrites: nginx, with the lines that docs/migrating.md has for it, finds
// streams at the addresses of other servers and leaves weir's own alone.
func TestFullRewrites(t *testing.T) {
	base := startRewriting(t)
	for from, to := range map[string]string{
		"/live/test.live.flv":                       "/live/test.flv?",
		"/live/test.live.mp4?token=x":               "/live/test.mp4?token=x",
		"/live/test/hls.m3u8?token=x":               "/live/test/index.m3u8?format=ts&token=x",
		"/live/test/hls.fmp4.m3u8":                  "/live/test/index.m3u8?",
		"/live/test.m3u8":                           "/live/test/index.m3u8?",
		"/live/test/index.m3u8":                     "/live/test/index.m3u8?",
		"/live/test/~hls/a/media.m3u8":              "/live/test/~hls/a/media.m3u8?",
		"/live/test.flv":                            "/live/test.flv?",
		"/api/v1/recordings/playlist.m3u8?stream=a": "/api/v1/recordings/playlist.m3u8?stream=a",
	} {
		t.Run(from, func(t *testing.T) {
			resp, err := http.Get(base + from)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			if err != nil || string(got) != to {
				t.Errorf("it leads to %q (%v), want %q", got, err, to)
			}
		})
	}
}

// startRewriting starts an nginx that answers with the address to which a request
// was rewritten, and returns its own.
func startRewriting(t *testing.T) string {
	t.Helper()
	var rules string
	for _, b := range readDocument(t, "docs/migrating.md").blocks {
		if b.language == "nginx" {
			rules += b.text
		}
	}
	if !strings.Contains(rules, "rewrite") {
		t.Fatal("docs/migrating.md rewrites nothing")
	}
	dir, address := t.TempDir(), freeport.Address(t)
	config := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/log;
		events { worker_connections 64; }
		http {
			access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
			fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
			server { listen %[2]s; %[3]s
				location / { return 200 "$uri?$args"; }
			}
		}`, dir, address, rules)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	nginx := &script{cmd: exec.Command("/usr/sbin/nginx", "-c", config), out: &output{}, done: make(chan struct{})}
	nginx.cmd.Stdout, nginx.cmd.Stderr = nginx.out, nginx.out
	nginx.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as signal ends it
	nginx.start(t)
	base := "http://" + address
	eventually(t, "nginx", func() bool {
		resp, err := http.Get(base)
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	})
	return base
}
