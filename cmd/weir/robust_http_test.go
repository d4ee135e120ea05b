package main

import (
	"bufio"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/remux/flv"
)

// TestBadRequests: a request that cannot be served is answered with a status,
// and the reason is logged and counted.
func TestBadRequests(t *testing.T) {
	s := startServer(t, func(s *settings) { s.stream.Wait = config.Duration(10 * time.Millisecond) })
	w := s.witness(t)
	get := func(path string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n"
	}
	for _, tt := range []struct {
		name, request string
		status        int
		protocol      string // "" if it is the stream's name that is missing, which is no fault
		action        session.Action
		why           reason.Reason
	}{
		{"empty segment", get("/live//test.flv"), 400, "http", "", reason.BadName},
		{"encoded slash", get("/live%2Ftest.flv"), 400, "http", "", reason.BadName},
		{"parent directory", get("/live/../etc.flv"), 400, "http", "", reason.BadName},
		{"control character", get("/live/a%01b.flv"), 400, "http", "", reason.BadName},
		{"not UTF-8", get("/live/a%FFb.flv"), 400, "http", "", reason.BadName},
		{"no name", get("/.flv"), 400, "http", "", reason.BadName},
		{"too long", get("/" + strings.Repeat("x", 300) + ".flv"), 400, "http", "", reason.BadName},
		{"bad selection", get("/live/witness.flv?audio=2"), 400, "httpflv", "", reason.BadRequest},
		{"nothing selected", get("/live/witness.flv?audio=0&video=0"), 400, "httpflv", "", reason.BadRequest},
		{"stream that is not there", get("/live/none.flv"), 404, "httpflv", session.Play, reason.StreamNotFound},
		{"no host", "GET /live/witness.flv HTTP/1.1\r\n\r\n", 400, "http", "", reason.BadRequest},
		{"garbage", "\x16\x03\x01\x02\x00\x01\xFF\r\n\r\n", 400, "http", "", reason.BadRequest},
		{"RTMP", "\x03" + strings.Repeat("\x00\r\n", 512), 400, "http", "", reason.BadRequest},
		{"huge header", get("/live/witness.flv?x=" + strings.Repeat("y", 64<<10)), 431, "http", "", reason.BadRequest},
		{"unknown version", "GET /live/witness.flv HTTP/9.9\r\nHost: weir\r\n\r\n", 505, "http", "", reason.BadRequest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := s.ends(tt.protocol, tt.action, tt.why)
			conn := dialTCP(t, s.http.Addr())
			_, _ = io.WriteString(conn, tt.request) // the server may close before it has all
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != tt.status {
				t.Errorf("status %s, want %d", response.Status, tt.status)
			}
			_, _ = io.Copy(io.Discard, response.Body) // the server closes: it may have unread bytes
			response.Body.Close()
			conn.Close()
			s.expectEnd(t, conn.LocalAddr(), tt.why)
			if n := s.ends(tt.protocol, tt.action, tt.why) - before; n != 1 {
				t.Errorf("the metric of %s grew by %d, want 1", tt.why, n)
			}
		})
	}
	w.verify(t)
	if faults := s.lines.atLevel(slog.LevelError); len(faults) > 0 {
		t.Errorf("the log holds errors: %v", faults)
	}
}

// TestOddRequests: what is unusual but sound is served.
func TestOddRequests(t *testing.T) {
	s := startServer(t, func(s *settings) { s.stream.Wait = config.Duration(10 * time.Millisecond) })
	w := s.witness(t)
	for _, tt := range []struct {
		name, request string
		status        int
		plays         bool
	}{
		{"HTTP/1.0 without host", "GET /live/witness.flv HTTP/1.0\r\n\r\n", 200, true},
		{"header byte by byte", "GET /live/witness.flv HTTP/1.1\r\nHost: weir\r\n\r\n", 200, true},
		{"unknown query", "GET /live/witness.flv?x=1&%zz HTTP/1.1\r\nHost: weir\r\n\r\n", 200, true},
		{"HEAD", "HEAD /live/witness.flv HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n", 200, false},
		{"HEAD of nothing", "HEAD /live/none.flv HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n", 404, false},
		{"POST", "POST /live/witness.flv HTTP/1.1\r\nHost: weir\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 405, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := dialTCP(t, s.http.Addr())
			for i := range len(tt.request) {
				if _, err := io.WriteString(conn, tt.request[i:i+1]); err != nil {
					t.Fatal(err)
				}
			}
			method, _, _ := strings.Cut(tt.request, " ")
			response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != tt.status {
				t.Errorf("status %s, want %d", response.Status, tt.status)
			}
			if !tt.plays {
				if body, err := io.ReadAll(response.Body); err != nil || (method == "HEAD" && len(body) > 0) {
					t.Errorf("body %q, %v", body, err)
				}
				return
			}
			if !response.Close || response.TransferEncoding != nil {
				t.Errorf("close %v, encoding %v: want the plain stream to the connection's end", response.Close, response.TransferEncoding)
			}
			v := view(t, &flvReader{conn, flv.NewReader(response.Body)})
			v.reach(position{})
			v.leave()
			s.expectEnd(t, conn.LocalAddr(), reason.ClientClosed)
		})
	}
	w.verify(t)
}

// TestSlowHeader: who does not finish its request is closed.
func TestSlowHeader(t *testing.T) {
	s := startServer(t, func(s *settings) { s.http.HeaderTimeout = config.Duration(time.Second) })
	w := s.witness(t)
	for _, tt := range []struct{ name, sent string }{
		{"nothing", ""},
		{"half a request line", "GET /live/wit"},
		{"half a header", "GET /live/witness.flv HTTP/1.1\r\nHost: weir\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := dialTCP(t, s.http.Addr())
			if _, err := io.WriteString(conn, tt.sent); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Errorf("the server leaves the connection open: %v", err)
			}
			conn.Close()
			s.expectEnd(t, conn.LocalAddr(), reason.HandshakeTimeout)
		})
	}
	if n := s.ends("http", "", reason.HandshakeTimeout); n != 3 {
		t.Errorf("%d timeouts were counted, want 3", n)
	}
	w.verify(t)
}

// TestFullOfViewers: a server whose HTTP connections are all taken still answers who
// watches over it, so that nobody restarts it for that.
func TestFullOfViewers(t *testing.T) {
	s := startServer(t, func(s *settings) { s.http.MaxConnections = 2 })
	src := s.publish(t, "live/test", sourceOptions{})
	src.tick()
	viewer := s.openFLV(t, "live/test")
	if _, err := viewer.ReadTag(); err != nil {
		t.Fatal(err)
	}
	dialTCP(t, s.http.Addr()) // which says nothing
	eventually(t, "all places are taken", func() bool { return s.http.Connections() == 2 })
	for _, tt := range []struct {
		path   string
		status int
	}{
		{"/healthz", 200},
		{"/readyz", 200},
		{"/metrics", 200},
		{"/api/v1/streams", 200},
		{"/", 200},
		{"/debug/pprof/", 200},
		{"/live/test.flv", 503},
		{"/live/test/index.m3u8", 503},
		{"/rtc/v1/play/", 503},
	} {
		conn := dialTCP(t, s.http.Addr())
		_, _ = io.WriteString(conn, "GET "+tt.path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != tt.status || !response.Close {
			t.Errorf("%s: %s, closed: %v", tt.path, response.Status, response.Close)
		}
		conn.Close()
	}
	if n := s.ends("http", "", reason.LimitReached); n != 3 {
		t.Errorf("%d are counted as refused, want 3", n)
	}
	src.tick()
	if _, err := viewer.ReadTag(); err != nil {
		t.Errorf("the viewer: %v", err)
	}
}
