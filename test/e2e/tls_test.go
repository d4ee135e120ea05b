//go:build e2e

package e2e

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/test/freeport"
)

// TestFullSelfSigned: clients that are told to trust the certificate that weir made
// publish and play, and those that are not refuse it.
func TestFullSelfSigned(t *testing.T) {
	t.Parallel()
	https, rtmps := freeport.Address(t), freeport.Address(t)
	s := startServer(t, settings{
		"tls.self_signed": "true", "http.tls_listen": https, "rtmp.tls_listen": rtmps, "rtsp.tls_listen": "off",
	})
	file := filepath.Join(s.dir, "data", "certificates", "self-signed.pem")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(certificate.Raw)
	requireContains(t, "what weir prints", s.out.String(), strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":"))

	url := "https://" + https + "/healthz"
	start(t, time.Minute, nil, "curl", "--fail", "--cacert", file, url).mustSucceed(t)
	start(t, time.Minute, nil, "curl", "--fail", url).mustFail(t)

	trust := []string{"-v", "error", "-tls_verify", "1", "-ca_file", file}
	stream := "rtmps://" + rtmps + "/live/test"
	start(t, 5*time.Minute, nil, "ffmpeg", append([]string{"-nostdin", "-re", "-stream_loop", "-1", "-i", hardClip.path(t), "-c", "copy", "-f", "flv"}, append(trust, stream)...)...)
	s.waitLive(t, "live/test")
	start(t, time.Minute, nil, "ffprobe", append(trust, stream)...).mustSucceed(t)
	start(t, time.Minute, nil, "ffprobe", append(trust, "https://"+https+"/live/test.flv")...).mustSucceed(t)
	start(t, time.Minute, nil, "ffprobe", "-v", "error", "-tls_verify", "1", stream).mustFail(t)

	key := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	page := openPage(t, "https://"+https+"/", "--ignore-certificate-errors-spki-list="+base64.StdEncoding.EncodeToString(key[:]))
	page.eventually(t, 20*time.Second, "Chromium has the page", `location.protocol === "https:" && isSecureContext && document.body !== null && document.title.includes("weir")`)
}

// TestFullNginxDefault: nginx as it comes, which says nothing about its clients, does
// not open API, metrics and profiles to them; what is public it passes on.
func TestFullNginxDefault(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	dir, address := t.TempDir(), freeport.Address(t)
	config := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr; events { worker_connections 64; }
http { access_log off; client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
server { listen %[2]s; location / { proxy_pass http://%[3]s; } } }`, dir, address, s.http)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, 3*time.Minute, nil, "/usr/sbin/nginx", "-p", dir, "-c", config)
	status := func(path string) string {
		p := start(t, time.Minute, nil, "curl", "-s", "-o", filepath.Join(dir, "answer"), "-w", "status=%{http_code}", "http://"+address+path)
		_ = p.wait() // its output tells
		return p.out.String()
	}
	eventually(t, 20*time.Second, "nginx passes on", func() bool { return strings.Contains(status("/healthz"), "status=200") })
	for _, path := range []string{"/api/v1/info", "/api/v1/config", "/metrics", "/debug/pprof/"} {
		if got := status(path); !strings.Contains(got, "status=401") {
			t.Errorf("%s: %s", path, got)
		}
	}
}
