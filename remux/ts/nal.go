package ts

import (
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h264"
)

// NAL unit types of H.265 (ITU-T H.265, table 7-1).
const (
	nalVPS = 32
	nalSPS = 33
	nalPPS = 34
	nalAUD = 35
)

// nalClass is what matters of a NAL unit when access units change their form.
type nalClass uint8

const (
	otherNAL  nalClass = 0
	vps       nalClass = 1
	sps       nalClass = 2
	pps       nalClass = 4
	delimiter nalClass = 8
)

// classOf returns the class of a NAL unit, which is not empty, of codec c.
func classOf(c av.Codec, nal []byte) nalClass {
	if c == av.H264 {
		switch h264.NALType(nal) {
		case h264.NALTypeSPS:
			return sps
		case h264.NALTypePPS:
			return pps
		case h264.NALTypeAUD:
			return delimiter
		}
		return otherNAL
	}
	switch nal[0] >> 1 & 0x3F {
	case nalVPS:
		return vps
	case nalSPS:
		return sps
	case nalPPS:
		return pps
	case nalAUD:
		return delimiter
	}
	return otherNAL
}

// parameterSets returns the classes that decoding of codec c cannot start
// without.
func parameterSets(c av.Codec) nalClass {
	if c == av.H264 {
		return sps | pps
	}
	return vps | sps | pps
}
