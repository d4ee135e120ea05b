package aac

import (
	"errors"
	"fmt"
)

// bitReader reads big-endian bit fields. After the first error it returns
// zeros, so that callers check err once.
type bitReader struct {
	buf []byte
	pos int // in bits
	err error
}

// read returns the next n bits, at most 24.
func (r *bitReader) read(n int, field string) int {
	if r.err != nil {
		return 0
	}
	if have := len(r.buf)*8 - r.pos; have < n {
		r.err = fmt.Errorf("aac configuration: truncated in %s at bit %d: need %d bits, %d remain", field, r.pos, n, have)
		return 0
	}
	v := 0
	for range n {
		v = v<<1 | int(r.buf[r.pos/8]>>(7-r.pos%8))&1
		r.pos++
	}
	return v
}

// align moves to the next byte border.
func (r *bitReader) align() { r.pos = (r.pos + 7) &^ 7 }

// objectType reads GetAudioObjectType (ISO/IEC 14496-3, 1.6.2.1).
func (r *bitReader) objectType(field string) int {
	t := r.read(5, field)
	if t == typeEscape {
		t = 32 + r.read(6, field)
	}
	return t
}

// sampleRate reads a frequency index or the frequency that follows the escape.
func (r *bitReader) sampleRate(field string) int {
	const escape = 15
	start := r.pos
	index := r.read(4, field)
	var rate int
	switch {
	case r.err != nil:
		return 0
	case index == escape:
		rate = r.read(24, field)
	case index < len(sampleRates):
		rate = sampleRates[index]
	default:
		r.err = fmt.Errorf("aac configuration: %s at bit %d has the reserved index %d", field, start, index)
		return 0
	}
	if rate == 0 && r.err == nil {
		r.err = errors.New("aac configuration: " + field + " is 0 Hz")
	}
	return rate
}
