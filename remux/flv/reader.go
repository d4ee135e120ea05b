package flv

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/weirmedia/weir/pkg/reason"
)

// Tag is one tag of an FLV file.
type Tag struct {
	// Type is the tag's first byte without its reserved bits. The tags of an
	// encrypted file have the filter bit 0x20 set: no Type of this package.
	Type TagType
	// Timestamp is in milliseconds.
	Timestamp uint32
	// Body belongs to the receiver.
	Body []byte
}

// Header is what the header of an FLV file announces.
type Header struct {
	HasAudio, HasVideo bool
}

// Reader reads an FLV file or an endless FLV stream. It is not safe for
// concurrent use.
type Reader struct {
	r      *bufio.Reader
	offset int64 // of the next byte to read
	begun  bool  // the header was read, or was tried to
	header Header
	// headerErr and err are what Header and Next return from now on.
	headerErr, err error
}

// NewReader returns a Reader that reads from r when it is asked to.
func NewReader(r io.Reader) *Reader {
	// Tag headers are read through the buffer, larger bodies past it.
	const bufferSize = 4096
	return &Reader{r: bufio.NewReaderSize(r, bufferSize)}
}

// Header returns the file header, which it reads if that has not happened yet.
func (r *Reader) Header() (Header, error) {
	if !r.begun {
		r.begun = true
		r.headerErr = r.readHeader()
		r.err = r.headerErr
	}
	return r.header, r.headerErr
}

func (r *Reader) readHeader() error {
	var b [fileHeaderSize]byte
	if err := r.readFull(b[:], "file header"); err != nil {
		return err
	}
	if string(b[:3]) != "FLV" {
		return reason.Wrap(reason.BadMedia, fmt.Errorf("flv: not an FLV file: starts with %q", b[:3]))
	}
	if string(b[:4]) != signatureVersion {
		return reason.Wrap(reason.BadMedia, fmt.Errorf("flv: version %d at offset 3, want 1", b[3]))
	}
	// The header says its own size, so that it could grow. It never did.
	const maxHeader = 1 << 10
	size := binary.BigEndian.Uint32(b[5:])
	if size < fileHeaderSize || size > maxHeader {
		return reason.Wrap(reason.BadMedia, fmt.Errorf("flv: header size %d at offset 5, want %d to %d", size, fileHeaderSize, maxHeader))
	}
	if err := r.readFull(make([]byte, size-fileHeaderSize), "file header"); err != nil {
		return err
	}
	r.header = Header{HasAudio: b[4]&flagAudio != 0, HasVideo: b[4]&flagVideo != 0}
	return nil
}

// Next returns the next tag. At the end it returns io.EOF if the input ends at
// the border of a tag, and an error that wraps io.ErrUnexpectedEOF if it ends
// inside. Errors name the offset in the input and are returned again by later
// calls. PreviousTagSize is skipped without a look, since many writers get it
// wrong and nothing depends on it.
func (r *Reader) Next() (Tag, error) {
	if _, err := r.Header(); err != nil {
		return Tag{}, err
	}
	if r.err != nil {
		return Tag{}, r.err
	}
	t, err := r.next()
	r.err = err
	return t, err
}

func (r *Reader) next() (Tag, error) {
	// The PreviousTagSize is read with the tag after it, not waited for.
	var b [previousTagSize + tagHeaderSize]byte
	start := r.offset
	n, err := io.ReadFull(r.r, b[:])
	r.offset += int64(n)
	if err == io.EOF || (err == io.ErrUnexpectedEOF && n == previousTagSize) {
		return Tag{}, io.EOF
	}
	if err != nil {
		return Tag{}, readError("tag header", start, err)
	}
	h := b[previousTagSize:]
	const reservedBits = 0xC0
	t := Tag{
		Type:      TagType(h[0] &^ reservedBits),
		Timestamp: uint32(h[7])<<24 | uint32(h[4])<<16 | uint32(h[5])<<8 | uint32(h[6]),
	}
	t.Body, err = r.readBody(int(h[1])<<16 | int(h[2])<<8 | int(h[3]))
	if err != nil {
		return Tag{}, err
	}
	return t, nil
}

// readBody reads n bytes into memory that grows as they arrive: a peer that
// announces 16 MB and sends little costs little.
func (r *Reader) readBody(n int) ([]byte, error) {
	const first = 64 << 10 // most frames fit
	body := make([]byte, 0, min(n, first))
	for len(body) < n {
		if len(body) == cap(body) {
			body = slices.Grow(body, min(len(body), n-len(body)))
		}
		begin := len(body)
		body = body[:min(cap(body), n)]
		if err := r.readFull(body[begin:], "tag body"); err != nil {
			return nil, err
		}
	}
	return body[:n:n], nil
}

// readFull fills b, for which the input must not end.
func (r *Reader) readFull(b []byte, what string) error {
	start := r.offset
	n, err := io.ReadFull(r.r, b)
	r.offset += int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return readError(what, start, err)
	}
	return nil
}

func readError(what string, offset int64, err error) error {
	return fmt.Errorf("flv: %s at offset %d: %w", what, offset, err)
}
