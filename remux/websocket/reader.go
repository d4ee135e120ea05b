package websocket

import (
	"bufio"
	"io"
)

// Control is a control frame that a client sent.
type Control struct {
	Opcode Opcode // Close, Ping or Pong
	// Payload is unmasked and valid until the next call.
	Payload []byte
}

// Reader reads what a viewer sends: control frames. Data frames, of which a
// viewer has nothing to say, are skipped whatever their length. It is not safe
// for concurrent use.
type Reader struct {
	src     *bufio.Reader
	payload [MaxControl]byte
}

// NewReader returns a Reader of what follows the opening handshake in r.
func NewReader(r io.Reader) *Reader {
	return &Reader{src: bufio.NewReaderSize(r, 512)}
}

// Next returns the next control frame. The error is io.EOF at a border between
// frames, io.ErrUnexpectedEOF elsewhere, and has reason.BadMessage for what the
// protocol does not allow.
func (r *Reader) Next() (Control, error) {
	for {
		h, err := r.header()
		if err != nil {
			return Control{}, err
		}
		if !h.opcode.control() {
			if _, err := io.CopyN(io.Discard, r.src, int64(h.length)); err != nil {
				return Control{}, inside(err)
			}
			continue
		}
		p := r.payload[:h.length]
		if _, err := io.ReadFull(r.src, p); err != nil {
			return Control{}, inside(err)
		}
		for i := range p {
			p[i] ^= h.mask[i%len(h.mask)]
		}
		return Control{h.opcode, p}, nil
	}
}

// header reads one header, byte by byte as far as it is needed.
func (r *Reader) header() (header, error) {
	for want := 2; ; want++ {
		b, err := r.src.Peek(want)
		if err != nil {
			if len(b) > 0 {
				err = inside(err)
			}
			return header{}, err
		}
		h, n, err := parseHeader(b)
		if err == errShort {
			continue
		}
		if err != nil {
			return header{}, err
		}
		_, err = r.src.Discard(n)
		return h, err
	}
}

func inside(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
