package rtmp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/tlsfile/tlsfiletest"
	"github.com/weirmedia/weir/protocols/rtmp/message"
)

// trusting takes the certificates of tests, which nobody has signed.
var trusting = &tls.Config{InsecureSkipVerify: true}

// startRTMPS starts a server with both listeners.
func startRTMPS(t testing.TB) *testServer {
	t.Helper()
	chain, key := tlsfiletest.Write(t, t.TempDir(), "test")
	return startServer(t, func(c *Config) { c.TLSListen, c.Certificate, c.Key = "127.0.0.1:0", chain, key })
}

func (s *testServer) tlsURL(name string) string {
	return "rtmps://" + s.TLSAddr().String() + "/" + name
}

// TestRTMPS: published by TLS, played by TLS and without.
func TestRTMPS(t *testing.T) {
	s := startRTMPS(t)
	publisher, err := Publish(testContext(t), s.tlsURL("live/test"), ClientOptions{TLS: trusting})
	if err != nil {
		t.Fatal(err)
	}
	player, err := Play(testContext(t), s.tlsURL("live/test"), ClientOptions{TLS: trusting})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = player.Close() })
	want := gop(0, 20)
	writeTags(t, publisher, sequenceHeaders(t, 0)...)
	writeTags(t, publisher, want...)
	for name, p := range map[string]*PlayClient{"tls": player, "plain": s.play(t, "live/test")} {
		if err := p.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		_, got := frames(t, p, len(want))
		wantTags(t, name, got, want)
	}
	transports := map[string]int{}
	for _, snapshot := range s.host.Sessions.List() {
		transports[string(snapshot.Action)+" "+snapshot.Transport]++
	}
	if transports["publish tls"] != 1 || transports["play tls"] != 1 || transports["play tcp"] != 1 {
		t.Errorf("sessions: %v", transports)
	}
	if err := publisher.Close(); err != nil {
		t.Error(err)
	}
}

// TestRTMPSRefusal: the status that ends a session arrives, over TLS too.
func TestRTMPSRefusal(t *testing.T) {
	s := startRTMPS(t)
	s.publishMedia(t, "live/test")
	_, err := Publish(testContext(t), s.tlsURL("live/test?other=1"), ClientOptions{TLS: trusting})
	wantStatus(t, err, message.CodePublishBadName)
}

func TestUntrustedCertificate(t *testing.T) {
	s := startRTMPS(t)
	_, err := Publish(testContext(t), s.tlsURL("live/test"), ClientOptions{})
	var untrusted *tls.CertificateVerificationError
	if !errors.As(err, &untrusted) {
		t.Errorf("got %v", err)
	}
}

// TestWrongTransport: peers that speak something else are told apart.
func TestWrongTransport(t *testing.T) {
	hello := append([]byte{3}, make([]byte, 1536)...)
	for _, c := range []struct {
		name string
		tls  bool
		send func(net.Conn) error
		says string
	}{
		{"plain RTMP to the TLS port", true, func(c net.Conn) error { _, err := c.Write(hello); return err },
			"the peer speaks plain RTMP on the port of RTMPS"},
		{"HTTP to the TLS port", true, func(c net.Conn) error { _, err := io.WriteString(c, "GET / HTTP/1.1\r\n\r\n"); return err },
			"the peer speaks HTTP"},
		{"noise to the TLS port", true, func(c net.Conn) error { _, err := c.Write(bytes.Repeat([]byte{0xFF}, 10)); return err },
			"unknown protocol"},
		{"HTTPS to the TLS port", true, func(c net.Conn) error {
			_, err := io.WriteString(tls.Client(c, trusting), "GET / HTTP/1.1\r\n\r\n")
			return err
		}, "the peer speaks HTTP"},
		{"old TLS", true, func(c net.Conn) error {
			_ = tls.Client(c, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}).Handshake()
			return nil
		}, "unsupported versions"},
		{"TLS to the plain port", false, func(c net.Conn) error {
			_ = tls.Client(c, trusting).Handshake()
			return nil
		}, "the peer speaks TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startRTMPS(t)
			log := &logBuffer{lines: make(chan string, 16)}
			s.host.Sessions = session.NewRegistry(session.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
			address := s.Addr()
			if c.tls {
				address = s.TLSAddr()
			}
			conn, err := net.Dial("tcp", address.String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := c.send(conn); err != nil {
				t.Fatal(err)
			}
			if line := log.next(t); !strings.Contains(line, c.says) || !strings.Contains(line, "bad_handshake") {
				t.Errorf("the log says %q, not %q", line, c.says)
			}
		})
	}
}

// TestNothingSentByTLS: health checks that only connect are not reported.
func TestNothingSentByTLS(t *testing.T) {
	s := startRTMPS(t)
	log := &logBuffer{lines: make(chan string, 16)}
	s.host.Sessions = session.NewRegistry(session.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	for _, send := range []string{"", "\x03RTMP"} { // the second is reported
		conn, err := net.Dial("tcp", s.TLSAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, send)
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn) // until the server has closed
		conn.Close()
	}
	if line := log.next(t); !strings.Contains(line, "0x03") {
		t.Errorf("the first line of the log is %q", line)
	}
}

// logBuffer passes lines of a log on.
type logBuffer struct{ lines chan string }

func (b *logBuffer) Write(p []byte) (int, error) {
	b.lines <- string(p)
	return len(p), nil
}

func (b *logBuffer) next(t testing.TB) string {
	t.Helper()
	select {
	case line := <-b.lines:
		return line
	case <-time.After(patience):
		t.Fatal("nothing in the log")
		return ""
	}
}

func TestTLSConfig(t *testing.T) {
	chain, key := tlsfiletest.Write(t, t.TempDir(), "test")
	for _, c := range []struct {
		name      string
		configure func(*Config)
		want      string
	}{
		{"no TLS", func(*Config) {}, ""},
		{"both files", func(c *Config) { c.Certificate, c.Key = chain, key }, ""},
		{"no key", func(c *Config) { c.Certificate = chain }, "certificate: needs both"},
		{"no certificate", func(c *Config) { c.Key = key }, "certificate: needs both"},
		{"off", func(c *Config) { c.TLSListen = "off" }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := New().(*Config)
			c.configure(config)
			switch err := config.Validate(); {
			case err == nil && c.want != "", err != nil && (c.want == "" || !strings.HasPrefix(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestWithoutCertificate(t *testing.T) {
	if a := startServer(t, nil).TLSAddr(); a != nil {
		t.Errorf("without a certificate, TLS listens on %v", a)
	}
	s := startServer(t, func(c *Config) { c.Listen = "off" })
	if s.Addr() != nil {
		t.Error("it listens though it is off")
	}
	config := *s.config
	config.Certificate, config.Key = "missing.pem", "missing.pem"
	_, err := config.Start(startServer(t, nil).host)
	if err == nil {
		t.Fatal("started without its certificate")
	}
}

// TestShutdownWithTLS: a connection that has not said anything does not hold
// the server up.
func TestShutdownWithTLS(t *testing.T) {
	s := startRTMPS(t)
	conn, err := net.Dial("tcp", s.TLSAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	eventually(t, "the connection is accepted", func() bool { return s.tls.Open() == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}
