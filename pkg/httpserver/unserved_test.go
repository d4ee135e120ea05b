package httpserver_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// TestUnserved: a connection that begins a request and closes without having
// made any is counted, and no other.
func TestUnserved(t *testing.T) {
	const good = "GET / HTTP/1.1\r\nHost: weir\r\n\r\n"
	for _, tt := range []struct {
		name    string
		sent    []string // each but the last is answered before the next is sent
		refused bool
	}{
		{"connection made in advance", []string{""}, false},
		{"request", []string{good, ""}, false},
		{"two requests", []string{good, good, ""}, false},
		{"HTTP/1.0", []string{"GET / HTTP/1.0\r\n\r\n", ""}, false},
		{"end inside a request", []string{"GET / HT"}, true},
		{"garbage", []string{"\x00\x01\r\n\r\n"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sessions := session.NewRegistry(session.Options{})
			s := start(t, httpserver.Options{Sessions: sessions}, func(s *httpserver.Server) { s.Handle("/", say("hello")) })
			conn, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			reader := bufio.NewReader(conn)
			for i, request := range tt.sent {
				if _, err := io.WriteString(conn, request); err != nil {
					t.Fatal(err)
				}
				if i == len(tt.sent)-1 {
					break
				}
				response, err := http.ReadResponse(reader, nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, response.Body); err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
			}
			_ = conn.(*net.TCPConn).CloseWrite() // the server may have closed already
			_, _ = io.Copy(io.Discard, reader)
			conn.Close()
			eventuallyOpen(t, s, 0)
			got := sessions.Totals().Refusals
			for limit := time.Now().Add(20 * time.Second); tt.refused && len(got) == 0 && time.Now().Before(limit); time.Sleep(time.Millisecond) {
				got = sessions.Totals().Refusals // the count follows the close
			}
			switch {
			case !tt.refused && len(got) > 0:
				t.Errorf("refusals %v, want none", got)
			case tt.refused && (len(got) != 1 || got[0] != session.Refusals{Protocol: "http", Reason: reason.BadRequest, Count: 1}):
				t.Errorf("refusals %v, want one of http because of %s", got, reason.BadRequest)
			}
		})
	}
}
