package fanout

import "sync/atomic"

// Segment sizes. A log starts small, since most streams have few viewers, and
// doubles while its segments fill within a second; the largest hold a second
// of 2 Mbit/s, so that a caught-up viewer rarely crosses a border.
const (
	minSegment = 16 << 10
	maxSegment = 256 << 10
)

// segment is a piece of a log. Bytes below size are immutable; size grows by
// whole messages; next is set once the segment is full. Readers hold a segment
// by pointing at it: the garbage collector frees what nobody reads.
type segment struct {
	base int64 // offset in the log of buf[0]
	buf  []byte
	size atomic.Int64
	next atomic.Pointer[segment]
}

func newSegment(base int64, capacity int) *segment {
	return &segment{base: base, buf: make([]byte, capacity)}
}

// end returns the offset after the segment's last published byte.
func (s *segment) end() int64 { return s.base + s.size.Load() }
