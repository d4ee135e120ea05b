package rtmpchunk

import "fmt"

// Limits bounds what a Reader accepts. A field that is 0 has the default.
type Limits struct {
	// MaxMessage is the longest payload of one message in bytes. Default
	// 8 MiB: a key frame of 100 Mbit/s video is about 2 MB.
	MaxMessage uint32
	// MaxChunkStreams is how many chunk streams one connection may use.
	// Default 64: encoders use four to eight, and nginx-rtmp allows 32.
	MaxChunkStreams int
	// MaxUnfinished is how many bytes of memory the messages that are not
	// complete may take together. At least MaxMessage is always allowed.
	// Default 16 MiB: one message of the largest size while others are small.
	MaxUnfinished int
	// MaxChunkSize is the largest chunk size in bytes that a peer may set, at
	// most 0x7FFFFFFF. Default 16 MiB - 1, the longest message there can be:
	// the chunk size costs no memory, and some peers set it to "unlimited".
	MaxChunkSize uint32
}

const (
	defaultMaxMessage      = 8 << 20
	defaultMaxChunkStreams = 64
	defaultMaxUnfinished   = 16 << 20
	defaultMaxChunkSize    = MaxPayload

	// chunkSizeBits is what the format leaves for a chunk size (section 5.4.1).
	chunkSizeBits = 1<<31 - 1
)

func (l Limits) withDefaults() Limits {
	if l.MaxMessage == 0 {
		l.MaxMessage = defaultMaxMessage
	}
	if l.MaxChunkStreams == 0 {
		l.MaxChunkStreams = defaultMaxChunkStreams
	}
	if l.MaxUnfinished == 0 {
		l.MaxUnfinished = defaultMaxUnfinished
	}
	l.MaxUnfinished = max(l.MaxUnfinished, int(l.MaxMessage))
	if l.MaxChunkSize == 0 {
		l.MaxChunkSize = defaultMaxChunkSize
	}
	l.MaxChunkSize = min(l.MaxChunkSize, chunkSizeBits)
	return l
}

// LimitError says that the peer went beyond one of the Limits.
type LimitError struct {
	// Limit says what is limited, such as "message bytes".
	Limit string
	// ChunkStream is where it happened.
	ChunkStream uint32
	// Value is what the peer asked for, Max what it may have.
	Value, Max uint64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("rtmpchunk: chunk stream %d: %d %s, the limit is %d", e.ChunkStream, e.Value, e.Limit, e.Max)
}

// ProtocolError says that the peer broke the chunk stream's rules.
type ProtocolError struct {
	// ChunkStream is where it happened.
	ChunkStream uint32
	// Problem says what is wrong.
	Problem string
}

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("rtmpchunk: chunk stream %d: %s", e.ChunkStream, e.Problem)
}
