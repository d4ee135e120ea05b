package httpserver_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/listen"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

func TestMain(m *testing.M) {
	// net/http lingers half a second after it has refused a request, so that
	// the peer can read why.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// start runs a server on a free port; o may bring a configuration, and
// routes fills in what it serves.
func start(t *testing.T, o httpserver.Options, routes func(*httpserver.Server)) *httpserver.Server {
	t.Helper()
	if o.Config == nil {
		o.Config = httpserver.NewConfig()
	}
	o.Config.Listen = "127.0.0.1:0"
	if err := o.Config.Validate(); err != nil {
		t.Fatal(err)
	}
	s := httpserver.New(o)
	routes(s)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Shutdown(ctx) // cut off what a failed test left open
	})
	return s
}

func client(t *testing.T, c *tls.Config) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestHijackCountsUntilClose(t *testing.T) {
	sessions := session.NewRegistry(session.Options{})
	c := httpserver.NewConfig()
	c.MaxConnections = 1
	hijacked := make(chan net.Conn, 1)
	s := start(t, httpserver.Options{Config: c, Sessions: sessions}, func(s *httpserver.Server) {
		s.HandleSuffix(".flv", func(w http.ResponseWriter, _ *http.Request, stream string) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%s", stream)
			hijacked <- conn
		})
	})
	peer, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	_, _ = io.WriteString(peer, "GET /live/test.flv HTTP/1.0\r\n\r\n")
	conn := <-hijacked
	if _, ok := conn.(*listen.Conn); !ok {
		t.Errorf("the handler got a %T", conn)
	}
	if s.Connections() != 1 {
		t.Errorf("%d connections are open", s.Connections())
	}
	answer, err := client(t, nil).Get("http://" + s.Addr().String() + "/live/test.flv")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a second connection got %s", answer.Status)
	}
	refusals := sessions.Totals().Refusals
	if len(refusals) != 1 || refusals[0].Protocol != "http" || refusals[0].Reason != reason.LimitReached {
		t.Errorf("refusals: %v", refusals)
	}
	conn.Close()
	if body, _ := io.ReadAll(peer); !strings.HasSuffix(string(body), "\r\n\r\nlive/test") {
		t.Errorf("the first peer read %q", body)
	}
	eventuallyOpen(t, s, 0)
	if answer, err = client(t, nil).Get("http://" + s.Addr().String() + "/"); err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("with room for it, a connection got %s", answer.Status)
	}
}

// eventuallyOpen waits until so many connections are open.
func eventuallyOpen(t *testing.T, s *httpserver.Server, want int) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); s.Connections() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%d connections are open, want %d", s.Connections(), want)
		}
	}
}

func TestPortInUse(t *testing.T) {
	first := start(t, httpserver.Options{}, func(*httpserver.Server) {})
	c := httpserver.NewConfig()
	c.Listen = config.Listen(first.Addr().String())
	err := httpserver.New(httpserver.Options{Config: c}).Start()
	var e *listen.Error
	if !errors.As(err, &e) || e.Key != "http.listen" {
		t.Errorf("error %v", err)
	}
}

func TestOff(t *testing.T) {
	c := httpserver.NewConfig()
	c.Listen = "off"
	s := httpserver.New(httpserver.Options{Config: c})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if s.Addr() != nil || s.TLSAddr() != nil || s.Connections() != 0 {
		t.Errorf("listens on %v, %v", s.Addr(), s.TLSAddr())
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestSlowHeader: a peer that never ends its header is sent away.
func TestSlowHeader(t *testing.T) {
	c := httpserver.NewConfig()
	c.HeaderTimeout = config.Duration(50 * time.Millisecond)
	s := start(t, httpserver.Options{Config: c}, func(*httpserver.Server) {})
	peer, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	_, _ = io.WriteString(peer, "GET / HTTP/1.1\r\nHost: x\r\n")
	if _, err := io.ReadAll(peer); err != nil { // ends when the server closes
		t.Error(err)
	}
}

func TestHugeHeader(t *testing.T) {
	s := start(t, httpserver.Options{}, func(*httpserver.Server) {})
	peer, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	go func() { // the server stops reading at some point
		_, _ = io.WriteString(peer, "GET / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
	}()
	line, err := bufio.NewReader(peer).ReadString('\n')
	if err != nil || !strings.Contains(line, " 431 ") {
		t.Errorf("%q, %v", line, err)
	}
}

func TestPanicIsContained(t *testing.T) {
	var log bytes.Buffer
	s := start(t, httpserver.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, func(s *httpserver.Server) {
		s.Handle("/", say("home"))
		s.Handle("/bad", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") }))
	})
	c := client(t, nil)
	if answer, err := c.Get("http://" + s.Addr().String() + "/bad"); err == nil {
		answer.Body.Close()
		t.Errorf("a panic was answered with %s", answer.Status)
	}
	answer, err := c.Get("http://" + s.Addr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if err := s.Shutdown(context.Background()); err != nil { // after it nobody writes to log
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "broken"); n != 1 {
		t.Errorf("the panic is in the log %d times: %s", n, &log)
	}
}

// TestShutdown: a request under way is answered, one that does not end is
// cut off.
func TestShutdown(t *testing.T) {
	for _, c := range []struct {
		name string
		ends bool
	}{{"the request ends", true}, {"the request does not end", false}} {
		t.Run(c.name, func(t *testing.T) {
			entered, leave := make(chan struct{}), make(chan struct{})
			s := start(t, httpserver.Options{}, func(s *httpserver.Server) {
				s.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					close(entered)
					select {
					case <-leave:
						_, _ = io.WriteString(w, "done")
					case <-r.Context().Done():
					}
				}))
			})
			got := make(chan string, 1)
			peer := client(t, nil)
			go func() {
				answer, err := peer.Get("http://" + s.Addr().String() + "/")
				if err != nil {
					got <- "cut off"
					return
				}
				body, _ := io.ReadAll(answer.Body)
				answer.Body.Close()
				got <- string(body)
			}()
			<-entered
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			want := "cut off"
			if c.ends {
				close(leave)
				want = "done"
			} else {
				cancel()
			}
			if err := s.Shutdown(ctx); (err == nil) != c.ends {
				t.Error(err)
			}
			if g := <-got; g != want {
				t.Errorf("the peer saw %q, want %q", g, want)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	if err := httpserver.NewConfig().Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for _, c := range []struct {
		name   string
		change func(*httpserver.Config)
		want   string
	}{
		{"certificate without key", func(c *httpserver.Config) { c.Certificate = "c.pem" }, "certificate: needs both certificate and key"},
		{"no connections", func(c *httpserver.Config) { c.MaxConnections = 0 }, "max_connections: must be at least 1, is 0"},
		{"no time", func(c *httpserver.Config) { c.HeaderTimeout = 0 }, "header_timeout: must be more than 0s"},
		{"tiny header", func(c *httpserver.Config) { c.MaxHeaderBytes = 100 }, "max_header_bytes: must be 4KiB..1MiB"},
		{"origin with path", func(c *httpserver.Config) { c.AllowOrigin = "https://example.org/" }, `allow_origin: must be "*", empty or an origin such as https://example.org, is "https://example.org/"`},
		{"origin without scheme", func(c *httpserver.Config) { c.AllowOrigin = "example.org" }, `allow_origin: must be "*", empty or an origin such as https://example.org, is "example.org"`},
		{"good", func(c *httpserver.Config) {
			c.TLSListen, c.Certificate, c.Key, c.AllowOrigin = ":8443", "c.pem", "k.pem", "https://example.org:444"
			c.TrustedProxies = config.Prefixes{{Prefix: netip.MustParsePrefix("10.0.0.0/8")}}
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := httpserver.NewConfig()
			c.change(x)
			got := ""
			if err := x.Validate(); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
