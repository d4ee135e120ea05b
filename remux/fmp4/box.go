package fmp4

import "encoding/binary"

// boxHeader is the length of a box's size and type (ISO/IEC 14496-12, 4.2).
const boxHeader = 8

// box appends a box whose content fill appends. It is for boxes that are
// written rarely: the closures may allocate.
func box(dst []byte, kind string, fill func([]byte) []byte) []byte {
	start := len(dst)
	dst = fill(append(binary.BigEndian.AppendUint32(dst, 0), kind...))
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

// boxOf appends a box with the content b.
func boxOf(dst []byte, kind string, b ...byte) []byte {
	return append(appendHeader(dst, boxHeader+len(b), kind), b...)
}

// appendHeader appends the header of a box of size bytes, the header included.
func appendHeader(dst []byte, size int, kind string) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(size)), kind...)
}

// appendFullHeader is appendHeader with the version and flags of a FullBox.
func appendFullHeader(dst []byte, size int, kind string, version uint8, flags uint32) []byte {
	return binary.BigEndian.AppendUint32(appendHeader(dst, size, kind), uint32(version)<<24|flags)
}

// appendUint32s appends numbers of 32 bits.
func appendUint32s(dst []byte, values ...uint32) []byte {
	for _, v := range values {
		dst = binary.BigEndian.AppendUint32(dst, v)
	}
	return dst
}
