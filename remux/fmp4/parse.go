package fmp4

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// children calls visit with the type and the content of each box in b, until
// it fails. Offsets in errors count from the start of b.
func children(b []byte, visit func(kind string, b []byte) error) error {
	for offset := 0; offset < len(b); {
		rest := b[offset:]
		if len(rest) < boxHeader {
			return fmt.Errorf("truncated in a box header at offset %d", offset)
		}
		kind, size := string(rest[4:boxHeader]), int64(binary.BigEndian.Uint32(rest))
		if size < boxHeader || size > int64(len(rest)) {
			return fmt.Errorf("%q at offset %d has the size %d, %d bytes remain", kind, offset, size, len(rest))
		}
		if err := visit(kind, rest[boxHeader:size:size]); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		offset += int(size)
	}
	return nil
}

var errTruncated = errors.New("truncated")

// fields reads the fields of a box. After the end of the box it returns zeros,
// so that callers check err once.
type fields struct {
	b   []byte
	err error
}

// skip passes over n bytes and returns them, or n zeros.
func (f *fields) skip(n int) []byte {
	if f.err != nil || len(f.b) < n {
		f.err = errTruncated
		return make([]byte, n)
	}
	out := f.b[:n:n]
	f.b = f.b[n:]
	return out
}

func (f *fields) uint8() uint8   { return f.skip(1)[0] }
func (f *fields) uint16() uint16 { return binary.BigEndian.Uint16(f.skip(2)) }
func (f *fields) uint32() uint32 { return binary.BigEndian.Uint32(f.skip(4)) }
func (f *fields) uint64() uint64 { return binary.BigEndian.Uint64(f.skip(8)) }

// full returns version and flags of a FullBox.
func (f *fields) full() (version uint8, flags uint32) {
	v := f.uint32()
	return uint8(v >> 24), v & 0xFFFFFF
}

// sized returns a field that has 64 bits in version 1 of its box and 32 bits
// before.
func (f *fields) sized(version uint8) uint64 {
	if version == 0 {
		return uint64(f.uint32())
	}
	return f.uint64()
}

// either returns the next field if it is there, else fallback.
func (f *fields) either(there bool, fallback uint32) uint32 {
	if there {
		return f.uint32()
	}
	return fallback
}
