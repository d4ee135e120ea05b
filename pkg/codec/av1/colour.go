package av1

import "github.com/weirmedia/weir/pkg/codec/internal/bits"

// Colour is what a sequence header says of the colour of pictures, in code points
// of ISO/IEC 23091-2.
type Colour struct {
	Primaries, Transfer, Matrix uint8
	// FullRange says that samples use all values.
	FullRange bool
}

const unspecified = 2

// unknownColour is that of a sequence header that does not say.
var unknownColour = Colour{Primaries: unspecified, Transfer: unspecified, Matrix: unspecified}

// Colour returns what the sequence header in the record says, code points that
// are unspecified (2) if there is none or if it is cut off before.
func (c Config) Colour() Colour {
	s, err := parseSequence(c.Sequence)
	if err != nil {
		return unknownColour
	}
	return s.colour
}

// skipTools passes over what lies between the picture size and the colour (AV1
// specification, 5.5.1).
func skipTools(r *bits.Reader, reduced bool) {
	if !reduced && r.Flag("frame_id_numbers_present_flag") {
		r.Skip(4+3, "lengths of frame ids")
	}
	r.Skip(3, "use_128x128_superblock and intra tools")
	if !reduced {
		r.Skip(4, "inter tools")
		orderHint := r.Flag("enable_order_hint")
		if orderHint {
			r.Skip(2, "enable_jnt_comp and enable_ref_frame_mvs")
		}
		chosen := r.Flag("seq_choose_screen_content_tools")
		if chosen || r.Flag("seq_force_screen_content_tools") {
			if !r.Flag("seq_choose_integer_mv") {
				r.Skip(1, "seq_force_integer_mv")
			}
		}
		if orderHint {
			r.Skip(3, "order_hint_bits_minus_1")
		}
	}
	r.Skip(3, "enable_superres, enable_cdef and enable_restoration")
}

// readColour reads color_config (5.5.2) up to color_range.
func readColour(r *bits.Reader, profile uint32) Colour {
	const high, professional = 1, 2
	const bt709, srgb, identity = 1, 13, 0
	if r.Flag("high_bitdepth") && profile == professional {
		r.Skip(1, "twelve_bit")
	}
	monochrome := profile != high && r.Flag("mono_chrome")
	c := unknownColour
	if r.Flag("color_description_present_flag") {
		c.Primaries = uint8(r.Read(8, "color_primaries"))
		c.Transfer = uint8(r.Read(8, "transfer_characteristics"))
		c.Matrix = uint8(r.Read(8, "matrix_coefficients"))
	}
	isRGB := !monochrome && c.Primaries == bt709 && c.Transfer == srgb && c.Matrix == identity
	c.FullRange = isRGB || r.Flag("color_range")
	return c
}
