package rtmpchunk

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// AppendMessage appends a message to dst, cut into chunks of chunkSize bytes,
// and returns it. The payload is the parts one after the other. It allocates
// only if dst lacks room.
//
// The first header is of type 0, so that a receiver needs to know nothing of
// what was sent before; the others are of type 3 and repeat an extended
// timestamp (section 5.3.1.3).
//
// It panics if the caller asks for what the format cannot express: a chunk
// stream outside 2 to MaxChunkStream, a chunk size below 1 or a payload beyond
// MaxPayload.
func AppendMessage(dst []byte, h Header, chunkSize int, parts ...[]byte) []byte {
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	if h.ChunkStream < 2 || h.ChunkStream > MaxChunkStream || chunkSize < 1 || length > MaxPayload {
		panic(fmt.Sprintf("rtmpchunk: cannot write %d bytes to chunk stream %d in chunks of %d bytes",
			length, h.ChunkStream, chunkSize))
	}
	dst = slices.Grow(dst, encodedLen(h, chunkSize, length))
	dst = appendHeader(dst, h, length)
	room := chunkSize
	for _, p := range parts {
		for len(p) > 0 {
			if room == 0 {
				dst = appendContinuation(dst, h)
				room = chunkSize
			}
			n := min(room, len(p))
			dst = append(dst, p[:n]...)
			p = p[n:]
			room -= n
		}
	}
	return dst
}

// encodedLen is the number of bytes that AppendMessage appends.
func encodedLen(h Header, chunkSize, length int) int {
	basic, timestamp := 1, 0
	if h.ChunkStream >= 64 {
		basic++
	}
	if h.ChunkStream >= 64+256 {
		basic++
	}
	if h.Timestamp >= extended {
		timestamp = 4
	}
	chunks := max(1, (length+chunkSize-1)/chunkSize)
	return chunks*(basic+timestamp) + headerSize[0] + length
}

func appendHeader(dst []byte, h Header, length int) []byte {
	dst = appendBasicHeader(dst, 0, h.ChunkStream)
	dst = appendUint24(dst, min(h.Timestamp, extended))
	dst = appendUint24(dst, uint32(length))
	dst = append(dst, h.Type)
	dst = binary.LittleEndian.AppendUint32(dst, h.StreamID)
	return appendExtended(dst, h.Timestamp)
}

func appendContinuation(dst []byte, h Header) []byte {
	return appendExtended(appendBasicHeader(dst, 3, h.ChunkStream), h.Timestamp)
}

func appendBasicHeader(dst []byte, format byte, id uint32) []byte {
	switch {
	case id < 64:
		return append(dst, format<<6|byte(id))
	case id < 64+256:
		return append(dst, format<<6, byte(id-64))
	}
	return binary.LittleEndian.AppendUint16(append(dst, format<<6|1), uint16(id-64))
}

func appendExtended(dst []byte, timestamp uint32) []byte {
	if timestamp < extended {
		return dst
	}
	return binary.BigEndian.AppendUint32(dst, timestamp)
}

func appendUint24(dst []byte, v uint32) []byte {
	return append(dst, byte(v>>16), byte(v>>8), byte(v))
}
