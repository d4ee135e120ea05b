package bench

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmedia/weir/protocols/hls/hlsclient"
)

// linkServer answers with "0123456789", ranges included, and counts its
// connections.
func linkServer(t *testing.T, start func(*httptest.Server)) (s *httptest.Server, connections *atomic.Int32) {
	t.Helper()
	connections = new(atomic.Int32)
	s = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case r.URL.Path == "/guarded" && user+password != "annsecret":
			w.WriteHeader(http.StatusUnauthorized)
			return
		case r.URL.Path == "/gone":
			http.NotFound(w, r)
			return
		case r.URL.Path == "/last":
			w.Header().Set("Connection", "close")
		case r.URL.Path == "/short":
			w.Header().Set("Content-Length", "11")
			_, _ = io.WriteString(w, "0123456789") // the server then closes the connection
			return
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader("0123456789"))
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // what clients are meant to refuse
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	start(s)
	t.Cleanup(s.Close)
	return s, connections
}

func newLink(t *testing.T) *link {
	l := &link{buffers: &bufferPool{}}
	t.Cleanup(l.close)
	return l
}

func address(t *testing.T, s *httptest.Server, path string) *url.URL {
	t.Helper()
	u, err := url.Parse(s.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestLink: one connection serves all requests, whatever the answers are, until
// the server closes it.
func TestLink(t *testing.T) {
	s, connections := linkServer(t, (*httptest.Server).Start)
	l := newLink(t)
	requests := []struct {
		name, path, user string
		rng              hlsclient.Range
		text             string
		status           int // of a refusal
		connections      int32
	}{
		{"all", "/a", "", hlsclient.Range{}, "0123456789", 0, 1},
		{"a range", "/a", "", hlsclient.Range{Offset: 2, Length: 3}, "234", 0, 1},
		{"what is gone", "/gone", "", hlsclient.Range{}, "", http.StatusNotFound, 1},
		{"without credentials", "/guarded", "", hlsclient.Range{}, "", http.StatusUnauthorized, 1},
		{"with credentials", "/guarded", "ann", hlsclient.Range{}, "0123456789", 0, 1},
		{"the last answer", "/last", "", hlsclient.Range{}, "0123456789", 0, 1},
		{"another connection", "/a", "", hlsclient.Range{}, "0123456789", 0, 2},
	}
	for _, test := range requests {
		u := address(t, s, test.path)
		if test.user != "" {
			u.User = url.UserPassword(test.user, "secret")
		}
		n, err := l.drop(t.Context(), u, test.rng)
		var status *hlsclient.StatusError
		switch {
		case test.status == 0 && (err != nil || n != int64(len(test.text))):
			t.Errorf("%s: %d bytes, %v", test.name, n, err)
		case test.status != 0 && (!errors.As(err, &status) || status.Status != test.status):
			t.Errorf("%s: %v, want status %d", test.name, err, test.status)
		}
		if got := connections.Load(); got != test.connections {
			t.Errorf("%s: %d connections, want %d", test.name, got, test.connections)
		}
	}
	if text, err := l.text(t.Context(), address(t, s, "/a")); err != nil || string(text) != "0123456789" {
		t.Errorf("text %q, %v", text, err)
	}
}

// TestLinkReconnects: a kept connection that the server has closed is made anew,
// also to another server.
func TestLinkReconnects(t *testing.T) {
	s, connections := linkServer(t, (*httptest.Server).Start)
	l := newLink(t)
	load := func(u *url.URL) {
		t.Helper()
		if n, err := l.drop(t.Context(), u, hlsclient.Range{}); err != nil || n != 10 {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
	load(address(t, s, "/a"))
	s.CloseClientConnections()
	load(address(t, s, "/a"))
	if n := connections.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
	other, others := linkServer(t, (*httptest.Server).Start)
	load(address(t, other, "/a"))
	if n := others.Load(); n != 1 {
		t.Errorf("%d connections to the other", n)
	}
	if _, err := l.drop(t.Context(), address(t, other, "/short"), hlsclient.Range{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an answer that is cut: %v", err)
	}
}

// TestLinkTLS: certificates are checked.
func TestLinkTLS(t *testing.T) {
	s, _ := linkServer(t, (*httptest.Server).StartTLS)
	if _, err := newLink(t).drop(t.Context(), address(t, s, "/a"), hlsclient.Range{}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody knows: %v", err)
	}
}

// TestLinkEnds: neither a closed link nor one whose context has ended connects.
func TestLinkEnds(t *testing.T) {
	s, connections := linkServer(t, (*httptest.Server).Start)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newLink(t).drop(ended, address(t, s, "/a"), hlsclient.Range{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
	l := newLink(t)
	l.close()
	if _, err := l.drop(t.Context(), address(t, s, "/a"), hlsclient.Range{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}
