package rtmpchunk

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

const (
	// mediaBuffer is the size of the read buffer in bytes while media is
	// expected: enough that headers and audio cost few reads, little enough for
	// thousands of connections. Payloads longer than that go from the source into
	// the message directly. commandBuffer holds what players send.
	mediaBuffer   = 4 << 10
	commandBuffer = 512

	// trustedPayload is how many bytes are allocated because a header
	// announces them. Beyond that a payload grows as it arrives, by doubling,
	// so that announcing 16 MB and sending nothing costs a server little.
	// 64 KiB holds nearly every frame of a stream below 10 Mbit/s at once. A
	// connection whose unfinished messages have that much already gets 4 KiB
	// for another one: enough for audio between the chunks of a key frame.
	trustedPayload = 64 << 10
	furtherPayload = 4 << 10
)

// Reader reads messages from a chunk stream. It is not safe for concurrent
// use. After an error it must not be used any more.
type Reader struct {
	src       *bufio.Reader
	limits    Limits
	chunkSize uint32
	streams   []*chunkStream
	// unfinished counts the messages that have begun and are not complete,
	// held the bytes allocated for them.
	unfinished int
	held       int
	bytes      uint64
	allocator  *av.Allocator
}

// chunkStream is what the headers of one chunk stream build upon, and the
// message that it is in.
type chunkStream struct {
	header
	inMessage bool
	payload   []byte // of the message being read; cap is what was allocated
	slab      *av.Slab
}

// header is what a chunk header says, once what it left out was filled in.
type header struct {
	Header        // Timestamp is absolute
	length uint32 // of the whole payload
	// field is the last timestamp (type 0) or timestamp delta (types 1 and 2)
	// that was sent, whether in 24 or in 32 bits.
	field    uint32
	extended bool // field was sent in 32 bits
}

// NewReader returns a Reader of the chunks in r, which begin behind the
// handshake. It reads ahead; if r is a *bufio.Reader of at least 4 KiB, it is
// used as it is and no second buffer is made.
func NewReader(r io.Reader, limits Limits) *Reader {
	return &Reader{
		src:       bufio.NewReaderSize(r, commandBuffer),
		limits:    limits.withDefaults(),
		chunkSize: DefaultChunkSize,
	}
}

// ExpectMedia makes the reader read more at once, and take the payloads of
// audio and video from a unless that is nil.
func (r *Reader) ExpectMedia(a *av.Allocator) {
	r.allocator = a
	if r.src.Size() < mediaBuffer {
		r.src = bufio.NewReaderSize(r.src, mediaBuffer)
	}
}

// BytesRead returns the number of bytes consumed so far, for acknowledgements
// (section 5.4.3). Bytes read ahead do not count before they are used.
func (r *Reader) BytesRead() uint64 { return r.bytes }

// Wait returns when there is something to read. It waits with less stack than
// ReadMessage. The errors are those of the source, as ReadMessage passes them on.
func (r *Reader) Wait() error {
	_, err := r.first()
	return err
}

// first returns the first byte of a chunk, without consuming it.
func (r *Reader) first() (byte, error) {
	b, err := r.src.Peek(1)
	switch {
	case err == nil:
		return b[0], nil
	case r.unfinished > 0 && errors.Is(err, io.EOF):
		return 0, io.ErrUnexpectedEOF
	}
	return 0, err
}

// ReadMessage returns the next message that is complete. Set Chunk Size and
// Abort messages act on the reader and are not returned.
//
// The error is io.EOF if the source ended where no message was under way, and
// io.ErrUnexpectedEOF if it ended elsewhere. Errors of the source are passed
// on as they are. Broken input gives a *ProtocolError or a *LimitError, with
// reason.BadChunk.
func (r *Reader) ReadMessage() (Message, error) {
	for {
		cs, err := r.readChunk()
		if err != nil {
			return Message{}, err
		}
		if uint32(len(cs.payload)) < cs.length {
			continue
		}
		m := Message{Header: cs.Header, Payload: cs.payload, Slab: cs.slab}
		r.endMessage(cs)
		switch m.Type {
		case TypeSetChunkSize:
			err = r.setChunkSize(m)
		case TypeAbort:
			err = r.abort(m)
		default:
			return m, nil
		}
		if err != nil {
			return Message{}, err
		}
	}
}

func (r *Reader) setChunkSize(m Message) error {
	size, err := ParseSetChunkSize(m.Payload)
	if err != nil {
		return broken(m.ChunkStream, "%v", err)
	}
	if size > r.limits.MaxChunkSize {
		return exceeded("bytes of chunk size", m.ChunkStream, uint64(size), uint64(r.limits.MaxChunkSize))
	}
	r.chunkSize = size
	return nil
}

// abort drops the unfinished message of the chunk stream that m names. Its
// header stays: later headers build upon it (section 5.4.2).
func (r *Reader) abort(m Message) error {
	id, err := ParseAbort(m.Payload)
	if err != nil {
		return broken(m.ChunkStream, "%v", err)
	}
	if cs := r.stream(id); cs != nil && cs.inMessage {
		r.endMessage(cs)
	}
	return nil
}

func (r *Reader) startMessage(cs *chunkStream) {
	cs.inMessage = true
	r.unfinished++
}

// endMessage forgets the message that cs is in; its payload has a new owner
// or none.
func (r *Reader) endMessage(cs *chunkStream) {
	r.unfinished--
	r.held -= cap(cs.payload)
	cs.inMessage, cs.payload, cs.slab = false, nil, nil
}

// stream returns chunk stream id, nil if it has not begun. Encoders use a few, so
// looking at each is faster than a map.
func (r *Reader) stream(id uint32) *chunkStream {
	for _, cs := range r.streams {
		if cs.ChunkStream == id {
			return cs
		}
	}
	return nil
}

// readChunk reads one chunk, header and data.
func (r *Reader) readChunk() (*chunkStream, error) {
	format, id, err := r.readBasicHeader()
	if err != nil {
		return nil, err
	}
	cs := r.stream(id)
	if cs == nil {
		if cs, err = r.newChunkStream(format, id); err != nil {
			return nil, err
		}
	}
	if err := r.readMessageHeader(cs, format); err != nil {
		return nil, err
	}
	return cs, r.readData(cs)
}

// readBasicHeader reads section 5.3.1.1. Id 2 to 63 take one byte, to 319 two,
// to 65,599 three; longer forms than necessary are accepted.
func (r *Reader) readBasicHeader() (format uint8, id uint32, err error) {
	first, err := r.first()
	if err != nil {
		return 0, 0, err
	}
	r.skip(1)
	var b []byte
	format, id = first>>6, uint32(first&0x3F)
	switch id {
	case 0:
		if b, err = r.take(1); err == nil {
			id = 64 + uint32(b[0])
		}
	case 1:
		if b, err = r.take(2); err == nil {
			id = 64 + uint32(binary.LittleEndian.Uint16(b))
		}
	}
	return format, id, err
}

// newChunkStream makes room for chunk stream id, whose first chunk has this
// format. Type 1 is accepted there, as message stream 0 with a timestamp
// counted from 0: librtmp begins its control chunk stream that way.
func (r *Reader) newChunkStream(format uint8, id uint32) (*chunkStream, error) {
	if format > 1 {
		return nil, broken(id, "begins with a type %d header, which has nothing to refer to", format)
	}
	if n := len(r.streams); n >= r.limits.MaxChunkStreams {
		return nil, exceeded("chunk streams", id, uint64(n)+1, uint64(r.limits.MaxChunkStreams))
	}
	cs := &chunkStream{header: header{Header: Header{ChunkStream: id}}}
	r.streams = append(r.streams, cs)
	return cs, nil
}

// headerSize is the length of the message header by format, without extended
// timestamp (section 5.3.1.2).
var headerSize = [4]int{11, 7, 3, 0}

// readMessageHeader reads what follows the basic header and begins a message
// unless cs is in one.
//
// A type 3 header that begins a message repeats the last field as its delta.
// Behind a type 0 header that field is a timestamp, and the specification has
// it taken as a delta all the same (section 5.3.1.2.4). ffmpeg writes it and
// ffmpeg, librtmp and SRS read it that way, so every encoder tested with one
// of them relies on it; nginx-rtmp alone takes 0. The two agree where it
// happens most, with streams that start at 0.
//
// A header other than type 3 inside a message is taken for a continuation, as
// ffmpeg and nginx-rtmp do, if it announces the same message.
func (r *Reader) readMessageHeader(cs *chunkStream, format uint8) error {
	next := cs.header
	b, err := r.take(headerSize[format])
	if err != nil {
		return err
	}
	if format <= 2 {
		next.field = uint24(b)
	}
	if format <= 1 {
		next.length, next.Type = uint24(b[3:]), b[6]
	}
	if format == 0 {
		next.StreamID = binary.LittleEndian.Uint32(b[7:])
	}
	if err := r.readExtendedTimestamp(&next, format); err != nil {
		return err
	}
	if cs.inMessage {
		if next.length != cs.length || next.Type != cs.Type {
			return broken(cs.ChunkStream, "message of type %d and %d bytes begins inside one of type %d and %d bytes",
				next.Type, next.length, cs.Type, cs.length)
		}
		return nil
	}
	if next.length > r.limits.MaxMessage {
		return exceeded("message bytes", cs.ChunkStream, uint64(next.length), uint64(r.limits.MaxMessage))
	}
	if format == 0 {
		next.Timestamp = next.field
	} else {
		next.Timestamp += next.field
	}
	cs.header = next
	r.startMessage(cs)
	return nil
}

// readExtendedTimestamp reads section 5.3.1.3 into h, if it is there.
//
// Behind types 0 to 2 it is there if the 24-bit field says so. Type 3 headers
// repeat it in what most encoders send, as the specification demands; some
// leave it out. So type 3 data is compared with the value to be repeated: a
// sender that repeats always matches, and one that leaves it out is
// misunderstood only if its data has these very four bytes there, once in
// 2^32 chunks by chance, and only on timelines beyond 4.6 hours. Bytes are
// compared one by one as they come, so that nothing is waited for that the
// sender may not send.
func (r *Reader) readExtendedTimestamp(h *header, format uint8) error {
	if format <= 2 {
		h.extended = h.field == extended
		if !h.extended {
			return nil
		}
		b, err := r.take(4)
		if err != nil {
			return err
		}
		h.field = binary.BigEndian.Uint32(b)
		return nil
	}
	if !h.extended {
		return nil
	}
	for n := 1; n <= 4; n++ {
		b, err := r.src.Peek(n)
		if errors.Is(err, io.EOF) {
			return nil // too short for it: the data decides what that means
		}
		if err != nil {
			return err
		}
		if b[n-1] != byte(h.field>>(32-8*n)) {
			return nil
		}
	}
	r.skip(4)
	return nil
}

// readData reads the data of one chunk into the payload.
func (r *Reader) readData(cs *chunkStream) error {
	left := int(min(cs.length-uint32(len(cs.payload)), r.chunkSize))
	for left > 0 {
		have := len(cs.payload)
		if have == cap(cs.payload) {
			if err := r.grow(cs); err != nil {
				return err
			}
		}
		n := min(left, cap(cs.payload)-have)
		if n, err := io.ReadFull(r.src, cs.payload[have:have+n]); err != nil {
			r.bytes += uint64(n)
			return inside(err)
		}
		cs.payload = cs.payload[:have+n]
		r.bytes += uint64(n)
		left -= n
	}
	return nil
}

// grow gives the payload room for more. The last time it ends at exactly the
// announced length: it becomes a frame's payload and lives long.
func (r *Reader) grow(cs *chunkStream) error {
	have, trusted := cap(cs.payload), trustedPayload
	if r.held >= trustedPayload {
		trusted = furtherPayload
	}
	size := min(int(cs.length), max(trusted, 2*have))
	if held := r.held - have + size; held > r.limits.MaxUnfinished {
		return exceeded("bytes of unfinished messages", cs.ChunkStream, uint64(held), uint64(r.limits.MaxUnfinished))
	}
	payload := r.allocate(cs, size)
	cs.payload = payload[:copy(payload, cs.payload)]
	r.held += size - have
	return nil
}

// allocate returns size bytes for the message of cs, which may be a part of it.
func (r *Reader) allocate(cs *chunkStream, size int) (payload []byte) {
	media := cs.Type == TypeAudio || cs.Type == TypeVideo
	if r.allocator == nil || !media || size < int(cs.length) || len(cs.payload) > 0 {
		cs.slab = nil
		return make([]byte, size)
	}
	payload, cs.slab = r.allocator.Make(size)
	return payload
}

// take consumes n bytes of a header. They are valid until the next read.
func (r *Reader) take(n int) ([]byte, error) {
	b, err := r.src.Peek(n)
	if err != nil {
		return nil, inside(err)
	}
	r.skip(n)
	return b, nil
}

// skip consumes n bytes that Peek has shown.
func (r *Reader) skip(n int) {
	_, _ = r.src.Discard(n) // cannot fail: the bytes are in the buffer
	r.bytes += uint64(n)
}

// inside marks an end of input as unexpected.
func inside(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

func broken(id uint32, format string, args ...any) error {
	return reason.Wrap(reason.BadChunk, &ProtocolError{ChunkStream: id, Problem: fmt.Sprintf(format, args...)})
}

func exceeded(what string, id uint32, value, limit uint64) error {
	return reason.Wrap(reason.BadChunk, &LimitError{Limit: what, ChunkStream: id, Value: value, Max: limit})
}
