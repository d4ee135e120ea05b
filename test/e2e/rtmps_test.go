//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/tlsfile/tlsfiletest"
	"github.com/weirmedia/weir/test/freeport"
)

// startRTMPS starts weir with RTMPS and returns where.
func startRTMPS(t *testing.T) (s *server, address string) {
	t.Helper()
	chain, key := tlsfiletest.Write(t, t.TempDir(), "localhost")
	address = freeport.Address(t)
	return startServer(t, settings{"rtmp.tls_listen": address, "rtmp.certificate": chain, "rtmp.key": key}), address
}

// TestFullRTMPS publishes with ffmpeg and plays with ffmpeg and GStreamer, all
// by RTMPS.
func TestFullRTMPS(t *testing.T) {
	t.Parallel()
	s, address := startRTMPS(t)
	url := "rtmps://" + address + "/live/test"
	startPublish(t, hardClip, url, publishOptions{})
	s.waitLive(t, "live/test")
	requireRun(t, filePackets(t, hardClip.path(t)), readPackets(t, url, 200, 40*time.Second))
	file := filepath.Join(t.TempDir(), "out.flv")
	record(t, file, someSeconds, "gst-launch-1.0", "-e", "rtmp2src", "tls-validation-flags=0", "location="+url, "!",
		"filesink", "buffer-mode=unbuffered", "location="+file)
	requireRecording(t, hardClip, file)
}

// TestFullWrongTransport: TLS to the plain port and plain RTMP to that of RTMPS
// are told apart in the log.
func TestFullWrongTransport(t *testing.T) {
	t.Parallel()
	s, address := startRTMPS(t)
	for url, says := range map[string]string{
		"rtmps://" + s.rtmp + "/live/test": "the peer speaks TLS (RTMPS or HTTPS) on a plain RTMP port",
		"rtmp://" + address + "/live/test": "the peer speaks plain RTMP on the port of RTMPS",
	} {
		start(t, time.Minute, nil, "ffmpeg", "-nostdin", "-v", "error", "-i", url, "-f", "null", "-").mustFail(t)
		eventually(t, 5*time.Second, "the log says that "+says, func() bool { return strings.Contains(s.out.String(), says) })
	}
}

// TestFullDigestHandshake: librtmp, which offers digests if it is to prove that
// it is a certain SWF file, takes weir for Adobe's server.
func TestFullDigestHandshake(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, hardClip, "live/test", publishOptions{})
	file := filepath.Join(t.TempDir(), "out.flv")
	hash := sha256.Sum256([]byte("any file"))
	p := start(t, time.Minute, nil, "rtmpdump", "-V", "-r", s.rtmpURL("live/test"), "-o", file,
		"-w", hex.EncodeToString(hash[:]), "-x", "8")
	eventually(t, 40*time.Second, "rtmpdump records", func() bool {
		info, err := os.Stat(file)
		return err == nil && info.Size() >= someSeconds
	})
	p.signal(syscall.SIGINT)
	_ = p.wait() // interrupted, it fails
	requireContains(t, "rtmpdump", p.out.String(), "Genuine Adobe Flash Media Server")
	requireRecording(t, hardClip, file)
}

// TestFullNginxRTMP lets nginx-rtmp, which offers digests too, push a stream to
// weir and pull one from it.
func TestFullNginxRTMP(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	address := startNginxRTMP(t, fmt.Sprintf(`
		application push { live on; push rtmp://%[1]s/pushed/; }
		application pull { live on; pull rtmp://%[1]s/pushed; }`, s.rtmp))
	startPublish(t, simpleClip, "rtmp://"+address+"/push/test", publishOptions{loop: true})
	s.waitLive(t, "pushed/test")
	published := filePackets(t, simpleClip.path(t))
	// nginx-rtmp moves times, so only the bytes are compared.
	requireSameBytes(t, published, readPackets(t, s.rtmpURL("pushed/test"), 100, 40*time.Second))
	requireSameBytes(t, published, readPackets(t, "rtmp://"+address+"/pull/test", 100, 40*time.Second))
}

// startNginxRTMP starts nginx with its RTMP module and returns its address.
func startNginxRTMP(t *testing.T, applications string) (address string) {
	t.Helper()
	address = freeport.Address(t)
	startNginxRTMPAt(t, address, applications)
	return address
}

// startNginxRTMPAt is startNginxRTMP at an address that is known.
func startNginxRTMPAt(t *testing.T, address, applications string) *process {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
		daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/log;
		events { worker_connections 64; }
		rtmp { server { listen %[2]s; %[3]s } }`, dir, address, applications)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, 15*time.Minute+soakTime(t, 0), nil, "/usr/sbin/nginx", "-p", dir, "-c", config)
}
