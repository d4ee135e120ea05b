// Package bits reads the bit fields of codec headers.
package bits

import "fmt"

// Reader reads big-endian bit fields. After the first error it returns zeros,
// so that callers check Err once. It is not safe for concurrent use.
type Reader struct {
	buf []byte
	pos int // in bits
	err error
}

// NewReader returns a Reader at the first bit of b.
func NewReader(b []byte) *Reader { return &Reader{buf: b} }

// Err returns the first error; it names the field and its bit offset.
func (r *Reader) Err() error { return r.err }

// Read returns the next n bits, at most 32.
func (r *Reader) Read(n int, field string) uint32 {
	if !r.has(n, field) {
		return 0
	}
	var v uint32
	for range n {
		v = v<<1 | uint32(r.buf[r.pos/8]>>(7-r.pos%8))&1
		r.pos++
	}
	return v
}

// Flag returns the next bit.
func (r *Reader) Flag(field string) bool { return r.Read(1, field) == 1 }

// Skip leaves out n bits.
func (r *Reader) Skip(n int, field string) {
	if r.has(n, field) {
		r.pos += n
	}
}

// Golomb returns an unsigned Exp-Golomb code, ue(v) in ITU-T H.265, 9.2, which
// AV1 calls uvlc (4.10.3). Codes beyond 32 bits are an error.
func (r *Reader) Golomb(field string) uint32 {
	start, zeros := r.pos, 0
	for r.err == nil && !r.Flag(field) {
		zeros++
	}
	if r.err != nil {
		return 0
	}
	if zeros >= 32 {
		r.err = fmt.Errorf("%s at bit %d has more than 32 bits", field, start)
		return 0
	}
	rest := r.Read(zeros, field)
	if r.err != nil {
		return 0
	}
	return 1<<zeros - 1 + rest
}

func (r *Reader) has(n int, field string) bool {
	if r.err != nil {
		return false
	}
	if have := len(r.buf)*8 - r.pos; have < n {
		r.err = fmt.Errorf("truncated in %s at bit %d: need %d bits, %d remain", field, r.pos, n, have)
		return false
	}
	return true
}
