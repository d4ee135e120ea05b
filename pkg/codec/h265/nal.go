package h265

import "github.com/weirmedia/weir/pkg/codec/h264"

// The NAL unit types that matter here (ITU-T H.265, table 7-1); those below
// NALTypeVPS are slices.
const (
	NALTypeVPS uint8 = 32
	NALTypeSPS uint8 = 33
	NALTypePPS uint8 = 34
	NALTypeAUD uint8 = 35
	NALTypeSEI uint8 = 39 // before the picture
)

// NALType returns the type of a NAL unit, which is not empty.
func NALType(nal []byte) uint8 { return nal[0] >> 1 & 0x3F }

// IsIRAP reports whether au contains a slice of an intra random access point
// picture (ITU-T H.265, 3.69: NAL unit types 16 to 23), at which decoding can
// start. au has NAL units with prefixes of lengthSize bytes, 1, 2 or 4.
func IsIRAP(au []byte, lengthSize int) bool {
	const first, last = 16, 23
	for nal := range h264.NALs(au, lengthSize) {
		if t := NALType(nal); t >= first && t <= last {
			return true
		}
	}
	return false
}
