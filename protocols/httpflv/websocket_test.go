package httpflv

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/websocket"
)

// socket is a WebSocket client that does just what the tests need.
type socket struct {
	net.Conn
	r *bufio.Reader
}

// dial upgrades; head has further header lines. It returns nil and the answer
// if the server refuses.
func (r *rig) dial(path, head string) (*socket, *http.Response) {
	r.t.Helper()
	nc, err := net.Dial("tcp", strings.TrimPrefix(r.plain, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", path, nc.RemoteAddr(), head)
	s := &socket{nc, bufio.NewReader(nc)}
	response, err := http.ReadResponse(s.r, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return nil, response
	}
	if got := response.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		r.t.Fatalf("Sec-WebSocket-Accept %q", got)
	}
	return s, nil
}

// next returns the next frame of the server.
func (s *socket) next(t *testing.T) (websocket.Opcode, []byte) {
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

// send sends a masked control frame.
func (s *socket) send(t *testing.T, o websocket.Opcode, payload string) {
	t.Helper()
	b := append([]byte{0x80 | byte(o), 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...) // a mask of zeros
	if _, err := s.Write(b); err != nil {
		t.Fatal(err)
	}
}

func (s *socket) expectClose(t *testing.T, code uint16, why reason.Reason) {
	t.Helper()
	for {
		o, body := s.next(t)
		if o != websocket.Close {
			continue
		}
		if len(body) < 2 || binary.BigEndian.Uint16(body) != code || string(body[2:]) != string(why) {
			t.Errorf("closed with %d %q, want %d %q", binary.BigEndian.Uint16(body), body[2:], code, why)
		}
		return
	}
}

func TestWebSocketPlays(t *testing.T) {
	r := newRig(t, nil)
	r.publish(video, audio)
	s, response := r.dial("/live/test.flv", "")
	if s == nil {
		t.Fatal(response.Status)
	}
	var stream bytes.Buffer
	for range 4 { // FLV header, prelude, a frame of each kind
		o, body := s.next(t)
		if o != websocket.Binary {
			t.Fatalf("opcode %d", o)
		}
		stream.Write(body)
	}
	if flags, tags := read(t, &stream, 5); flags != 5 || fmt.Sprint(tags) != "[18 9 8 9 8]" {
		t.Errorf("flags %d, tags %v", flags, tags)
	}
	if l := r.host.Sessions.List(); len(l) != 1 || l[0].Protocol != wsProtocol {
		t.Errorf("sessions %v", l)
	}
	s.send(t, websocket.Ping, "hello")
	if o, body := s.next(t); o != websocket.Pong || string(body) != "hello" {
		t.Errorf("ping answered by opcode %d %q", o, body)
	}
	r.frame(video, false)
	if o, body := s.next(t); o != websocket.Binary || flv.TagType(body[0]) != flv.VideoTag {
		t.Errorf("frame: opcode %d, %x", o, body[:1])
	}
	s.send(t, websocket.Close, "\x03\xE8")
	s.expectClose(t, websocket.StatusNormal, reason.ClientClosed)
	eventually(t, "the session has ended", func() bool { return len(r.host.Sessions.List()) == 0 })
}

func TestWebSocketClosesWithTheReason(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(t *testing.T, r *rig, s *socket)
		code uint16
		why  reason.Reason
	}{
		{"kicked", func(_ *testing.T, r *rig, _ *socket) { r.host.Sessions.KillAll(reason.Kicked) }, websocket.StatusPolicy, reason.Kicked},
		{"stream ended", func(_ *testing.T, r *rig, _ *socket) { r.host.Bus.Close(reason.StreamEnded) }, websocket.StatusNormal, reason.StreamEnded},
		{"unmasked frame", func(t *testing.T, _ *rig, s *socket) {
			if _, err := s.Write([]byte{0x89, 0x01, 'x'}); err != nil {
				t.Fatal(err)
			}
		}, websocket.StatusProtocolError, reason.BadMessage},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.publish(video)
			s, _ := r.dial("/live/test.flv", "")
			s.next(t)
			test.end(t, r, s)
			s.expectClose(t, test.code, test.why)
		})
	}
	t.Run("nobody publishes", func(t *testing.T) {
		r := newRig(t, nil)
		s, _ := r.dial("/live/absent.flv", "")
		s.expectClose(t, websocket.StatusPolicy, reason.StreamNotFound)
	})
}

func TestWebSocketRefusals(t *testing.T) {
	r := newRig(t, nil)
	r.publish(video)
	for _, test := range []struct {
		name, path, head string
		want             int
	}{
		{"bad selection", "/live/test.flv?audio=2", "", http.StatusBadRequest},
		{"bad version", "/live/test.flv", "Sec-WebSocket-Version: 8\r\n", http.StatusBadRequest},
	} {
		head := test.head
		if s, response := r.dialWith(test.path, head); s != nil || response.StatusCode != test.want {
			t.Errorf("%s: %v, want status %d", test.name, response, test.want)
		}
	}
}

// dialWith is dial with a version header of its own.
func (r *rig) dialWith(path, version string) (*socket, *http.Response) {
	if version == "" {
		return r.dial(path, "")
	}
	response := r.get(r.plain+path, false, func(q *http.Request) {
		q.Header.Set("Connection", "Upgrade")
		q.Header.Set("Upgrade", "websocket")
		name, value, _ := strings.Cut(strings.TrimSpace(version), ": ")
		q.Header.Set(name, value)
	})
	return nil, response
}
