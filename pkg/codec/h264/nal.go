package h264

import (
	"fmt"
	"iter"
)

// The NAL unit types that matter here (ITU-T H.264, table 7-1).
const (
	NALTypeNonIDR uint8 = 1
	NALTypeIDR    uint8 = 5
	NALTypeSEI    uint8 = 6
	NALTypeSPS    uint8 = 7
	NALTypePPS    uint8 = 8
	NALTypeAUD    uint8 = 9
)

// NALType returns the type of a NAL unit, 0 for an empty one.
func NALType(nal []byte) uint8 {
	if len(nal) == 0 {
		return 0
	}
	return nal[0] & 0x1F
}

// NALError reports that an access unit's NAL lengths do not fit the frame.
type NALError struct {
	// Offset is where in the access unit the offending length prefix starts.
	Offset int
	// Length is what the prefix says, -1 if the prefix itself is cut off.
	Length int64
	// Remaining is how many bytes follow Offset (if Length is -1) or the prefix.
	Remaining int
}

func (e *NALError) Error() string {
	if e.Length < 0 {
		return fmt.Sprintf("NAL length at offset %d is cut off: %d bytes remain", e.Offset, e.Remaining)
	}
	return fmt.Sprintf("NAL unit at offset %d has %d bytes, %d remain", e.Offset, e.Length, e.Remaining)
}

// CheckNALs returns a *NALError unless au is a sequence of NAL units with
// prefixes of lengthSize bytes (1, 2 or 4) that ends exactly with a unit.
// Empty units are accepted: encoders pad with them. It does not allocate
// unless it fails.
func CheckNALs(au []byte, lengthSize int) error {
	for offset := 0; offset < len(au); {
		length, ok := nalLength(au[offset:], lengthSize)
		if !ok {
			return &NALError{Offset: offset, Length: -1, Remaining: len(au) - offset}
		}
		remaining := len(au) - offset - lengthSize
		if length > int64(remaining) {
			return &NALError{Offset: offset, Length: length, Remaining: remaining}
		}
		offset += lengthSize + int(length)
	}
	return nil
}

// NALs iterates over the NAL units of au, whose prefixes have lengthSize bytes
// (1, 2 or 4), without allocation. The units alias au; empty ones are left
// out. It stops where CheckNALs would find an error.
func NALs(au []byte, lengthSize int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for rest := au; ; {
			length, ok := nalLength(rest, lengthSize)
			if !ok || length > int64(len(rest)-lengthSize) {
				return
			}
			end := lengthSize + int(length)
			if length > 0 && !yield(rest[lengthSize:end:end]) {
				return
			}
			rest = rest[end:]
		}
	}
}

// IsIDR reports whether au contains a slice of an IDR picture, at which any
// decoder can start. The parameters are those of NALs.
func IsIDR(au []byte, lengthSize int) bool {
	for nal := range NALs(au, lengthSize) {
		if NALType(nal) == NALTypeIDR {
			return true
		}
	}
	return false
}

// nalLength reads the prefix at the start of b; false if b is shorter.
func nalLength(b []byte, size int) (int64, bool) {
	if len(b) < size {
		return 0, false
	}
	var n int64
	for _, c := range b[:size] {
		n = n<<8 | int64(c)
	}
	return n, true
}
