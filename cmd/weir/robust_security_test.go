package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/protocols/rtmp/message"
)

// hasty makes who asks for a stream that is not there wait only a moment.
func hasty(s *settings) { s.stream.Wait = config.Duration(10 * time.Millisecond) }

// rawRequest sends bytes to the HTTP port and returns the answer with its body,
// which ends with the connection or after patience.
func (s *testServer) rawRequest(t testing.TB, request string) (*http.Response, string) {
	t.Helper()
	conn := dialTCP(t, s.http.Addr())
	defer conn.Close()
	go io.WriteString(conn, request) //nolint:errcheck // the server may close before it has all
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%.100q: %v", request, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		t.Fatalf("%.100q: %v", request, err)
	}
	return response, string(body)
}

// requestLine returns a request without body, from this machine or, with another
// host, from somebody who pretends to be.
func requestLine(method, path, host, headers string) string {
	return method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + headers + "Connection: close\r\n\r\n"
}

// TestPathTraversal: however a path climbs, no route answers with anything but a
// refusal.
func TestPathTraversal(t *testing.T) {
	s := startServer(t, hasty)
	s.publish(t, "live/test", sourceOptions{}).tick()
	for _, route := range []string{
		"/", "/assets/", "/live/", "/live/test/~hls/", "/live/test/whip/", "/live/test/whep/", "/api/v1/streams/",
		"/api/v1/sessions/", "/debug/pprof/", "/.well-known/acme-challenge/", "/rtc/v1/",
	} {
		for _, climb := range []string{
			"../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "%252e%252e%252fetc%252fpasswd",
			`..\..\etc\passwd`, "..%5c..%5cetc%5cpasswd", "....//....//etc/passwd", "/etc/passwd", "x%00", "..%00/x", "%c0%ae%c0%ae/etc/passwd",
			"..;/etc/passwd", "~/x", ".git/config",
		} {
			for _, end := range []string{"", ".flv", "/index.m3u8", "/whep"} {
				path := route + climb + end
				response, body := s.rawRequest(t, requestLine("GET", path, "127.0.0.1", ""))
				if code := response.StatusCode; code < 400 || code > 499 || strings.Contains(body, "root:") {
					t.Errorf("%s: %d %.100q", path, code, body)
				}
			}
		}
	}
}

// syncBuffer collects a log. Safe for concurrent use.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns what was written.
func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// startVerbose starts a server that logs all it can, as text.
func startVerbose(t testing.TB, configure func(*settings)) (*testServer, *syncBuffer) {
	t.Helper()
	log := &syncBuffer{}
	return startLogging(t, configure, slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), log
}

// TestLineBreaks: line breaks in what peers say never begin a line of the log, a
// header of an answer or an event.
func TestLineBreaks(t *testing.T) {
	s, log := startVerbose(t, hasty)
	events, stop := s.readEvents(t)
	const injected = "Injected: planted"
	found := func(where, text string) {
		for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\r' || r == '\n' || r == '\u2028' || r == '\x85' }) {
			if strings.HasPrefix(strings.TrimSpace(line), "Injected") {
				t.Errorf("%s: a line begins with what a peer sent: %q", where, line)
			}
		}
	}
	quiet := s.publish(t, "live/test", sourceOptions{}).run()
	defer quiet()

	const escaped = "%0d%0a" + "Injected:%20planted%0d%0a%0d%0a"
	var asking sync.WaitGroup // together: after a bad request net/http waits before it closes
	for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "DELETE"} {
		for _, path := range []string{
			"/" + escaped, "/live/" + escaped + ".flv", "/live/" + escaped + "/whip", "/live/test/whep/" + escaped,
			"/live/test/whip?token=" + escaped, "/live/test/index.m3u8?" + escaped, "/live/test/~hls/" + escaped, "/api/v1/" + escaped,
			"/api/v1/streams/" + escaped, "/api/v1/sessions?user=" + escaped, "/assets/" + escaped,
		} {
			for _, headers := range []string{
				"User-Agent: x\rInjected: planted\r\n", "User-Agent: x" + escaped + "\r\nX-Request-Id: x" + escaped + "\r\n",
				"X-Request-Id: a\x85Injected: planted\r\n",
			} {
				asking.Go(func() {
					conn := dialTCP(t, s.http.Addr())
					defer conn.Close()
					fmt.Fprint(conn, requestLine(method, path, "127.0.0.1", headers))
					answer, err := io.ReadAll(conn)
					if err != nil {
						t.Error(err)
					}
					found(method+" "+path, string(answer))
				})
			}
		}
	}
	asking.Wait()
	for _, name := range []string{"a\r\n" + injected, "a\n" + injected, "a" + escaped, "test?x=\r\n" + injected} {
		for _, verb := range []string{message.NamePublish, message.NamePlay} {
			p := s.dial(t)
			must(t, p.shake())
			p.send(values(message.Connect{App: "live", TCURL: "rtmp://h/live\r\n" + injected, FlashVer: "agent\r\n" + injected}.Command().Append(nil)),
				command(0, message.NameCreateStream, 2, nil), command(1, verb, 3, nil, name))
			p.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
			_, _ = io.Copy(io.Discard, p)
			p.Close()
		}
	}
	for _, name := range []string{"a" + escaped, "live/test?x=" + escaped, "live/none\r" + injected} {
		for _, method := range []string{"OPTIONS", "DESCRIBE", "ANNOUNCE", "SETUP", "PLAY", "NONSENSE"} {
			p := s.dialRTSP(t)
			p.send(p.request(method, name, "User-Agent: x\rInjected: planted\r\nSession: x"+escaped+"\r\n", ""))
			p.send(p.request(method, name, "User-Agent: x"+escaped+"\r\nAuthorization: Basic "+escaped+"\r\n", ""))
			p.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			answer, _ := io.ReadAll(p) // until the deadline
			found("RTSP "+method+" "+name, string(answer))
			p.Close()
		}
	}
	eventually(t, "the log tells of RTMP's and RTSP's agents", func() bool {
		return strings.Contains(log.String(), `agent\r\nInjected`) && strings.Contains(log.String(), "protocol=rtsp")
	})
	found("log", log.String())
	stop()
	if !strings.Contains(events.String(), `agent\r\nInjected`) {
		t.Error("the events do not show the agent")
	}
	found("events", events.String())
	for _, path := range []string{"/api/v1/sessions", "/api/v1/sessions/ended", "/api/v1/streams", "/metrics"} {
		_, body := s.rawRequest(t, requestLine("GET", path, "127.0.0.1", ""))
		found(path, body)
	}
}

// readEvents reads the API's events until stop.
func (s *testServer) readEvents(t testing.TB) (text *syncBuffer, stop func()) {
	t.Helper()
	return s.readEventsWith(t, "")
}

// readEventsWith is readEvents with a query.
func (s *testServer) readEventsWith(t testing.TB, query string) (text *syncBuffer, stop func()) {
	t.Helper()
	conn := dialTCP(t, s.http.Addr())
	fmt.Fprint(conn, requestLine("GET", "/api/v1/events"+query, "127.0.0.1", ""))
	text = &syncBuffer{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(text, conn) // until it is closed
	}()
	eventually(t, "events begin", func() bool { return strings.Contains(text.String(), ": events of weir") })
	return text, func() {
		conn.Close()
		<-done
	}
}

// routes are one address of each kind that takes a body.
var routes = []struct{ method, path string }{
	{"POST", "/api/v1/auth/explain"}, {"PUT", "/api/v1/log"}, {"DELETE", "/api/v1/streams/live/none"}, {"GET", "/api/v1/info"},
	{"POST", "/live/a/whip"}, {"POST", "/live/test/whep"}, {"PATCH", "/live/test/whep/x"}, {"POST", "/rtc/v1/publish/"}, {"POST", "/rtc/v1/play/"},
	{"POST", "/live/test.flv"}, {"PUT", "/live/test/index.m3u8"}, {"POST", "/live/test/~hls/x"}, {"POST", "/metrics"}, {"POST", "/debug/pprof/heap"},
	{"POST", "/"}, {"PUT", "/assets/x"}, {"POST", "/healthz"}, {"POST", "/readyz"}, {"POST", "/nothing"},
}

// TestBodyLimits: an endless body is read in part at most, whatever the route.
func TestBodyLimits(t *testing.T) {
	s := startServer(t, hasty)
	var asking sync.WaitGroup
	for _, route := range routes {
		for _, kind := range []string{"application/json", "application/sdp"} {
			asking.Go(func() {
				if n := s.endlessBody(t, route.method, route.path, kind); n >= endless {
					t.Errorf("%s %s: %d bytes of a body were taken", route.method, route.path, n)
				}
			})
		}
	}
	asking.Wait()
	if n := len(s.sessions.List()); n > 0 {
		t.Errorf("%d sessions began", n)
	}
}

// endless is far more than any body that is read, and than sockets hold.
const endless = 64 << 20

// endlessBody sends a body until the server closes, and returns how much of it.
func (s *testServer) endlessBody(t testing.TB, method, path, contentType string) (sent int) {
	conn, err := connectTCP(s.http.Addr())
	if err != nil {
		t.Error(err)
		return 0
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n", method, path, contentType)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 16<<10, strings.Repeat(" ", 16<<10))
	for err == nil && sent < endless {
		var n int
		_ = conn.SetWriteDeadline(time.Now().Add(patience)) // fails with the write
		n, err = io.WriteString(conn, chunk)
		sent += n
	}
	return sent
}

// TestHeaderLimits: no route takes a header beyond http.max_header_bytes.
func TestHeaderLimits(t *testing.T) {
	s := startServer(t, hasty)
	long := strings.Repeat("x", 64<<10)
	for _, route := range routes {
		for _, header := range []string{"X-Long: " + long, "Cookie: " + long, "Authorization: Bearer " + long, strings.Repeat("A: b\r\n", 10<<10) + "A: b"} {
			response, _ := s.rawRequest(t, requestLine(route.method, route.path, "127.0.0.1", header+"\r\n"))
			if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%s %s with %.10s…: %s", route.method, route.path, header, response.Status)
			}
		}
	}
}

// TestSlowClientsCostThemselves: while very many clients are slow with header, body
// and reading, everybody else is served as if they were not there.
func TestSlowClientsCostThemselves(t *testing.T) {
	s := startServer(t, hasty)
	w := s.witness(t)
	body := "POST /api/v1/auth/explain HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{"
	slow := []string{
		"GET /api/v1/in", "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", body, strings.Replace(body, "/api/v1/auth/explain", "/live/a/whip", 1),
		strings.Repeat("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 200), // and reads nothing
	}
	var conns []*net.TCPConn
	for range 60 {
		for _, text := range slow {
			conn := dialTCP(t, s.http.Addr())
			shrink(t, conn)
			conns = append(conns, conn)
			if _, err := io.WriteString(conn, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, path := range []string{"/api/v1/info", "/metrics", "/healthz", "/"} {
		// Metrics are gathered for four at once, which others may be at a moment.
		eventually(t, path+" is answered", func() bool {
			response, _ := s.rawRequest(t, requestLine("GET", path, "127.0.0.1", ""))
			return response.StatusCode == http.StatusOK
		})
	}
	for _, conn := range conns {
		reset(conn)
	}
	w.verify(t)
}

// TestForeignOrigins: no page of another origin reads the API, and none gets what
// the machine itself would get by a name of its own (DNS rebinding).
func TestForeignOrigins(t *testing.T) {
	s := startServer(t, hasty)
	s.publish(t, "live/test", sourceOptions{}).tick()
	guarded := []string{
		"/api/v1/info", "/api/v1/streams", "/api/v1/sessions", "/api/v1/config", "/api/v1/events", "/api/v1/log", "/api/v1/none", "/metrics",
		"/debug/pprof/", "/debug/pprof/heap",
	}
	for _, path := range guarded {
		for name, headers := range map[string]string{
			"Origin":    "Origin: https://evil.example\r\n",
			"preflight": "Origin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n",
		} {
			method := "GET"
			if name == "preflight" {
				method = "OPTIONS"
			}
			response, _ := s.rawRequest(t, requestLine(method, path, "127.0.0.1", headers))
			if response.StatusCode < 400 {
				t.Errorf("%s with %s: %s", path, name, response.Status)
			}
			for header := range response.Header {
				if strings.HasPrefix(header, "Access-Control-") {
					t.Errorf("%s with %s: %s", path, name, header)
				}
			}
		}
		for _, host := range []string{"evil.example", "evil.example:8080", "127.0.0.1.nip.example", "0.0.0.0", "[::]", "2130706433"} {
			for _, headers := range []string{
				"", "Origin: http://" + host + "\r\n", "Accept: text/event-stream\r\n",
				"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
			} {
				response, _ := s.rawRequest(t, requestLine("GET", path, host, headers))
				if response.StatusCode != http.StatusUnauthorized {
					t.Errorf("%s as %s: %s", path, host, response.Status)
				}
			}
		}
	}
	for _, path := range []string{"/live/test.flv", "/live/test/index.m3u8", "/live/test/whep", "/live/test/whip", "/assets/weir-player.js", "/"} {
		response, _ := s.rawRequest(t, requestLine("HEAD", path, "127.0.0.1", "Origin: https://evil.example\r\n"))
		if response.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: credentials with origin %q", path, response.Header.Get("Access-Control-Allow-Origin"))
		}
	}
}

// TestSecurityHeaders: what pages of others may do with ours, which is nothing.
func TestSecurityHeaders(t *testing.T) {
	s := startServer(t, hasty)
	for _, path := range []string{"/", "/assets/none", "/api/v1/info", "/api/v1/none", "/metrics", "/debug/pprof/"} {
		response, _ := s.rawRequest(t, requestLine("GET", path, "127.0.0.1", ""))
		h := response.Header
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "frame-ancestors 'none'") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", path, h)
		}
		for _, source := range strings.Fields(strings.ReplaceAll(policy, ";", " ")) {
			if strings.ContainsAny(source, "*.") || strings.Contains(source, "//") || strings.Contains(source, "unsafe") {
				t.Errorf("%s: the policy lets in %s", path, source)
			}
		}
	}
}

// TestWithoutLoopback: with auth.loopback off, who sits at this machine needs a
// credential as everybody does.
func TestWithoutLoopback(t *testing.T) {
	s := startServer(t, func(s *settings) { s.auth.Loopback = false })
	for _, path := range []string{"/api/v1/info", "/metrics", "/debug/pprof/"} {
		if response, _ := s.rawRequest(t, requestLine("GET", path, "127.0.0.1", "")); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s", path, response.Status)
		}
		if response, _ := s.rawRequest(t, requestLine("GET", path+"?token="+s.token, "127.0.0.1", "")); response.StatusCode != http.StatusOK {
			t.Errorf("%s with the token: %s", path, response.Status)
		}
	}
}
