package bench

import (
	"bytes"

	"github.com/weirmedia/weir/pkg/codec/h264"
)

// Stamp is what a marker says of its picture.
type Stamp struct {
	// Number counts the pictures of one publisher from 0.
	Number uint64
	// Time is when the picture was handed to the network, in nanoseconds of Unix
	// time: publisher and player may be different processes, and on different
	// machines as far as their clocks agree.
	Time int64
}

// The marker is an SEI NAL unit with one message, user_data_unregistered
// (ITU-T H.264, D.1.7): decoders skip it. Its content is put in seven bits to a
// byte below a set bit, so that no byte is zero: the NAL unit then needs no
// emulation prevention (7.4.1), and its size is always the same.
const (
	seiUserDataUnregistered = 5
	sevenBits               = 10 // bytes that hold 64 bits
	stampSize               = 2 * sevenBits
	rbspTrailing            = 0x80

	markerHeader = 3 // NAL header, payload type, payload size
	markerSize   = markerHeader + len(markerID) + stampSize + 1
	// stampOffset is where the stamp begins in the marker.
	stampOffset = markerHeader + len(markerID)
)

// markerID is the uuid_iso_iec_11578 of weir's markers, version 4.
const markerID = "\x9e\x1f\x5b\xc4\x62\xa7\x4d\x3e\xb8\x51\x77\x2c\xe6\x90\x1d\xf3"

// appendMarker appends a marker whose stamp is still to be put in.
func appendMarker(dst []byte) []byte {
	dst = append(dst, h264.NALTypeSEI, seiUserDataUnregistered, byte(len(markerID)+stampSize))
	dst = append(dst, markerID...)
	dst = append(dst, make([]byte, stampSize)...)
	putStamp(dst[len(dst)-stampSize:], Stamp{})
	return append(dst, rbspTrailing)
}

// putStamp writes s to the first stampSize bytes of dst.
func putStamp(dst []byte, s Stamp) {
	put7(dst[:sevenBits], s.Number)
	put7(dst[sevenBits:stampSize], uint64(s.Time))
}

func put7(dst []byte, v uint64) {
	for i := range dst {
		dst[i] = 0x80 | byte(v>>(7*i))
	}
}

func get7(src []byte) (v uint64) {
	for i, c := range src {
		v |= uint64(c&0x7F) << (7 * i)
	}
	return v
}

// findStamp returns the stamp of an access unit whose NAL units have length
// prefixes of lengthSize bytes.
func findStamp(au []byte, lengthSize int) (Stamp, bool) {
	for nal := range h264.NALs(au, lengthSize) {
		if isSlice(nal) {
			break // SEI comes first (7.4.1.2.3)
		}
		if h264.NALType(nal) != h264.NALTypeSEI {
			continue
		}
		// A server may have put several messages into one NAL unit.
		if i := bytes.Index(nal, []byte(markerID)); i >= 0 && len(nal) >= i+len(markerID)+stampSize {
			b := nal[i+len(markerID):]
			return Stamp{Number: get7(b[:sevenBits]), Time: int64(get7(b[sevenBits:stampSize]))}, true
		}
	}
	return Stamp{}, false
}

// isSlice reports whether a NAL unit holds a part of the picture itself.
func isSlice(nal []byte) bool {
	t := h264.NALType(nal)
	return t >= h264.NALTypeNonIDR && t <= h264.NALTypeIDR
}

// insertMarker returns a copy of an access unit with a marker before its first
// slice, and the offset of the stamp in it. It returns false if there is no
// slice or the unit is broken.
func insertMarker(au []byte, lengthSize int) (marked []byte, stamp int, ok bool) {
	if h264.CheckNALs(au, lengthSize) != nil {
		return nil, 0, false
	}
	marked = make([]byte, 0, len(au)+lengthSize+markerSize)
	for nal := range h264.NALs(au, lengthSize) {
		if isSlice(nal) && !ok {
			marked = appendLength(marked, markerSize, lengthSize)
			stamp, ok = len(marked)+stampOffset, true
			marked = appendMarker(marked)
		}
		marked = append(appendLength(marked, len(nal), lengthSize), nal...)
	}
	return marked, stamp, ok
}

// appendLength appends n as a big-endian number of size bytes.
func appendLength(dst []byte, n, size int) []byte {
	for shift := 8 * (size - 1); shift >= 0; shift -= 8 {
		dst = append(dst, byte(n>>shift))
	}
	return dst
}
