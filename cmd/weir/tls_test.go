package main

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/tlsfile/tlsfiletest"
)

// TestSelfSignedServer: the section "tls" opens all three listeners with one
// certificate, and the operator is told how to trust it.
func TestSelfSignedServer(t *testing.T) {
	s, log := startVerbose(t, func(s *settings) {
		s.tls.SelfSigned, s.data.Dir = true, filepath.Join(t.TempDir(), "data")
		s.http.TLSListen, s.rtmp().TLSListen, s.rtsp().TLSListen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	})
	file, fingerprint := s.tls.SelfSigned()
	trust := tlsfiletest.Trust(t, file)
	for name, addr := range map[string]net.Addr{"https": s.http.TLSAddr(), "rtmps": s.rtmps, "rtsps": s.rtsps} {
		conn, err := tls.Dial("tcp", addr.String(), trust)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		conn.Close()
	}
	var banner bytes.Buffer
	s.printBanner(&banner)
	_, info := s.rawRequest(t, requestLine("GET", "/api/v1/info", "127.0.0.1", ""))
	for where, text := range map[string]string{"banner": banner.String(), "log": log.String()} {
		if !strings.Contains(text, fingerprint) || !strings.Contains(text, file) {
			t.Errorf("the %s does not tell of the certificate:\n%s", where, text)
		}
	}
	for where, text := range map[string]string{"banner": banner.String(), "log": log.String(), "API": info} {
		if !strings.Contains(text, "the TLS certificate is self-signed") {
			t.Errorf("the %s does not warn:\n%s", where, text)
		}
	}
}

// TestACMEChallengeIsServed: the authority's question reaches the certificates, also
// where everything else needs a credential.
func TestACMEChallengeIsServed(t *testing.T) {
	s := startServer(t, func(s *settings) {
		s.tls.ACMEDomains, s.tls.ACMEDirectory, s.data.Dir = []string{"media.example.org"}, "http://127.0.0.1:1/directory", t.TempDir()
		s.tls.ACMEAcceptTerms = true // of nobody: there is no authority at that address
		s.http.TLSListen, s.rtmp().TLSListen, s.rtsp().TLSListen = "127.0.0.1:0", "off", "off"
	})
	const path = "/.well-known/acme-challenge/token"
	if response, _ := s.rawRequest(t, requestLine("GET", path, "media.example.org", "")); response.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown token: %s", response.Status)
	}
	if response, _ := s.rawRequest(t, requestLine("GET", path, "example.org", "")); response.StatusCode != http.StatusForbidden {
		t.Errorf("another domain: %s", response.Status)
	}
	conn, err := tls.Dial("tcp", s.http.TLSAddr().String(), &tls.Config{ServerName: "media.example.org"})
	if err == nil {
		conn.Close()
		t.Error("there is a certificate already")
	}
}

// TestTLSListenWithoutCertificate: a listener that was asked for and has no
// certificate is a mistake, with its place.
func TestTLSListenWithoutCertificate(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"defaults", "log:\n  level: info\n", ""},
		{"asked for", "rtsp:\n  tls_listen: \":9322\"\n", ":2:3: rtsp.tls_listen: needs certificate and key, of its own or in the section tls"},
		{"off", "http:\n  tls_listen: \"off\"\n", ""},
		{"with the shared one", "rtsp:\n  tls_listen: \":9322\"\ntls:\n  self_signed: true\n", ""},
		{"with its own", "rtmp:\n  tls_listen: \":2936\"\n  certificate: a\n  key: b\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "weir.yaml")
			must(t, os.WriteFile(file, []byte(tt.text), 0o600))
			_, err := (&configFlag{Config: file}).load()
			switch {
			case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.HasSuffix(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestCredentialsOfURLsAreHidden: weir check and GET /config show where services are,
// not how they are entered.
func TestCredentialsOfURLsAreHidden(t *testing.T) {
	s := defaultSettings()
	s.auth.HTTPURL, s.auth.JWKS, s.hooks.URL = "http://u:planted@h/a?planted", "https://planted@h/b", "http://h/c?k=planted"
	report, err := config.Load(config.LoadOptions{Sections: s.sections()})
	must(t, err)
	effective, err := report.Effective()
	must(t, err)
	text := string(effective)
	for _, want := range []string{`http_url: "http://***@h/a?***"`, `jwks: "https://***@h/b"`, `url: "http://h/c?***"`} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s", want)
		}
	}
	if strings.Contains(text, "planted") {
		t.Errorf("it shows a secret:\n%s", text)
	}
}
