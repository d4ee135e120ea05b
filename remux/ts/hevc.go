package ts

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// hevcConfig makes an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15,
// 8.3.3.1) for access units with four-byte NAL lengths and without parameter
// sets. It fails if the first SPS cannot be read or if a list or a set is larger
// than the record can express.
func hevcConfig(s sets) ([]byte, error) {
	// Behind the NAL unit header and a byte, the SPS begins with the profile,
	// tier and level as the record has them.
	const profileAt, profileSize = 3, 12
	if len(s.sps) == 0 {
		return nil, errors.New("hevc configuration: no SPS")
	}
	raw := h264.EmulationPreventionRemove(s.sps[0])
	if len(raw) < profileAt+profileSize {
		return nil, fmt.Errorf("hevc configuration: SPS of %d bytes", len(raw))
	}
	var sps h265.SPS
	// What cannot be read lies behind what is needed, or the picture size is
	// missing too, which is an error of the track.
	_ = sps.Unmarshal(s.sps[0])
	const maxDepth, maxSubLayers = 7, 7 // 3 bits each; the depth is what exceeds 8
	if sps.ChromaFormatIdc > 3 || sps.BitDepthLumaMinus8 > maxDepth || sps.BitDepthChromaMinus8 > maxDepth {
		return nil, errors.New("hevc configuration: chroma format or bit depth beyond the standard")
	}
	b := append([]byte{1}, raw[profileAt:profileAt+profileSize]...)
	b = append(b,
		0xF0, 0, // min_spatial_segmentation_idc: unknown
		0xFC, // parallelismType: unknown
		0xFC|byte(sps.ChromaFormatIdc),
		0xF8|byte(sps.BitDepthLumaMinus8),
		0xF8|byte(sps.BitDepthChromaMinus8),
		0, 0, // avgFrameRate: unknown
		min(sps.MaxSubLayersMinus1+1, maxSubLayers)<<3|flag(sps.TemporalIDNestingFlag)<<2|(lengthSize-1),
		0, // number of arrays
	)
	const arraysAt, complete, maxSize = 22, 0x80, 0xFFFF
	for _, list := range []struct {
		kind  byte
		units [][]byte
	}{{nalVPS, s.vps}, {nalSPS, s.sps}, {nalPPS, s.pps}} {
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
