//go:build e2e

package e2e

import (
	"bytes"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestFullBadPeers: whatever a peer sends, its own connection closes with a
// reason that is counted, and nobody else notices.
func TestFullBadPeers(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	s.publish(t, hardClip, "live/test", publishOptions{loop: true})
	good := watch(openFLV(t, s.httpURL("live/test.flv")))

	hello := append([]byte{3}, make([]byte, 2*1536)...) // C0, C1 and a C2 that echoes nothing
	after := func(chunks ...byte) []byte { return slices.Concat(hello, chunks) }
	connect := chunk(3, 20, 0, amf("connect", 1, amfObject{{"app", "live"}, {"tcUrl", "rtmp://x/live"}}))
	peers := []struct {
		name   string
		rtmp   []byte
		reason string // "" if any will do
	}{
		{"a web browser", []byte("GET /live/test.flv HTTP/1.1\r\nHost: x\r\n\r\n"), "bad_handshake"},
		{"TLS", []byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, "bad_handshake"},
		{"garbage", bytes.Repeat([]byte{0xA5, 0x5A, 0xFF}, 2000), "bad_handshake"},
		{"chunk size 0", after(chunk(2, 1, 0, []byte{0, 0, 0, 0})...), "bad_chunk"},
		{"chunk size 2^31-1", after(chunk(2, 1, 0, []byte{0x7F, 0xFF, 0xFF, 0xFF})...), "bad_chunk"},
		{"a continued message that never began", after(0xC5, 1, 2, 3), "bad_chunk"},
		{"a message of 16 MB", after(3, 0, 0, 0, 0xFF, 0xFF, 0xFF, 20, 0, 0, 0, 0), "bad_chunk"},
		{"commands that are no AMF", after(chunk(3, 20, 0, []byte{0xEE, 0xEE})...), "bad_message"},
		{"objects in objects", after(chunk(3, 20, 0, append(amf("connect", 1), bytes.Repeat([]byte{3, 0, 1, 'a'}, 20)...))...), "bad_message"},
		{"publish before connect", after(chunk(3, 20, 1, amf("publish", 1, nil, "test", "live"))...), "bad_message"},
		{"a reserved name", after(slices.Concat(connect, chunk(3, 20, 0, amf("createStream", 2, nil)),
			chunk(3, 20, 1, amf("publish", 3, nil, "index", "live")))...), "bad_name"},
		{"media before publish", after(slices.Concat(connect, chunk(4, 9, 1, []byte{0x17, 1, 0, 0, 0, 1}))...), ""},
	}
	for _, tt := range peers {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", s.rtmp)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			before := s.refusals(t, tt.reason)
			_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
			_, _ = conn.Write(tt.rtmp) // the server may close before it has all
			if tt.reason == "" {
				_ = conn.(*net.TCPConn).CloseWrite()
			}
			if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
				t.Error("the server left the connection open")
			}
			conn.Close() // the server lingers, so that its last words arrive
			if tt.reason != "" {
				eventually(t, 5*time.Second, tt.reason+" is counted", func() bool { return s.refusals(t, tt.reason) > before })
			}
		})
	}

	t.Run("half handshakes", func(t *testing.T) {
		const many = 50
		var conns []net.Conn
		for n := range many {
			conn, err := net.Dial("tcp", s.rtmp)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = conn.Write(hello[:n*20])
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			_ = conn.SetDeadline(time.Now().Add(40 * time.Second))
			if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
				t.Fatal("a half handshake is still open")
			}
		}
		eventually(t, 5*time.Second, "all are counted", func() bool { return s.refusals(t, "handshake_timeout") == many })
	})

	before, gap, err := good.progress()
	if err != nil || gap > 1000 {
		t.Fatalf("the good viewer: a hole of %d ms, error %v", gap, err)
	}
	eventually(t, 10*time.Second, "the good viewer goes on", func() bool { n, _, _ := good.progress(); return n > before })
	eventually(t, 10*time.Second, "only the publisher and the good viewer are left", func() bool {
		return strings.Count(s.get(t, "api/v1/sessions"), `"id"`) == 2
	})
}

// refusals returns how often connections were refused for a reason.
func (s *server) refusals(t *testing.T, reason string) (n int) {
	t.Helper()
	sample := regexp.MustCompile(`(?m)^weir_refused_total\{.*reason="` + reason + `".*\} (\d+)$`)
	for _, m := range sample.FindAllStringSubmatch(s.get(t, "metrics"), -1) {
		value, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		n += value
	}
	return n
}

// chunk is a whole message of at most 128 bytes with timestamp 0.
func chunk(chunkStream, kind, stream byte, body []byte) []byte {
	return append([]byte{chunkStream, 0, 0, 0, 0, 0, byte(len(body)), kind, stream, 0, 0, 0}, body...)
}
