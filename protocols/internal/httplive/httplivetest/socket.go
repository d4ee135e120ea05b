package httplivetest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/websocket"
)

// Socket is a WebSocket client that does just what the tests need.
type Socket struct {
	net.Conn
	r *bufio.Reader
}

// Dial asks for an upgrade; head has further header lines. The Socket is
// nil if the server refuses.
func (r *Rig) Dial(path, head string) (*Socket, Answer) {
	r.T.Helper()
	nc, err := net.Dial("tcp", strings.TrimPrefix(r.Plain, "http://"))
	if err != nil {
		r.T.Fatal(err)
	}
	r.T.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", path, nc.RemoteAddr(), head)
	s := &Socket{nc, bufio.NewReader(nc)}
	response, err := http.ReadResponse(s.r, nil)
	if err != nil {
		r.T.Fatal(err)
	}
	r.T.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusSwitchingProtocols {
		return nil, Answer{response}
	}
	if got := response.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		r.T.Fatalf("Sec-WebSocket-Accept %q", got)
	}
	return s, Answer{response}
}

// Next returns the next frame of the server.
func (s *Socket) Next(t testing.TB) (websocket.Opcode, []byte) {
	t.Helper()
	var head [2]byte
	if _, err := io.ReadFull(s.r, head[:]); err != nil {
		t.Fatal(err)
	}
	if head[0]&0x80 == 0 || head[1]&0x80 != 0 {
		t.Fatalf("frame header %x: fragmented or masked", head)
	}
	n := uint64(head[1])
	if n >= 126 {
		long := make([]byte, map[uint64]int{126: 2, 127: 8}[n])
		if _, err := io.ReadFull(s.r, long); err != nil {
			t.Fatal(err)
		}
		n = binary.BigEndian.Uint64(append(make([]byte, 8-len(long)), long...))
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(s.r, body); err != nil {
		t.Fatal(err)
	}
	return websocket.Opcode(head[0] & 0x0F), body
}

// Send sends a masked control frame.
func (s *Socket) Send(t testing.TB, o websocket.Opcode, payload string) {
	t.Helper()
	b := append([]byte{0x80 | byte(o), 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...) // a mask of zeros
	if _, err := s.Write(b); err != nil {
		t.Fatal(err)
	}
}

// ExpectClose fails unless the server closes with this code and reason.
func (s *Socket) ExpectClose(t testing.TB, code uint16, why reason.Reason) {
	t.Helper()
	for {
		o, body := s.Next(t)
		if o != websocket.Close {
			continue
		}
		if len(body) < 2 || binary.BigEndian.Uint16(body) != code || string(body[2:]) != string(why) {
			t.Errorf("closed with % x %q, want %d %q", body[:min(2, len(body))], body[min(2, len(body)):], code, why)
		}
		return
	}
}

// Body returns a reader of the binary messages as one stream of bytes.
func (s *Socket) Body(t testing.TB) io.Reader { return &body{t: t, s: s} }

type body struct {
	t    testing.TB
	s    *Socket
	left []byte
}

func (b *body) Read(p []byte) (int, error) {
	for len(b.left) == 0 {
		o, payload := b.s.Next(b.t)
		if o != websocket.Binary {
			b.t.Fatalf("opcode %d, %q", o, payload)
		}
		b.left = payload
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}
