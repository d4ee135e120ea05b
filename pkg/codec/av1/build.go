package av1

import "github.com/weirmedia/weir/pkg/codec/internal/bits"

// BuildConfig makes the AV1CodecConfigurationRecord (AV1-ISOBMFF, 2.3.3) of a
// sequence_header_obu, which is without OBU header and size and becomes part of
// the record. It fails if the sequence header is cut off before the format of its
// samples.
func BuildConfig(sequence []byte) ([]byte, error) {
	r := bits.NewReader(sequence)
	profile := r.Read(3, "seq_profile")
	r.Skip(1, "still_picture")
	reduced := r.Flag("reduced_still_picture_header")
	level, tier := readLevel(r, reduced)
	widthBits := int(r.Read(4, "frame_width_bits_minus_1")) + 1
	heightBits := int(r.Read(4, "frame_height_bits_minus_1")) + 1
	r.Skip(widthBits, "max_frame_width_minus_1")
	r.Skip(heightBits, "max_frame_height_minus_1")
	skipTools(r, reduced)
	samples := readSamples(r, profile)
	if r.Err() != nil {
		return nil, r.Err()
	}
	const markerAndVersion, sequenceHeaderWithSize = 0x81, 0x0A
	record := []byte{markerAndVersion, byte(profile<<5 | level), byte(tier<<7) | samples, 0, sequenceHeaderWithSize}
	size := len(sequence)
	for ; size >= 0x80; size >>= 7 { // leb128()
		record = append(record, byte(size)|0x80)
	}
	return append(append(record, byte(size)), sequence...), nil
}

// readLevel reads up to the end of the operating points, and returns
// seq_level_idx_0 and seq_tier_0.
func readLevel(r *bits.Reader, reduced bool) (level, tier uint32) {
	if reduced {
		return r.Read(5, "seq_level_idx"), 0
	}
	delayBits := -1 // no decoder model
	if r.Flag("timing_info_present_flag") {
		readTiming(r)
		if r.Flag("decoder_model_info_present_flag") {
			delayBits = int(r.Read(5, "buffer_delay_length_minus_1")) + 1
			r.Skip(32+5+5, "decoder_model_info")
		}
	}
	ahead := *r
	ahead.Skip(1+5+12, "operating_point_idc")
	const lastWithoutTier = 7
	if level = ahead.Read(5, "seq_level_idx"); level > lastWithoutTier {
		tier = ahead.Read(1, "seq_tier")
	}
	skipOperatingPoints(r, delayBits)
	return level, tier
}

// readSamples reads color_config (5.5.2) and returns what the record says of it:
// depths and subsampling, in their places.
func readSamples(r *bits.Reader, profile uint32) byte {
	const (
		high, professional             = 1, 2
		bt709, srgb, identity          = 1, 13, 0
		deep, twelve, mono, subX, subY = 1 << 6, 1 << 5, 1 << 4, 1 << 3, 1 << 2
	)
	var b byte
	set := func(bit byte, on bool) bool {
		if on {
			b |= bit
		}
		return on
	}
	isDeep := set(deep, r.Flag("high_bitdepth"))
	isTwelve := isDeep && profile == professional && set(twelve, r.Flag("twelve_bit"))
	isMono := profile != high && set(mono, r.Flag("mono_chrome"))
	c := unknownColour
	if r.Flag("color_description_present_flag") {
		c.Primaries = uint8(r.Read(8, "color_primaries"))
		c.Transfer = uint8(r.Read(8, "transfer_characteristics"))
		c.Matrix = uint8(r.Read(8, "matrix_coefficients"))
	}
	switch {
	case isMono:
		return b | subX | subY
	case c.Primaries == bt709 && c.Transfer == srgb && c.Matrix == identity, profile == high:
		return b // 4:4:4
	}
	r.Skip(1, "color_range")
	switch {
	case profile != professional:
		b |= subX | subY
	case !isTwelve:
		b |= subX
	default:
		if set(subX, r.Flag("subsampling_x")) {
			set(subY, r.Flag("subsampling_y"))
		}
	}
	if b&subX != 0 && b&subY != 0 {
		b |= byte(r.Read(2, "chroma_sample_position"))
	}
	return b
}
