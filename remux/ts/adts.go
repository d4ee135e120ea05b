package ts

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weirmedia/weir/pkg/codec/aac"
)

const (
	adtsSize = 7 // bytes of a header without CRC
	// maxADTS is the largest frame with its header: 13 bits.
	maxADTS = 1<<13 - 1
)

// adtsRates are the sampling frequencies by index (ISO/IEC 14496-3, table
// 1.18). It is never written to.
var adtsRates = [...]int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

// adtsHeader returns the ADTS header (ISO/IEC 14496-3, 1.A.3.2) of frames whose
// AudioSpecificConfig is config, without their length. HE-AAC goes out as its
// core, in which decoders find the rest: ADTS has no other way.
func adtsHeader(config []byte) (h [adtsSize]byte, err error) {
	c, err := aac.ParseConfig(config)
	if err != nil {
		return h, err
	}
	const maxObjectType, maxChannels, frameLength = 4, 7, 1024
	rate := slices.Index(adtsRates[:], c.SampleRate)
	switch {
	case c.ObjectType > maxObjectType:
		return h, fmt.Errorf("adts has no object type %d", c.ObjectType)
	case c.FrameLength != frameLength:
		return h, fmt.Errorf("adts has no frames of %d samples", c.FrameLength)
	case rate < 0:
		return h, fmt.Errorf("adts has no sampling frequency %d", c.SampleRate)
	case c.ChannelConfiguration > maxChannels:
		return h, fmt.Errorf("adts has no channel configuration %d", c.ChannelConfiguration)
	case c.ChannelConfiguration == 0 && c.Channels > 0:
		// Frames that come from ADTS have the element in them, and then the
		// configuration has none.
		return h, errors.New("the program config element is not in the frames")
	}
	const mpeg4NoCRC, variableRate = 0xF1, 0x7FF
	channels := byte(c.ChannelConfiguration)
	return [adtsSize]byte{
		0xFF, mpeg4NoCRC,
		byte(c.ObjectType-1)<<6 | byte(rate)<<2 | channels>>2,
		channels << 6,
		0,
		variableRate >> 6,
		variableRate << 2 & 0xFF, // one raw_data_block
	}, nil
}

// appendADTS appends the header h of a frame of size bytes.
func appendADTS(dst []byte, h [adtsSize]byte, size int) []byte {
	size += adtsSize
	h[3] |= byte(size >> 11)
	h[4] = byte(size >> 3)
	h[5] |= byte(size << 5)
	return append(dst, h[:]...)
}
