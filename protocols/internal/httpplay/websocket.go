package httpplay

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/websocket"
)

// upgradeHeaders makes a request one for WebSocket (RFC 6455, 4.1) and returns
// the key that the server has to answer.
func upgradeHeaders(h http.Header) string {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	key := base64.StdEncoding.EncodeToString(nonce[:])
	h.Set("Connection", "Upgrade")
	h.Set("Upgrade", "websocket")
	h.Set("Sec-WebSocket-Version", "13")
	h.Set("Sec-WebSocket-Key", key)
	return key
}

// upgraded checks the answer to a request for WebSocket (RFC 6455, 4.1) and
// begins to read what follows it.
func (s *Stream) upgraded(r *http.Response, key string) error {
	if r.StatusCode != http.StatusSwitchingProtocols {
		return Refusal(r)
	}
	if got := r.Header.Get("Sec-WebSocket-Accept"); got != websocket.AcceptKey(key) || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return badFrame("the server did not accept the upgrade")
	}
	conn, ok := r.Body.(io.ReadWriter)
	if !ok {
		return errors.New("websocket: the connection cannot be written")
	}
	s.body = newMessages(conn)
	return nil
}

// messages reads the payload of the data frames of a server, one after the
// other, as a stream of bytes. It answers pings. It returns io.EOF, always
// between frames, when the server closes normally, and else a *StatusError.
type messages struct {
	src  *bufio.Reader
	dst  io.Writer
	left uint64 // of the payload of the frame that is being read
	open bool   // a message is not complete
}

// newMessages reads frames from conn and writes to it.
func newMessages(conn io.ReadWriter) *messages {
	const bufferSize = 4096 // frame headers; larger payloads are read past it
	return &messages{src: bufio.NewReaderSize(conn, bufferSize), dst: conn}
}

// Read returns payload of one frame at most.
func (m *messages) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for m.left == 0 {
		if err := m.next(); err != nil {
			return 0, err
		}
	}
	n, err := m.src.Read(b[:min(uint64(len(b)), m.left)])
	m.left -= uint64(n)
	return n, inside(err)
}

// next reads a frame header (RFC 6455, 5.2) and, if the frame is a control
// frame, obeys it.
func (m *messages) next() error {
	var head [8]byte
	switch n, err := io.ReadFull(m.src, head[:2]); {
	case err == io.EOF && n == 0: // the end is told by a close frame
		return fmt.Errorf("websocket: closed without a word: %w", io.ErrUnexpectedEOF)
	case err != nil:
		return err
	}
	final, opcode := head[0]&0x80 != 0, websocket.Opcode(head[0]&0x0F)
	switch {
	case head[0]&0x70 != 0:
		return badFrame("reserved bits 0x%02x are set", head[0]&0x70)
	case head[1]&0x80 != 0:
		return badFrame("the server's frame is masked")
	}
	length := uint64(head[1])
	if size := map[uint64]int{126: 2, 127: 8}[length]; size > 0 {
		clear(head[:])
		if _, err := io.ReadFull(m.src, head[8-size:]); err != nil {
			return inside(err)
		}
		length = binary.BigEndian.Uint64(head[:])
	}
	switch opcode {
	case websocket.Binary, websocket.Continuation:
		if (opcode == websocket.Continuation) != m.open {
			return badFrame("opcode %d, but a message is open: %t", opcode, m.open)
		}
		m.open, m.left = !final, length
		return nil
	case websocket.Close, websocket.Ping, websocket.Pong:
		if length > websocket.MaxControl || !final {
			return badFrame("control frame of %d bytes, final %t", length, final)
		}
		return m.control(opcode, int(length))
	}
	return badFrame("opcode %d; media comes in binary messages", opcode)
}

// control reads the payload of a control frame and does what it asks for.
func (m *messages) control(o websocket.Opcode, n int) error {
	payload := make([]byte, n)
	if _, err := io.ReadFull(m.src, payload); err != nil {
		return inside(err)
	}
	switch o {
	case websocket.Ping:
		return m.send(websocket.Pong, payload)
	case websocket.Close:
		_ = m.send(websocket.Close, payload[:min(2, n)]) // the server may be gone
		return closing(payload)
	}
	return nil
}

// send sends a control frame, masked as a client's have to be (RFC 6455, 5.3).
// The mask keeps scripts from choosing the bytes on the wire; what is sent here
// came from the server, so that any will do.
func (m *messages) send(o websocket.Opcode, payload []byte) error {
	const final, masked = 0x80, 0x80
	b := []byte{final | byte(o), masked | byte(len(payload)), 0, 0, 0, 0} // x ^ 0 is x
	_, err := m.dst.Write(append(b, payload...))
	return err
}

// closing returns the error that a close frame means (RFC 6455, 5.5.1).
func closing(payload []byte) error {
	if len(payload) < 2 {
		return io.EOF
	}
	e := &StatusError{Status: int(binary.BigEndian.Uint16(payload))}
	text := strings.ToValidUTF8(string(payload[2:]), "?")
	if e.Status == websocket.StatusNormal {
		return io.EOF
	}
	for _, r := range reason.All() {
		if text == string(r) {
			e.Code = text
			return e
		}
	}
	e.Message = text
	return e
}

// inside marks the end of the connection as unexpected.
func inside(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func badFrame(format string, args ...any) error {
	return reason.Wrap(reason.BadMessage, fmt.Errorf("websocket: "+format, args...))
}
