// Package websocket frames messages of other formats for WebSocket and reads
// the frames that viewers send back (RFC 6455; section numbers are of it).
package websocket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/weirmedia/weir/pkg/reason"
)

// Opcode says what a frame is (5.2).
type Opcode byte

// The opcodes.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

func (o Opcode) control() bool { return o&0x8 != 0 }

// The close codes that a server of media has use for (7.4.1).
const (
	StatusNormal        = 1000
	StatusGoingAway     = 1001
	StatusProtocolError = 1002
	StatusPolicy        = 1008
	StatusTooBig        = 1009
	StatusInternalError = 1011
	StatusTryAgainLater = 1013
)

const (
	final  = 0x80 // FIN, in the first byte
	masked = 0x80 // MASK, in the second

	// MaxControl is the longest payload of a control frame in bytes (5.5).
	MaxControl = 125
	// maxHeader is the longest header without mask.
	maxHeader = 10
)

// AppendHeader appends the header of an unfragmented frame without mask, as
// servers send it, for n bytes of payload.
func AppendHeader(dst []byte, o Opcode, n int) []byte {
	dst = append(dst, final|byte(o))
	switch {
	case n < 126:
		return append(dst, byte(n))
	case n <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
}

// AppendControl appends a control frame. Payloads beyond MaxControl are cut.
func AppendControl(dst []byte, o Opcode, payload []byte) []byte {
	payload = payload[:min(len(payload), MaxControl)]
	return append(AppendHeader(dst, o, len(payload)), payload...)
}

// AppendClose appends a close frame with a code and a text, which is cut to
// what fits at the border of a character.
func AppendClose(dst []byte, code uint16, text string) []byte {
	text = text[:min(len(text), MaxControl-2)]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return AppendControl(dst, Close, append(binary.BigEndian.AppendUint16(nil, code), text...))
}

// errShort is what parseHeader returns if more bytes are needed.
var errShort = errors.New("header not complete")

// header is the header of a frame that a client sent.
type header struct {
	opcode Opcode
	final  bool
	length uint64
	mask   [4]byte
}

// parseHeader reads the header at the start of b and returns its length.
func parseHeader(b []byte) (h header, n int, err error) {
	if len(b) < 2 {
		return h, 0, errShort
	}
	h.final, h.opcode = b[0]&final != 0, Opcode(b[0]&0x0F)
	if b[0]&0x70 != 0 {
		return h, 0, protocolError("reserved bits 0x%02x are set", b[0]&0x70)
	}
	if b[1]&masked == 0 {
		return h, 0, protocolError("the frame is not masked")
	}
	n = 2
	switch h.length = uint64(b[1] &^ masked); h.length {
	case 126:
		if len(b) < 4 {
			return h, 0, errShort
		}
		h.length, n = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case 127:
		if len(b) < maxHeader {
			return h, 0, errShort
		}
		h.length, n = binary.BigEndian.Uint64(b[2:]), maxHeader
	}
	if len(b) < n+4 {
		return h, 0, errShort
	}
	copy(h.mask[:], b[n:])
	return h, n + 4, h.check()
}

func (h *header) check() error {
	switch h.opcode {
	case Continuation, Text, Binary, Close, Ping, Pong:
	default:
		return protocolError("unknown opcode %d", h.opcode)
	}
	switch {
	case h.length > 1<<62:
		return protocolError("length %d", h.length)
	case h.opcode.control() && (h.length > MaxControl || !h.final):
		return protocolError("control frame of %d bytes, final %t", h.length, h.final)
	}
	return nil
}

func protocolError(format string, args ...any) error {
	return reason.Wrap(reason.BadMessage, fmt.Errorf("websocket: "+format, args...))
}
