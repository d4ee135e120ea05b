package rtmpchunk

import (
	"encoding/binary"
	"fmt"
)

// AppendSetChunkSize appends a Set Chunk Size message: all chunks after it
// have size bytes of data, 1 to 0x7FFFFFFF (section 5.4.1).
func AppendSetChunkSize(dst []byte, size uint32) []byte {
	return appendControl(dst, TypeSetChunkSize, binary.BigEndian.AppendUint32(nil, size))
}

// ParseSetChunkSize returns the chunk size in bytes, 1 to 0x7FFFFFFF.
func ParseSetChunkSize(payload []byte) (uint32, error) {
	size, err := parseUint32("set chunk size", payload)
	if err == nil && (size == 0 || size > chunkSizeBits) {
		return 0, fmt.Errorf("set chunk size: %d is outside 1 to %d", size, chunkSizeBits)
	}
	return size, err
}

// AppendAbort appends an Abort message: the receiver drops the unfinished
// message of a chunk stream (section 5.4.2).
func AppendAbort(dst []byte, chunkStream uint32) []byte {
	return appendControl(dst, TypeAbort, binary.BigEndian.AppendUint32(nil, chunkStream))
}

// ParseAbort returns the chunk stream whose unfinished message is to be
// dropped.
func ParseAbort(payload []byte) (chunkStream uint32, err error) {
	return parseUint32("abort", payload)
}

// AppendAck appends an Acknowledgement of all bytes received so far, modulo
// 2^32 (section 5.4.3).
func AppendAck(dst []byte, received uint32) []byte {
	return appendControl(dst, TypeAck, binary.BigEndian.AppendUint32(nil, received))
}

// ParseAck returns the number of bytes that the peer has received, modulo 2^32.
func ParseAck(payload []byte) (received uint32, err error) {
	return parseUint32("acknowledgement", payload)
}

// AppendWindowAckSize appends a Window Acknowledgement Size message: the
// receiver is to acknowledge every size bytes (section 5.4.4).
func AppendWindowAckSize(dst []byte, size uint32) []byte {
	return appendControl(dst, TypeWindowAckSize, binary.BigEndian.AppendUint32(nil, size))
}

// ParseWindowAckSize returns the bytes after which the peer expects an
// acknowledgement. It may be 0.
func ParseWindowAckSize(payload []byte) (size uint32, err error) {
	return parseUint32("window acknowledgement size", payload)
}

// BandwidthLimit is the limit type of Set Peer Bandwidth (section 5.4.5).
type BandwidthLimit uint8

// The bandwidth limit types.
const (
	BandwidthHard    BandwidthLimit = 0
	BandwidthSoft    BandwidthLimit = 1
	BandwidthDynamic BandwidthLimit = 2
)

// AppendSetPeerBandwidth appends a Set Peer Bandwidth message: the receiver is
// to have no more than size unacknowledged bytes under way (section 5.4.5).
func AppendSetPeerBandwidth(dst []byte, size uint32, limit BandwidthLimit) []byte {
	return appendControl(dst, TypeSetPeerBandwidth, append(binary.BigEndian.AppendUint32(nil, size), byte(limit)))
}

// ParseSetPeerBandwidth returns the window in bytes and the limit type, which
// may be an unknown one.
func ParseSetPeerBandwidth(payload []byte) (size uint32, limit BandwidthLimit, err error) {
	if len(payload) < 5 {
		return 0, 0, tooShort("set peer bandwidth", payload, 5)
	}
	return binary.BigEndian.Uint32(payload), BandwidthLimit(payload[4]), nil
}

// Event is the type of a User Control message.
type Event uint16

// The user control events (section 7.1.7).
const (
	EventStreamBegin      Event = 0
	EventStreamEOF        Event = 1
	EventStreamDry        Event = 2
	EventSetBufferLength  Event = 3
	EventStreamIsRecorded Event = 4
	EventPingRequest      Event = 6
	EventPingResponse     Event = 7
)

// UserControl is the content of a User Control message (sections 6.2, 7.1.7).
type UserControl struct {
	Event Event
	// Value is the message stream that the event is about; for the two ping
	// events, the sender's timestamp in milliseconds.
	Value uint32
	// Buffer is the length of the client's buffer in milliseconds, for
	// EventSetBufferLength only.
	Buffer uint32
}

// AppendUserControl appends a User Control message.
func AppendUserControl(dst []byte, c UserControl) []byte {
	p := binary.BigEndian.AppendUint16(nil, uint16(c.Event))
	p = binary.BigEndian.AppendUint32(p, c.Value)
	if c.Event == EventSetBufferLength {
		p = binary.BigEndian.AppendUint32(p, c.Buffer)
	}
	return appendControl(dst, TypeUserControl, p)
}

// ParseUserControl reads a User Control payload. Of events that are not named
// here, which Adobe's products use among themselves, the Value may be missing.
func ParseUserControl(payload []byte) (UserControl, error) {
	if len(payload) < 2 {
		return UserControl{}, tooShort("user control", payload, 2)
	}
	c := UserControl{Event: Event(binary.BigEndian.Uint16(payload))}
	need := 2
	switch c.Event {
	case EventSetBufferLength:
		need = 10
	case EventStreamBegin, EventStreamEOF, EventStreamDry, EventStreamIsRecorded, EventPingRequest, EventPingResponse:
		need = 6
	}
	if len(payload) < need {
		return UserControl{}, tooShort(fmt.Sprintf("user control event %d", c.Event), payload, need)
	}
	if len(payload) >= 6 {
		c.Value = binary.BigEndian.Uint32(payload[2:])
	}
	if c.Event == EventSetBufferLength {
		c.Buffer = binary.BigEndian.Uint32(payload[6:])
	}
	return c, nil
}

// appendControl appends a message of the protocol itself. All of them fit into
// one chunk of the default size; senders do not choose smaller ones.
func appendControl(dst []byte, t Type, payload []byte) []byte {
	return AppendMessage(dst, Header{ChunkStream: ControlChunkStream, Type: t}, DefaultChunkSize, payload)
}

func parseUint32(what string, payload []byte) (uint32, error) {
	if len(payload) < 4 {
		return 0, tooShort(what, payload, 4)
	}
	return binary.BigEndian.Uint32(payload), nil
}

func tooShort(what string, payload []byte, need int) error {
	return fmt.Errorf("%s: %d bytes, %d are needed", what, len(payload), need)
}
