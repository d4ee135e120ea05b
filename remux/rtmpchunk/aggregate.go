package rtmpchunk

import (
	"bytes"
	"fmt"

	"github.com/weirmedia/weir/pkg/reason"
)

// maxSubMessages bounds the messages in one aggregate message. Servers put a
// second or less of a stream into one, a hundred messages or so.
const maxSubMessages = 4096

const (
	// subHeaderSize is type (1 byte), length (3), timestamp (3, then its highest
	// byte) and stream id (3), as in FLV.
	subHeaderSize = 11
	// backPointerSize follows each sub-message: its size, for reading backwards.
	backPointerSize = 4
)

// SplitAggregate returns the messages in an aggregate message (section 7.1.6).
// Their chunk stream and stream id are m's. Their timestamps count from a time
// of the sender's own and are shifted such that the first gets m's. Payloads
// are copies.
//
// The error has reason.BadMessage: a sub-message is cut off, cannot be part of
// an aggregate (another aggregate, or the chunk stream's own control), or there
// are more than 4096. The messages before it are returned too. A back pointer
// is not looked at, and the last may be missing.
func SplitAggregate(m Message) ([]Message, error) {
	var out []Message
	var first uint32
	for off := 0; off < len(m.Payload); {
		if len(out) == maxSubMessages {
			return out, badAggregate(off, "more than %d messages", maxSubMessages)
		}
		b := m.Payload[off:]
		if len(b) < subHeaderSize {
			return out, badAggregate(off, "header of %d bytes, but %d are left", subHeaderSize, len(b))
		}
		h := m.Header
		h.Type = b[0]
		if h.Type == TypeAggregate || h.Type <= TypeSetPeerBandwidth {
			return out, badAggregate(off, "a message of type %d cannot be part of it", h.Type)
		}
		length := int(uint24(b[1:]))
		timestamp := uint24(b[4:]) | uint32(b[7])<<24
		if b = b[subHeaderSize:]; length > len(b) {
			return out, badAggregate(off, "message of %d bytes, but %d are left", length, len(b))
		}
		if len(out) == 0 {
			first = timestamp
		}
		h.Timestamp = m.Timestamp + timestamp - first
		out = append(out, Message{Header: h, Payload: bytes.Clone(b[:length])})
		off += subHeaderSize + length + min(backPointerSize, len(b)-length)
	}
	return out, nil
}

func badAggregate(off int, format string, args ...any) error {
	return reason.Wrap(reason.BadMessage, fmt.Errorf("aggregate message: byte %d: %s", off, fmt.Sprintf(format, args...)))
}
