package h265

import "github.com/weirmedia/weir/pkg/codec/h264"

// IsIRAP reports whether au contains a slice of an intra random access point
// picture (ITU-T H.265, 3.69: NAL unit types 16 to 23), at which decoding can
// start. au has NAL units with prefixes of lengthSize bytes, 1, 2 or 4.
func IsIRAP(au []byte, lengthSize int) bool {
	const first, last = 16, 23
	for nal := range h264.NALs(au, lengthSize) {
		if t := nal[0] >> 1 & 0x3F; t >= first && t <= last {
			return true
		}
	}
	return false
}
