package av1

import "github.com/weirmedia/weir/pkg/codec/internal/bits"

// sequence is what is needed of a sequence_header_obu (AV1 specification, 5.5).
type sequence struct {
	width, height int
	// frameRate is 0 unless all pictures have the same duration.
	frameRate float64
	colour    Colour
}

// parseSequence reads a sequence_header_obu up to the picture size, and the colour
// if it is there.
func parseSequence(b []byte) (sequence, error) {
	var s sequence
	r := bits.NewReader(b)
	profile := r.Read(3, "seq_profile")
	r.Skip(1, "still_picture")
	reduced := r.Flag("reduced_still_picture_header")
	if reduced {
		r.Skip(5, "seq_level_idx")
	} else {
		delayBits := -1 // no decoder model
		if r.Flag("timing_info_present_flag") {
			s.frameRate = readTiming(r)
			if r.Flag("decoder_model_info_present_flag") {
				delayBits = int(r.Read(5, "buffer_delay_length_minus_1")) + 1
				r.Skip(32+5+5, "decoder_model_info")
			}
		}
		skipOperatingPoints(r, delayBits)
	}
	widthBits := int(r.Read(4, "frame_width_bits_minus_1")) + 1
	heightBits := int(r.Read(4, "frame_height_bits_minus_1")) + 1
	s.width = int(r.Read(widthBits, "max_frame_width_minus_1")) + 1
	s.height = int(r.Read(heightBits, "max_frame_height_minus_1")) + 1
	if r.Err() != nil {
		return sequence{}, r.Err()
	}
	skipTools(r, reduced)
	s.colour = readColour(r, profile)
	if r.Err() != nil {
		s.colour = unknownColour
	}
	return s, nil
}

// readTiming reads timing_info (5.5.3) and returns the frame rate, 0 if
// pictures differ in duration or if it makes no sense.
func readTiming(r *bits.Reader) float64 {
	const maxFrameRate = 1000
	units, scale := r.Read(32, "num_units_in_display_tick"), r.Read(32, "time_scale")
	if !r.Flag("equal_picture_interval") {
		return 0
	}
	ticks := float64(r.Golomb("num_ticks_per_picture_minus_1")) + 1
	if units == 0 || scale == 0 || r.Err() != nil {
		return 0
	}
	if fps := float64(scale) / (float64(units) * ticks); fps <= maxFrameRate {
		return fps
	}
	return 0
}

// skipOperatingPoints passes over the operating points (5.5.1). delayBits is
// the length of the delays of the decoder model, -1 if there is none.
func skipOperatingPoints(r *bits.Reader, delayBits int) {
	hasDisplayDelay := r.Flag("initial_display_delay_present_flag")
	for range r.Read(5, "operating_points_cnt_minus_1") + 1 {
		r.Skip(12, "operating_point_idc")
		const lastWithoutTier = 7
		if r.Read(5, "seq_level_idx") > lastWithoutTier {
			r.Skip(1, "seq_tier")
		}
		if delayBits >= 0 && r.Flag("decoder_model_present_for_this_op") {
			r.Skip(2*delayBits+1, "operating_parameters_info")
		}
		if hasDisplayDelay && r.Flag("initial_display_delay_present_for_this_op") {
			r.Skip(4, "initial_display_delay_minus_1")
		}
	}
}
