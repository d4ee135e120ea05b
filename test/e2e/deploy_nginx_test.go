//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/tlsfile/tlsfiletest"
	"github.com/weirmedia/weir/test/freeport"
)

// proxied is weir behind nginx with the configuration that is shipped.
type proxied struct {
	*server
	plain, secure string // host:port of nginx
	token         string
	certificate   string // file
	log           string // file of nginx' access log
}

// startProxied starts both. Only addresses and places of files are others than those
// that are shipped.
func startProxied(t *testing.T) *proxied {
	t.Helper()
	dir := t.TempDir()
	p := &proxied{plain: freeport.Address(t), secure: freeport.Address(t), log: filepath.Join(dir, "access.log")}
	var key string
	p.certificate, key = tlsfiletest.Write(t, dir, "127.0.0.1")
	token := filepath.Join(dir, "token")
	p.server = startServer(t, settings{
		"http.trusted_proxies": "[127.0.0.1]", "auth.loopback": "false", "auth.token_file": token, "webrtc.listen": "127.0.0.1:0",
	})
	p.token = strings.TrimSpace(readFile(t, token))

	places := strings.NewReplacer("listen [::]:", "# ", "listen 80;", "listen "+p.plain+";", "listen 443 ", "listen "+p.secure+" ",
		"/etc/nginx/tls/cert.pem", p.certificate, "/etc/nginx/tls/key.pem", key, "/var/log/nginx/access.log", p.log, "127.0.0.1:8080", p.http)
	for _, file := range []string{"weir.conf", "upstream.conf"} {
		text := places.Replace(readFile(t, filepath.Join("../../deploy/nginx", file)))
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr; events { worker_connections 256; }
http { client_body_temp_path %[1]s/1; proxy_temp_path %[1]s/2; fastcgi_temp_path %[1]s/3; uwsgi_temp_path %[1]s/4; scgi_temp_path %[1]s/5;
include %[1]s/upstream.conf; include %[1]s/weir.conf; }`, dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, time.Minute, nil, "/usr/sbin/nginx", "-t", "-p", dir, "-c", config).mustSucceed(t)
	start(t, 5*time.Minute, nil, "/usr/sbin/nginx", "-p", dir, "-c", config)
	eventually(t, 20*time.Second, "nginx passes on", func() bool { return p.curl(t, "/readyz").status == http.StatusOK })
	return p
}

// viaCurl is what curl got.
type viaCurl struct {
	status int
	body   string
}

// curl asks nginx for a path.
func (p *proxied) curl(t *testing.T, path string, args ...string) viaCurl {
	t.Helper()
	c := start(t, time.Minute, nil, "curl", join([]string{"-s", "--cacert", p.certificate, "-w", "\n%{http_code}"}, args, []string{"https://" + p.secure + path})...)
	_ = c.wait() // the status tells
	out := c.out.String()
	end := strings.LastIndexByte(out, '\n')
	var got viaCurl
	if end >= 0 {
		got.body = out[:end]
		_, _ = fmt.Sscan(out[end:], &got.status)
	}
	return got
}

// authorised is curl with the token.
func (p *proxied) authorised(t *testing.T, path string) viaCurl {
	t.Helper()
	return p.curl(t, path, "-H", "Authorization: Bearer "+p.token)
}

// weir runs a command of the program that trusts nginx' certificate.
func (p *proxied) weir(t *testing.T, args ...string) *process {
	t.Helper()
	return start(t, time.Minute, func(c *exec.Cmd) { c.Env = append(os.Environ(), "SSL_CERT_FILE="+p.certificate) }, weirBinary(t), args...)
}

// sessions returns who is there, by what a session tells of itself.
func (p *proxied) sessions(t *testing.T) (remotes []string) {
	t.Helper()
	var list struct {
		Sessions []struct{ Protocol, Action, Remote string }
	}
	if err := json.Unmarshal([]byte(p.authorised(t, "/api/v1/sessions").body), &list); err != nil {
		t.Fatal(err)
	}
	for _, s := range list.Sessions {
		remotes = append(remotes, s.Protocol+" "+s.Action+" "+s.Remote)
	}
	return remotes
}

// TestFullNginx: everything that is HTTP goes through nginx, with the addresses of
// clients, and nginx opens nothing that is closed.
func TestFullNginx(t *testing.T) {
	t.Parallel()
	p := startProxied(t)
	startPublish(t, simpleClip, p.rtmpURL("live/test"), publishOptions{loop: true})
	eventually(t, 20*time.Second, "live/test is published", func() bool {
		return strings.Contains(p.authorised(t, "/api/v1/streams").body, `"live/test"`)
	})
	https := "https://" + p.secure

	t.Run("plain HTTP", func(t *testing.T) {
		requireHeaders(t, fetch(t, http.MethodGet, "http://"+p.plain+"/live/test.flv?a=b"), http.StatusPermanentRedirect,
			"Location", "https://127.0.0.1/live/test.flv?a=b")
	})
	t.Run("ffmpeg", func(t *testing.T) {
		trusting := func(t *testing.T, limit time.Duration, setup func(*exec.Cmd), name string, args ...string) *process {
			if name == "ffmpeg" {
				args = join([]string{"-tls_verify", "1", "-ca_file", p.certificate}, args)
			}
			return start(t, limit, setup, name, args...)
		}
		published := filePackets(t, simpleClip.path(t))
		requireRun(t, published, readAsFLV(t, trusting, https+"/live/test.flv", nil, 100))
	})
	for _, address := range []string{
		"https://{}/live/test.flv", "wss://{}/live/test.flv", "https://{}/live/test.ts", "wss://{}/live/test.mp4",
		"https://{}/live/test/index.m3u8", "https://{}/live/test/whep",
	} {
		address = strings.ReplaceAll(address, "{}", p.secure)
		t.Run(address[strings.LastIndexByte(address, '/')+1:], func(t *testing.T) {
			p.weir(t, "bench", "play", address, "-n", "2", "--duration", "5s").mustSucceed(t)
		})
	}
	t.Run("WHIP", func(t *testing.T) { p.publishWHIP(t) })
	t.Run("API", func(t *testing.T) { p.checkAPI(t) })
	t.Run("addresses", func(t *testing.T) { p.checkAddresses(t) })
	t.Run("log", func(t *testing.T) {
		if text := readFile(t, p.log); strings.Contains(text, p.token) || strings.Contains(text, "secret") || !strings.Contains(text, "GET /live/test.flv") {
			t.Errorf("the log holds what clients sent to prove themselves, or nothing:\n%s", tail(text, 2000))
		}
	})
}

// publishWHIP publishes through nginx with GStreamer, which takes its leave with DELETE.
func (p *proxied) publishWHIP(t *testing.T) {
	trusting := func(c *exec.Cmd) { c.Env = append(os.Environ(), "SSL_CERT_FILE="+p.certificate) }
	publisher := start(t, time.Minute, trusting, "/usr/bin/python3", "testdata/webrtcbin.py", "https://"+p.secure+"/live/cam/whip",
		"webrtcbin name=webrtc bundle-policy=max-bundle filesrc location="+simpleClip.path(t)+" ! flvdemux name=d"+
			" d.video ! h264parse ! queue ! clocksync ! rtph264pay pt=96 config-interval=-1 ! application/x-rtp,media=video,encoding-name=H264,payload=96 ! webrtc.")
	eventually(t, 30*time.Second, "a publisher by WHIP", func() bool {
		return strings.Contains(strings.Join(p.sessions(t), ","), "webrtc publish 127.0.0.1")
	})
	p.weir(t, "bench", "play", "https://"+p.secure+"/live/cam.flv", "-n", "1", "--duration", "4s").mustSucceed(t)
	publisher.signal(syscall.SIGINT)
	eventually(t, 20*time.Second, "the publisher has taken its leave", func() bool {
		return strings.Contains(p.authorised(t, "/metrics").body, `weir_sessions_closed_total{action="publish",protocol="webrtc",reason="unpublished"} 1`)
	})
}

// checkAPI: with the token it answers, and its events come at once.
func (p *proxied) checkAPI(t *testing.T) {
	for _, path := range []string{"/api/v1/info", "/metrics", "/debug/pprof/"} {
		for _, client := range [][]string{nil, {"-H", "Host: 127.0.0.1"}, {"-H", "X-Forwarded-For: 127.0.0.1"}, {"--http1.1", "-H", "Host: localhost"}, {"--http1.0"}} {
			if got := p.curl(t, path, client...); got.status != http.StatusUnauthorized {
				t.Errorf("%s %q: %d without the token", path, client, got.status)
			}
		}
		if got := p.authorised(t, path); got.status != http.StatusOK {
			t.Errorf("%s: %d with the token", path, got.status)
		}
	}
	if got := p.curl(t, "/"); got.status != http.StatusOK || !strings.Contains(got.body, "<html") {
		t.Errorf("the console: %d", got.status)
	}
	events := p.weir(t, "events", "--server", "https://"+p.secure, "--token", p.token)
	eventually(t, 20*time.Second, "an event", func() bool {
		p.curl(t, "/live/test.flv?token=secret", "--max-time", "1", "-o", os.DevNull)
		return strings.Contains(events.out.String(), "session.opened")
	})
}

// checkAddresses: weir sees the client's address, whatever that claims, and hears of it
// when the client leaves.
func (p *proxied) checkAddresses(t *testing.T) {
	const client = "127.0.0.2"
	c := start(t, time.Minute, nil, "curl", "-s", "--cacert", p.certificate, "--interface", client, "-H", "X-Forwarded-For: 203.0.113.9",
		"-o", os.DevNull, "https://"+p.secure+"/live/test.flv")
	there := func() bool {
		return strings.Contains(strings.Join(p.sessions(t), ",")+",", "httpflv play "+client)
	}
	eventually(t, 20*time.Second, "the viewer is seen with its address", there)
	c.kill()
	eventually(t, 20*time.Second, "the viewer is gone", func() bool { return !there() })
}
