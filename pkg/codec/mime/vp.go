package mime

import (
	"fmt"
	"math"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/vpx"
)

// VPRecord returns the VPCodecConfigurationRecord of a track of VP8 or VP9. If the
// publisher sent none, as the bitstream can do without, it is that of 8 bit
// 4:2:0 video with the level that t's size and frame rate need: VP8 has no levels
// of its own. Its level is set even if the publisher left it unknown.
func VPRecord(t *av.Track) []byte {
	const (
		unspecified = 2 // colour, in code points of ISO/IEC 23091-2
		colocated   = 1 // 4:2:0, chroma at the luma sample
		bits8       = 8
		levelAt     = 1
	)
	record := []byte{0, 0, bits8<<4 | colocated<<1, unspecified, unspecified, unspecified, 0, 0}
	if len(t.Config) > 0 {
		record = append([]byte(nil), t.Config...)
	}
	if len(record) > levelAt && record[levelAt] == 0 {
		record[levelAt] = vpLevel(t)
	}
	return record
}

// vpLevels are the levels of VP9 with their greatest picture size and rate of
// samples (VP9 levels, WebM project; the table of VP-ISOBMFF, 2.1).
var vpLevels = []struct {
	level  uint8 // times ten
	size   int   // luma samples in a picture
	sample int64 // luma samples in a second
}{
	{10, 36864, 829440}, {11, 73728, 2764800}, {20, 122880, 4608000}, {21, 245760, 9216000},
	{30, 552960, 20736000}, {31, 983040, 36864000}, {40, 2228224, 83558400}, {41, 2228224, 160432128},
	{50, 8912896, 311951360}, {51, 8912896, 588251136}, {52, 8912896, 1176502272},
	{60, 35651584, 1176502272}, {61, 35651584, 2353004544}, {62, 35651584, 4706009088},
}

// vpLevel returns the least level that allows t's size and frame rate, which
// is taken for 30 per second if unknown.
func vpLevel(t *av.Track) uint8 {
	const usualRate = 30
	rate := t.FrameRate
	if rate == 0 {
		rate = usualRate
	}
	size := t.Width * t.Height
	samples := int64(math.Ceil(float64(size) * rate))
	for _, l := range vpLevels {
		if size <= l.size && samples <= l.sample {
			return l.level
		}
	}
	return vpLevels[len(vpLevels)-1].level
}

// vpName follows VP-ISOBMFF, 3: the fields after the bit depth follow if they are
// not the default, which is 4:2:0 video of BT.709.
func vpName(entry string, record []byte) (string, bool) {
	c, err := vpx.ParseConfig(record)
	if err != nil {
		return "", false
	}
	const vertical, colocated = 0, 1 // both are 4:2:0
	name := fmt.Sprintf("%s.%02d.%02d.%02d", entry, c.Profile, c.Level, c.BitDepth)
	chroma, fullRange := record[2]>>1&7, record[2]&1
	if chroma == vertical {
		chroma = colocated
	}
	colour := fmt.Sprintf("%02d.%02d.%02d", specified(record[3]), specified(record[4]), specified(record[5]))
	if suffix := fmt.Sprintf(".%02d.%s.%02d", chroma, colour, fullRange); suffix != ".01.01.01.01.00" {
		name += suffix
	}
	return name, true
}

// specified returns BT.709, the default of the names, for a code point that
// specifies nothing.
func specified(codePoint uint8) uint8 {
	const unspecified, bt709 = 2, 1
	if codePoint == unspecified {
		return bt709
	}
	return codePoint
}
