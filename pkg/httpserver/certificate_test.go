package httpserver_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/tlsfile/tlsfiletest"
)

func withTLS(dir string) *httpserver.Config {
	c := httpserver.NewConfig()
	c.TLSListen = "127.0.0.1:0"
	c.Certificate, c.Key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	return c
}

func TestHTTP2(t *testing.T) {
	dir := t.TempDir()
	tlsfiletest.Write(t, dir, "a")
	s := start(t, httpserver.Options{Config: withTLS(dir)}, func(s *httpserver.Server) {
		s.HandleSuffix(".flv", sayStream("flv"))
	})
	answer, err := client(t, &tls.Config{InsecureSkipVerify: true}).Get("https://" + s.TLSAddr().String() + "/live/test.flv")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.ProtoMajor != 2 {
		t.Errorf("%s %s", answer.Proto, answer.Status)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestCertificateMissing(t *testing.T) {
	c := withTLS(t.TempDir())
	c.Listen = "127.0.0.1:0"
	err := httpserver.New(httpserver.Options{Config: c}).Start()
	if err == nil || !strings.HasPrefix(err.Error(), "http.certificate: ") || !strings.Contains(err.Error(), "cert.pem") {
		t.Error(err)
	}
}
