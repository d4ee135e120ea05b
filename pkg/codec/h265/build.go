package h265

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// BuildConfig makes an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15,
// 8.3.3.1) of parameter sets, for access units with four-byte NAL lengths and
// without parameter sets. It fails if the first SPS is missing or cannot be read,
// or if a set is larger than the record can express. Of each kind there are at
// most 255 sets.
func BuildConfig(vps, sps, pps [][]byte) ([]byte, error) {
	// Behind the NAL unit header and a byte, the SPS begins with the profile,
	// tier and level as the record has them.
	const profileAt, profileSize, lengthSize = 3, 12, 4
	if len(sps) == 0 {
		return nil, errors.New("hevc configuration: no SPS")
	}
	raw := h264.EmulationPreventionRemove(sps[0])
	if len(raw) < profileAt+profileSize {
		return nil, fmt.Errorf("hevc configuration: SPS of %d bytes", len(raw))
	}
	var first h265.SPS
	// What cannot be read lies behind what is needed, or the picture size is
	// missing too, which is an error of the track.
	_ = first.Unmarshal(sps[0])
	const maxDepth, maxSubLayers = 7, 7 // 3 bits each; the depth is what exceeds 8
	if first.ChromaFormatIdc > 3 || first.BitDepthLumaMinus8 > maxDepth || first.BitDepthChromaMinus8 > maxDepth {
		return nil, errors.New("hevc configuration: chroma format or bit depth beyond the standard")
	}
	b := append([]byte{1}, raw[profileAt:profileAt+profileSize]...)
	b = append(b,
		0xF0, 0, // min_spatial_segmentation_idc: unknown
		0xFC, // parallelismType: unknown
		0xFC|byte(first.ChromaFormatIdc),
		0xF8|byte(first.BitDepthLumaMinus8),
		0xF8|byte(first.BitDepthChromaMinus8),
		0, 0, // avgFrameRate: unknown
		min(first.MaxSubLayersMinus1+1, maxSubLayers)<<3|flag(first.TemporalIDNestingFlag)<<2|(lengthSize-1),
		0, // number of arrays
	)
	const arraysAt, complete, maxSize = 22, 0x80, 0xFFFF
	for _, list := range []struct {
		kind  byte
		units [][]byte
	}{{nalVPS, vps}, {nalSPS, sps}, {nalPPS, pps}} {
		if len(list.units) == 0 {
			continue
		}
		b[arraysAt]++
		b = append(b, complete|list.kind, 0, byte(len(list.units)))
		for _, nal := range list.units {
			if len(nal) > maxSize {
				return nil, fmt.Errorf("hevc configuration: parameter set of %d bytes", len(nal))
			}
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(nal))), nal...)
		}
	}
	return b, nil
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}
