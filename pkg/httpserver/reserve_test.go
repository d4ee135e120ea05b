package httpserver_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/tlsfile/tlsfiletest"
)

// reserved is how many connections beyond http.max_connections are kept at most: the
// next must find a place.
const reserved = 63

// full is a server whose places are all taken by silent connections.
type full struct {
	*httpserver.Server
	sessions *session.Registry
	scheme   string
	address  string
	slow     chan struct{} // ends what asks for /slow
}

func startFull(t *testing.T, secured bool) *full {
	t.Helper()
	c := httpserver.NewConfig()
	if secured {
		dir := t.TempDir()
		tlsfiletest.Write(t, dir, "a")
		c = withTLS(dir)
	}
	c.MaxConnections, c.HeaderTimeout = 2, config.Duration(time.Minute) // longer than a test
	f := &full{sessions: session.NewRegistry(session.Options{}), scheme: "http", slow: make(chan struct{})}
	f.Server = start(t, httpserver.Options{Config: c, Sessions: f.sessions}, func(s *httpserver.Server) {
		s.HandleAlways("/healthz", say("ok"))
		s.HandleAlways("/api/", say("api"))
		s.HandleAlways("/slow", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-f.slow
			_, _ = io.WriteString(w, "at last")
		}))
		s.Handle("/rtc/", say("a session"))
		s.HandleSuffix(".flv", sayStream("flv"))
	})
	f.address = f.Addr().String()
	if secured {
		f.scheme, f.address = "https", f.TLSAddr().String()
	}
	for range c.MaxConnections {
		f.dial(t)
	}
	eventuallyOpen(t, f.Server, c.MaxConnections)
	return f
}

// dial opens a connection that says nothing by itself.
func (f *full) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

// get returns the status of a path and what its answer says.
func (f *full) get(t *testing.T, path string) (int, string) {
	t.Helper()
	answer, err := client(t, &tls.Config{InsecureSkipVerify: true}).Get(f.scheme + "://" + f.address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.ProtoMajor == 1 && !answer.Close {
		t.Errorf("%s: the connection is kept", path)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// refused returns how many were refused for want of a place, and fails if there was
// another reason.
func (f *full) refused(t *testing.T) (n uint64) {
	t.Helper()
	for _, r := range f.sessions.Totals().Refusals {
		if r.Protocol != "http" || r.Reason != reason.LimitReached {
			t.Errorf("refusals: %+v", r)
		}
		n += r.Count
	}
	return n
}

// TestFull: when all places are taken, who watches over the server is answered, and
// others are told why they are not.
func TestFull(t *testing.T) {
	for _, secured := range []bool{false, true} {
		f := startFull(t, secured)
		for path, want := range map[string]string{"/healthz": "ok", "/api/v1/streams": "api"} {
			if status, body := f.get(t, path); status != http.StatusOK || body != want {
				t.Errorf("%s%s: %d %q", f.scheme, path, status, body)
			}
		}
		for _, path := range []string{"/live/test.flv", "/rtc/v1/play", "/none"} {
			status, body := f.get(t, path)
			var e struct{ Error httpserver.Error }
			if err := json.Unmarshal([]byte(body), &e); err != nil {
				t.Fatal(err)
			}
			if status != http.StatusServiceUnavailable || e.Error.Code != "limit_reached" || e.Error.Message != "http.max_connections: all 2 are in use" {
				t.Errorf("%s%s: %d %q", f.scheme, path, status, body)
			}
		}
		if n := f.refused(t); n != 3 {
			t.Errorf("%d are counted as refused, want 3", n)
		}
	}
}

// TestFullOfSilence: connections that say nothing do not keep out who asks.
func TestFullOfSilence(t *testing.T) {
	const more = 10
	f := startFull(t, false)
	for range reserved + more {
		f.dial(t)
	}
	if status, body := f.get(t, "/healthz"); status != http.StatusOK {
		t.Errorf("%d %q", status, body)
	}
	if n := f.refused(t); n != more+1 {
		t.Errorf("%d are counted as refused, want the %d that made room", n, more+1)
	}
	eventuallyOpen(t, f.Server, 2+reserved-1)
}

// TestFullOfAnswers: who is being answered stays, whatever crowd comes; but if all are,
// such as those who read nothing of a long answer, the oldest goes.
func TestFullOfAnswers(t *testing.T) {
	f := startFull(t, false)
	conns := make([]net.Conn, reserved)
	readers := make([]*bufio.Reader, reserved)
	for i := range conns {
		conns[i] = f.dial(t)
		readers[i] = bufio.NewReader(conns[i])
		_, _ = io.WriteString(conns[i], "GET /slow HTTP/1.1\r\nHost: weir\r\n\r\n")
		if line, err := readers[i].ReadString('\n'); err != nil || !strings.Contains(line, " 200 ") {
			t.Fatalf("%q, %v", line, err)
		}
	}
	if status, _ := f.get(t, "/healthz"); status != http.StatusOK {
		t.Errorf("with all being answered: %d", status)
	}
	for range 10 {
		if status, _ := f.get(t, "/live/test.flv"); status != http.StatusServiceUnavailable {
			t.Errorf("a viewer: %d", status)
		}
	}
	close(f.slow)
	if rest, err := io.ReadAll(readers[0]); err == nil {
		t.Errorf("the oldest ends with %q and no reset", rest)
	}
	for _, r := range readers[1:] {
		if rest, err := io.ReadAll(r); err != nil || !strings.Contains(string(rest), "at last") {
			t.Errorf("%q, %v", rest, err)
		}
	}
	if status, _ := f.get(t, "/healthz"); status != http.StatusOK {
		t.Errorf("afterwards: %d", status)
	}
}

// TestReservedForOne: a connection of the reserve has one answer, so that it does not
// become a viewer's.
func TestReservedForOne(t *testing.T) {
	f := startFull(t, false)
	conn := f.dial(t)
	_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: weir\r\n\r\nGET /live/test.flv HTTP/1.1\r\nHost: weir\r\n\r\n")
	answers, _ := io.ReadAll(conn) // a reset, for what was not read
	if text := string(answers); strings.Count(text, "HTTP/1.1") != 1 || !strings.HasSuffix(text, "ok") {
		t.Errorf("it got %q", text)
	}
}
