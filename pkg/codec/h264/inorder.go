package h264

import (
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// InOrder returns a copy of the SPS nal that says that no picture is put out after
// one that follows it in decoding order: max_num_reorder_frames is 0 (ITU-T H.264,
// E.2.1), so that decoders show each picture at once. All else is as it was. It
// fails if nal is no whole SPS.
func InOrder(nal []byte) ([]byte, error) {
	var s h264.SPS
	if err := s.Unmarshal(nal); err != nil {
		return nil, fmt.Errorf("h264: SPS: %w", err)
	}
	if v := s.VUI; v != nil && v.BitstreamRestriction != nil && v.BitstreamRestriction.MaxNumReorderFrames == 0 {
		return nal, nil
	}
	c := copier{in: h264.EmulationPreventionRemove(nal)}
	c.sps()
	if c.err != nil {
		return nil, fmt.Errorf("h264: SPS: %w", c.err)
	}
	c.restrict(s.MaxNumRefFrames)
	return protect(c.out), nil
}

// copier copies bit fields from in to out. After the first error it copies nothing
// and err is set.
type copier struct {
	in  []byte
	pos int // in bits
	out []byte
	n   int // bits in out
	err error
}

// put appends the low n bits of v.
func (c *copier) put(v uint64, n int) {
	for len(c.out)*8 < c.n+n {
		c.out = append(c.out, 0)
	}
	bits.WriteBitsUnsafe(c.out, &c.n, v, n)
}

// putUE appends v in the form ue(v).
func (c *copier) putUE(v uint32) {
	size := 0
	for (uint64(v)+1)>>size > 1 {
		size++
	}
	c.put(uint64(v)+1, 2*size+1) // as many zeros as bits follow the first
}

// u copies n bits, at most 32.
func (c *copier) u(n int) uint64 {
	if c.err != nil {
		return 0
	}
	var v uint64
	if v, c.err = bits.ReadBits(c.in, &c.pos, n); c.err == nil {
		c.put(v, n)
	}
	return v
}

func (c *copier) flag() bool { return c.u(1) == 1 }

// ue copies a field of the form ue(v), or se(v), whose bits are the same.
func (c *copier) ue() uint32 {
	if c.err != nil {
		return 0
	}
	var v uint32
	if v, c.err = bits.ReadGolombUnsigned(c.in, &c.pos); c.err == nil {
		c.putUE(v)
	}
	return v
}

func (c *copier) ues(n int) {
	for range n {
		c.ue()
	}
}

// sps copies an SPS up to bitstream_restriction_flag (7.3.2.1.1, E.1.1), which is
// read and not written.
func (c *copier) sps() {
	c.u(8) // NAL unit header
	profile := c.u(8)
	c.u(16)
	c.ue() // seq_parameter_set_id
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		c.chroma()
	}
	c.ue() // log2_max_frame_num_minus4
	c.order()
	c.ue() // max_num_ref_frames
	c.u(1)
	c.ues(2) // size
	if !c.flag() {
		c.u(1) // mb_adaptive_frame_field_flag
	}
	c.u(1)
	if c.flag() { // frame_cropping_flag
		c.ues(4)
	}
	c.vui()
}

func (c *copier) chroma() {
	format := c.ue()
	if format == 3 {
		c.u(1)
	}
	c.ues(2)
	c.u(1)
	if !c.flag() { // seq_scaling_matrix_present_flag
		return
	}
	lists := 8
	if format == 3 {
		lists = 12
	}
	for i := range lists {
		if c.flag() {
			size := 16
			if i >= 6 {
				size = 64
			}
			c.scalingList(size)
		}
	}
}

// scalingList copies a list (7.3.2.1.1.1), which ends where the next scale is 0.
func (c *copier) scalingList(size int) {
	last := 8
	for range size {
		code := int(c.ue())
		delta := (code + 1) / 2 // se(v), see 9.1.1
		if code%2 == 0 {
			delta = -delta
		}
		if last = (last + delta + 256) % 256; last == 0 || c.err != nil {
			return
		}
	}
}

// order copies what pic_order_cnt_type says and has.
func (c *copier) order() {
	switch c.ue() {
	case 0:
		c.ue()
	case 1:
		c.u(1)
		c.ues(2)
		c.ues(int(min(c.ue(), 255)))
	}
}

func (c *copier) vui() {
	present, err := uint64(0), c.err
	if err == nil {
		present, c.err = bits.ReadBits(c.in, &c.pos, 1)
	}
	c.put(1, 1) // it is there afterwards
	if present == 0 {
		c.put(0, 8) // eight flags: nothing else is
		return
	}
	if c.flag() && c.u(8) == 255 { // Extended_SAR
		c.u(32)
	}
	if c.flag() {
		c.u(1)
	}
	if c.flag() { // video_signal_type_present_flag
		c.u(4)
		if c.flag() {
			c.u(24)
		}
	}
	if c.flag() { // chroma_loc_info_present_flag
		c.ues(2)
	}
	if c.flag() { // timing_info_present_flag
		c.u(32)
		c.u(32)
		c.u(1)
	}
	nal := c.flag()
	if nal {
		c.hrd()
	}
	vcl := c.flag()
	if vcl {
		c.hrd()
	}
	if nal || vcl {
		c.u(1)
	}
	c.u(1) // pic_struct_present_flag
}

func (c *copier) hrd() {
	count := c.ue()
	c.u(8)
	for range min(count+1, 32) {
		c.ues(2)
		c.u(1)
	}
	c.u(20)
}

// restrict appends the bitstream restriction and the end of the SPS.
func (c *copier) restrict(refFrames uint32) {
	const anyLength = 16 // of a motion vector
	c.put(1, 1)          // bitstream_restriction_flag
	c.put(1, 1)          // motion_vectors_over_pic_boundaries_flag
	c.putUE(0)           // max_bytes_per_pic_denom: no limit
	c.putUE(0)           // max_bits_per_mb_denom: no limit
	c.putUE(anyLength)
	c.putUE(anyLength)
	c.putUE(0)         // max_num_reorder_frames
	c.putUE(refFrames) // max_dec_frame_buffering
	c.put(1, 1)        // rbsp_stop_one_bit; the rest is 0 already
}

// protect puts the emulation prevention bytes into a NAL unit (7.4.1).
func protect(nal []byte) []byte {
	out := make([]byte, 0, len(nal)+8)
	zeros := 0
	for _, b := range nal {
		if zeros == 2 && b <= 3 {
			out, zeros = append(out, 3), 0
		}
		if out = append(out, b); b == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}

// ErrReordered says that pictures cannot be left out, since others refer to them.
var ErrReordered = errors.New("other pictures refer to its B-frames: set bframes=0, or b-pyramid=none")

// Disposable reports whether no other picture refers to that of the access unit
// au, whose NAL units have length prefixes of lengthSize bytes: nal_ref_idc is 0
// in all its slices (7.4.1).
func Disposable(au []byte, lengthSize int) bool {
	for nal := range NALs(au, lengthSize) {
		if t := NALType(nal); t >= 1 && t <= 5 && nal[0]&0x60 != 0 {
			return false
		}
	}
	return true
}
