package mime

import (
	"fmt"
	"math/bits"

	"github.com/weirmedia/weir/pkg/codec/av1"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/h265"
)

// avc follows ISO/IEC 14496-15, E.2. The name is avc1, since the parameter sets
// are in the configuration.
func avc(config []byte) (string, bool) {
	c, err := h264.ParseConfig(config)
	if err != nil {
		return "", false
	}
	return fmt.Sprintf("avc1.%02x%02x%02x", c.Profile, c.Compatibility, c.Level), true
}

// hevc follows ISO/IEC 14496-15, E.3.
func hevc(config []byte) (string, bool) {
	const compatibilityAt, constraintsAt, levelAt = 2, 6, 12
	c, err := h265.ParseConfig(config)
	if err != nil {
		return "", false
	}
	space := [...]string{"", "A", "B", "C"}[config[1]>>6]
	tier := 'L'
	if c.HighTier {
		tier = 'H'
	}
	var compatibility uint32
	for _, b := range config[compatibilityAt:constraintsAt] {
		compatibility = compatibility<<8 | uint32(b)
	}
	name := fmt.Sprintf("hvc1.%s%d.%X.%c%d", space, c.Profile, bits.Reverse32(compatibility), tier, c.Level)
	constraints := config[constraintsAt:levelAt]
	for len(constraints) > 0 && constraints[len(constraints)-1] == 0 {
		constraints = constraints[:len(constraints)-1]
	}
	for _, b := range constraints {
		name += fmt.Sprintf(".%X", b)
	}
	return name, true
}

// av1Name follows AV1-ISOBMFF, 5. The optional fields follow if samples of chroma
// or colour are not the usual ones: by the transfer function, players tell HDR.
func av1Name(config []byte) (string, bool) {
	c, err := av1.ParseConfig(config)
	if err != nil {
		return "", false
	}
	const highBitDepth, twelveBit, monochrome, subsampledX, subsampledY, position = 0x40, 0x20, 0x10, 8, 4, 3
	flags := config[2]
	tier, depth := 'M', 8
	if c.HighTier {
		tier = 'H'
	}
	switch {
	case flags&highBitDepth != 0 && flags&twelveBit != 0:
		depth = 12
	case flags&highBitDepth != 0:
		depth = 10
	}
	name := fmt.Sprintf("av01.%d.%02d%c.%02d", c.Profile, c.Level, tier, depth)
	chroma, colour := flags&(monochrome|subsampledX|subsampledY|position), av1Colour(c.Colour())
	if chroma != subsampledX|subsampledY || colour != usualColour {
		name += fmt.Sprintf(".%d.%d%d%d.%s", flags&monochrome/monochrome, flags&subsampledX/subsampledX, flags&subsampledY/subsampledY, flags&position, colour)
	}
	return name, true
}

// usualColour is BT.709 in limited range.
const usualColour = "01.01.01.0"

// av1Colour returns primaries, transfer function, matrix and range.
func av1Colour(c av1.Colour) string {
	fullRange := 0
	if c.FullRange {
		fullRange = 1
	}
	return fmt.Sprintf("%02d.%02d.%02d.%d", specified(c.Primaries), specified(c.Transfer), specified(c.Matrix), fullRange)
}
