package h265

import (
	"fmt"
	"math"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/weirmedia/weir/pkg/codec/internal/bits"
)

// maxSide bounds pictures in pixels: 16 bits is what the sample entries of ISO
// files have, and no level allows more.
const maxSide = 1<<16 - 1

// chromaUnits are SubWidthC and SubHeightC by chroma_format_idc (ITU-T H.265,
// table 6-1): cropping counts in them.
var chromaUnits = [4][2]uint64{{1, 1}, {2, 2}, {2, 1}, {1, 1}}

// pictureSize reads the picture size in pixels after cropping from an SPS
// (ITU-T H.265, 7.3.2.2.1). It reads no further, so that all that may come
// after does no harm.
func pictureSize(nal []byte) (width, height int, err error) {
	const headerSize = 2
	if len(nal) < headerSize || nal[0]>>1&0x3F != nalSPS {
		return 0, 0, fmt.Errorf("not an SPS: %d bytes", len(nal))
	}
	r := bits.NewReader(h264.EmulationPreventionRemove(nal[headerSize:]))
	r.Skip(4, "sps_video_parameter_set_id")
	subLayers := int(r.Read(3, "sps_max_sub_layers_minus1"))
	r.Skip(1, "sps_temporal_id_nesting_flag")
	skipProfileTierLevel(r, subLayers)
	r.Golomb("sps_seq_parameter_set_id")
	format := r.Golomb("chroma_format_idc")
	if r.Err() == nil && int(format) >= len(chromaUnits) {
		return 0, 0, fmt.Errorf("chroma_format_idc %d is beyond the standard", format)
	}
	if format == 3 {
		r.Skip(1, "separate_colour_plane_flag")
	}
	w, h := uint64(r.Golomb("pic_width_in_luma_samples")), uint64(r.Golomb("pic_height_in_luma_samples"))
	if r.Flag("conformance_window_flag") {
		var crop [4]uint64
		for i, field := range [4]string{"conf_win_left_offset", "conf_win_right_offset", "conf_win_top_offset", "conf_win_bottom_offset"} {
			crop[i] = uint64(r.Golomb(field))
		}
		// What is cropped away entirely wraps around and is out of range below.
		w -= (crop[0] + crop[1]) * chromaUnits[format][0]
		h -= (crop[2] + crop[3]) * chromaUnits[format][1]
	}
	if r.Err() != nil {
		return 0, 0, r.Err()
	}
	if w < 1 || h < 1 || w > maxSide || h > maxSide {
		return 0, 0, fmt.Errorf("picture size %d x %d is not possible", w, h)
	}
	return int(w), int(h), nil
}

// skipProfileTierLevel passes over profile_tier_level (7.3.3); subLayers is
// maxNumSubLayersMinus1.
func skipProfileTierLevel(r *bits.Reader, subLayers int) {
	const profile, level = 88, 8
	r.Skip(profile+level, "general profile, tier and level")
	if subLayers == 0 {
		return
	}
	const slots = 8 // a pair of flags for each sub-layer, padded
	skip := 0
	for i := range slots {
		hasProfile, hasLevel := r.Flag("sub_layer_profile_present_flag"), r.Flag("sub_layer_level_present_flag")
		if i < subLayers && hasProfile {
			skip += profile
		}
		if i < subLayers && hasLevel {
			skip += level
		}
	}
	r.Skip(skip, "sub-layer profile, tier and level")
}

// frameRate returns frames per second as the VUI of an SPS has it, 0 if there
// is none, if it makes no sense, or if it lies behind something that cannot be
// read.
func frameRate(nal []byte) float64 {
	const maxFrameRate = 1000
	var sps h265.SPS
	// An error may come after the timing, which is then good.
	_ = sps.Unmarshal(nal)
	fps := sps.FPS()
	if math.IsNaN(fps) || fps <= 0 || fps > maxFrameRate {
		return 0
	}
	return fps
}

// Reordered returns how many pictures may precede a picture in decoding order and
// follow it in output order, as far as an SPS tells: sps_max_num_reorder_pics of
// the highest sub-layer (ITU-T H.265, 7.4.3.2.1); 0 if it cannot be read.
func Reordered(nal []byte) int {
	var sps h265.SPS
	// An error may come after the field, which is then good.
	_ = sps.Unmarshal(nal)
	if n := len(sps.MaxNumReorderPics); n > 0 {
		return int(sps.MaxNumReorderPics[n-1])
	}
	return 0
}
