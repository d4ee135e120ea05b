package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/weirmedia/weir/pkg/config"
)

// runHealth parses and runs "weir health" with args.
func runHealth(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	parser, err := kong.New(&struct {
		Health healthCommand `cmd:""`
	}{})
	if err != nil {
		t.Fatal(err)
	}
	context, err := parser.Parse(append([]string{"health"}, args...))
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = context.Run(&console{out: &b, err: io.Discard})
	return b.String(), err
}

// TestHealth: the command follows the server's own state, by its configuration and by
// a URL, over plain HTTP and over TLS.
func TestHealth(t *testing.T) {
	t.Chdir(t.TempDir())
	s := startServer(t, func(s *settings) {
		s.tls.SelfSigned, s.data.Dir, s.http.TLSListen = true, filepath.Join(t.TempDir(), "data"), "127.0.0.1:0"
		s.rtmp().TLSListen, s.rtsp().TLSListen = "off", "off"
	})
	plain, secure := s.http.Addr().String(), s.http.TLSAddr().String()
	t.Setenv("WEIR_TLS_SELF_SIGNED", "true")
	ways := []struct {
		name, listen, tls string
		args              []string
	}{
		{"by its configuration", plain, secure, nil},
		{"by its configuration, TLS only", "off", secure, nil},
		{"by a URL", "", "", []string{"http://" + plain}},
		{"by the URL of a page", "", "", []string{"http://" + plain + "/readyz"}},
	}
	for _, ready := range []bool{true, false} {
		s.ready.Store(ready)
		for _, way := range ways {
			t.Setenv("WEIR_HTTP_LISTEN", way.listen)
			t.Setenv("WEIR_HTTP_TLS_LISTEN", way.tls)
			out, err := runHealth(t, way.args...)
			if ready && (err != nil || out != "ready\n") {
				t.Errorf("%s: %q, %v", way.name, out, err)
			}
			if !ready && (exitStatus(err) != 1 || !strings.Contains(err.Error(), "503")) {
				t.Errorf("%s, not ready: %v", way.name, err)
			}
		}
	}
	if out, err := runHealth(t, "http://"+plain+"/healthz"); err != nil {
		t.Errorf("another page: %q, %v", out, err)
	}
	if out, err := runHealth(t, "https://"+secure); exitStatus(err) != 1 {
		t.Errorf("a certificate that nobody trusts: %q, %v", out, err)
	}
}

// TestHealthDespiteMistakes: what was written into the configuration since the server
// began says nothing about the server: it must not be taken for ill and restarted.
func TestHealthDespiteMistakes(t *testing.T) {
	t.Chdir(t.TempDir())
	s := startServer(t, nil)
	t.Setenv("WEIR_HTTP_LISTEN", s.http.Addr().String())
	for _, text := range []string{"rtmp: {lisen: off}", "rtmp: {listen: [}", "http: {max_connections: 0}"} {
		must(t, os.WriteFile(defaultFile, []byte(text), 0o600))
		if out, err := runHealth(t); err != nil || out != "ready\n" {
			t.Errorf("%s: %q, %v", text, out, err)
		}
	}
}

// TestHealthFails: whatever else may be there or not.
func TestHealthFails(t *testing.T) {
	t.Chdir(t.TempDir())
	elsewhere := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound))
	t.Cleanup(elsewhere.Close)
	deaf, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deaf.Close() })
	for _, test := range []struct {
		name, listen string
		status       int
		args         []string
	}{
		{"nobody listens", "", 1, []string{"http://127.0.0.1:1"}},
		{"another server", "", 1, []string{elsewhere.URL}},
		{"no answer", "", 1, []string{"http://" + deaf.Addr().String(), "--timeout", "50ms"}},
		{"nothing to ask", "off", 1, nil},
		{"a configuration that is wrong", "nonsense", 1, nil},
		{"no URL of HTTP", "", exitUsage, []string{"rtmp://127.0.0.1"}},
		{"no host", "", exitUsage, []string{"http://"}},
		{"no time", "", exitUsage, []string{"--timeout", "0s"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("WEIR_HTTP_LISTEN", test.listen)
			t.Setenv("WEIR_HTTP_TLS_LISTEN", test.listen)
			before := time.Now()
			if out, err := runHealth(t, test.args...); err == nil || exitStatus(err) != test.status {
				t.Errorf("%q, %v, status %d; want %d", out, err, exitStatus(err), test.status)
			}
			if time.Since(before) > patience {
				t.Error("it did not give up")
			}
		})
	}
}

func TestLocal(t *testing.T) {
	for listen, want := range map[config.Listen]string{
		":8080": "127.0.0.1:8080", "0.0.0.0:80": "127.0.0.1:80", "[::]:80": "127.0.0.1:80", "[::1]:80": "[::1]:80",
		"192.0.2.1:81": "192.0.2.1:81", "localhost:82": "localhost:82",
	} {
		if got := local(listen); got != want {
			t.Errorf("%s is reached by %s, want %s", listen, got, want)
		}
	}
}
