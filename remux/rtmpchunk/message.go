// Package rtmpchunk reads and writes the RTMP chunk stream, which carries
// messages cut into chunks (Adobe, "Real Time Messaging Protocol", 1.0, 2012;
// section numbers below are of that document).
package rtmpchunk

import "github.com/weirmedia/weir/pkg/av"

// Message is one RTMP message (section 4.1).
type Message struct {
	Header
	// Payload belongs to whoever received the message; the reader keeps no
	// reference to it.
	Payload []byte
	// Slab is where Payload lies, if ExpectMedia was given an allocator.
	Slab *av.Slab
}

// Header is what a message carries besides its payload.
type Header struct {
	// ChunkStream is the chunk stream id, 2 to 65,599 (section 5.3.1.1).
	ChunkStream uint32
	Type        Type
	// StreamID is the message stream, 0 for the connection itself.
	StreamID uint32
	// Timestamp is in milliseconds, modulo 2^32, from an origin that the
	// sender chose. It is absolute, however the message was sent.
	Timestamp uint32
}

// Type is a message type id.
type Type = uint8

// The message types (sections 5.4 and 7.1).
const (
	TypeSetChunkSize     Type = 1
	TypeAbort            Type = 2
	TypeAck              Type = 3
	TypeUserControl      Type = 4
	TypeWindowAckSize    Type = 5
	TypeSetPeerBandwidth Type = 6
	TypeAudio            Type = 8
	TypeVideo            Type = 9
	TypeDataAMF3         Type = 15
	TypeSharedObjectAMF3 Type = 16
	TypeCommandAMF3      Type = 17
	TypeDataAMF0         Type = 18
	TypeSharedObjectAMF0 Type = 19
	TypeCommandAMF0      Type = 20
	TypeAggregate        Type = 22
)

// Bounds that the format itself sets.
const (
	// DefaultChunkSize is the chunk size before any Set Chunk Size, in bytes
	// (section 5.4.1).
	DefaultChunkSize = 128
	// MaxPayload is the longest payload that a header can announce, in bytes.
	MaxPayload = 1<<24 - 1
	// ControlChunkStream is the chunk stream of protocol control messages
	// (section 5.4).
	ControlChunkStream = 2
	// MaxChunkStream is the highest chunk stream id.
	MaxChunkStream = 64 + 0xFFFF
)

// extended in the 24-bit timestamp field says that the value follows in 32
// bits (section 5.3.1.3).
const extended = 1<<24 - 1
