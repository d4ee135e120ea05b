//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"
)

// A reader of WebSocket of the tests' own (RFC 6455), as small as a viewer's
// can be: it says nothing after the opening handshake.

const (
	wsBinary = 2
	wsClose  = 8
)

// wsClosed is the error at the close frame.
type wsClosed struct {
	code   uint16
	reason string
}

func (e *wsClosed) Error() string { return fmt.Sprintf("closed with %d %q", e.code, e.reason) }

// wsReader reads the bytes in binary messages.
type wsReader struct {
	r    *bufio.Reader
	left int // bytes of the message that is being read
}

// dialWebSocket does the opening handshake. The connection is closed when the
// test ends.
func dialWebSocket(t *testing.T, address, path string) *wsReader {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	key := base64.StdEncoding.EncodeToString([]byte("sixteen letters!"))
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", path, address, key)
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	if want := base64.StdEncoding.EncodeToString(sum[:]); resp.StatusCode != http.StatusSwitchingProtocols ||
		resp.Header.Get("Sec-WebSocket-Accept") != want {
		t.Fatalf("the upgrade was answered by %s, Sec-WebSocket-Accept %q, want 101 and %q",
			resp.Status, resp.Header.Get("Sec-WebSocket-Accept"), want)
	}
	return &wsReader{r: r}
}

// Read implements io.Reader. The error at the end is a *wsClosed.
func (w *wsReader) Read(p []byte) (int, error) {
	for w.left == 0 {
		if err := w.nextFrame(); err != nil {
			return 0, err
		}
	}
	n, err := w.r.Read(p[:min(len(p), w.left)])
	w.left -= n
	return n, err
}

// nextFrame reads the header of a frame, and all of a control frame.
func (w *wsReader) nextFrame() error {
	var h [2]byte
	if _, err := io.ReadFull(w.r, h[:]); err != nil {
		return err
	}
	const final, masked = 0x80, 0x80
	if h[0]&0xF0 != final || h[1]&masked != 0 {
		return fmt.Errorf("frame header % x: want an unmasked, unfragmented frame", h)
	}
	size := uint64(h[1])
	wide := make([]byte, 8)
	switch size {
	case 126:
		if _, err := io.ReadFull(w.r, wide[6:]); err != nil {
			return err
		}
		size = binary.BigEndian.Uint64(wide)
	case 127:
		if _, err := io.ReadFull(w.r, wide); err != nil {
			return err
		}
		size = binary.BigEndian.Uint64(wide)
	}
	switch opcode := h[0] & 0x0F; opcode {
	case wsBinary:
		w.left = int(size)
		return nil
	case wsClose:
		payload := make([]byte, size)
		if _, err := io.ReadFull(w.r, payload); err != nil {
			return err
		}
		if len(payload) < 2 {
			return fmt.Errorf("a close frame of %d bytes", len(payload))
		}
		return &wsClosed{binary.BigEndian.Uint16(payload), string(payload[2:])}
	default:
		return fmt.Errorf("a frame with opcode %d", opcode)
	}
}

// readMedia reads n tags of pictures and sound and returns all up to there.
func readMedia(t *testing.T, f *flvReader, n int) (headers, media []flvTag) {
	t.Helper()
	for len(media) < n {
		tag, err := f.next()
		switch {
		case err != nil:
			t.Fatalf("after %d tags: %v", len(media), err)
		case tag.media():
			media = append(media, tag)
		default:
			headers = append(headers, tag)
		}
	}
	return headers, media
}

func sameTag(a, b flvTag) bool {
	return a.kind == b.kind && a.timestamp == b.timestamp && bytes.Equal(a.body, b.body)
}

// TestFullWSFLV: WS-FLV has the tags of HTTP-FLV, and says at the end why it
// ends.
func TestFullWSFLV(t *testing.T) {
	t.Parallel()
	s := startServer(t, settings{"stream.grace": "1s"})
	publisher := s.publish(t, hardClip, "live/test", publishOptions{})
	socket, err := newFLVReader(dialWebSocket(t, s.http, "/live/test.flv"))
	if err != nil {
		t.Fatal(err)
	}
	overHTTP := openFLV(t, s.httpURL("live/test.flv"))
	if socket.flags != overHTTP.flags {
		t.Errorf("the file header's flags are %d, HTTP-FLV has %d", socket.flags, overHTTP.flags)
	}
	const enough, overlap = 500, 300
	_, got := readMedia(t, socket, enough)
	_, want := readMedia(t, overHTTP, enough)
	requireOverlap(t, got, want, overlap)

	publisher.kill()
	for err == nil {
		_, err = socket.next()
	}
	var closed *wsClosed
	if !errors.As(err, &closed) || closed.code != 1000 || closed.reason != "stream_ended" {
		t.Errorf("the socket ended with %v, want 1000 stream_ended", err)
	}
}

// requireOverlap checks that from where the later of two viewers began, both
// have the same tags, and at least so many.
func requireOverlap(t *testing.T, a, b []flvTag, least int) {
	t.Helper()
	begin := func(tags []flvTag, first flvTag) int {
		return slices.IndexFunc(tags, func(g flvTag) bool { return sameTag(g, first) })
	}
	if at := begin(a, b[0]); at >= 0 {
		a = a[at:]
	} else if at := begin(b, a[0]); at >= 0 {
		b = b[at:]
	} else {
		t.Fatal("the two viewers have no tag in common")
	}
	n := min(len(a), len(b))
	if n < least {
		t.Fatalf("%d tags in common, want %d", n, least)
	}
	for i := range n {
		if !sameTag(a[i], b[i]) {
			t.Fatalf("tag %d: type %d at %d ms, %d bytes; the other has type %d at %d ms, %d bytes", i,
				a[i].kind, a[i].timestamp, len(a[i].body), b[i].kind, b[i].timestamp, len(b[i].body))
		}
	}
}
