package flv

import (
	"github.com/weirmedia/weir/pkg/av"
)

// AppendBodyHeader appends the bytes of a tag body that precede f.Payload: five
// for H.264, whose composition time is PTS - DTS rounded to milliseconds and
// limited to 24 bits, two for AAC, one for MP3, none for script data and for
// codecs that FLV cannot carry.
func AppendBodyHeader(dst []byte, f *av.Frame) []byte {
	switch f.Track.Codec {
	case av.H264:
		first := byte(frameInter<<4 | codecAVC)
		if f.Key {
			first = frameKey<<4 | codecAVC
		}
		const lowest, highest = -1 << 23, 1<<23 - 1
		offset := max(lowest, min(highest, roundMilliseconds(f.PTS-f.DTS)))
		return append(dst, first, avcNALUs, byte(offset>>16), byte(offset>>8), byte(offset))
	case av.AAC:
		return append(dst, aacHeader, aacRaw)
	case av.MP3:
		return append(dst, mp3Header(f.Track))
	}
	return dst
}

// mp3Header returns the first byte of MP3 bodies. SoundRate can only say 5.5,
// 11, 22 and 44 kHz, and 8 kHz has a format of its own; for other rates it says
// 44 kHz, and players take the rate from the frame.
func mp3Header(t *av.Track) byte {
	format, rate := byte(soundMP3), byte(3)
	switch t.SampleRate {
	case 8000:
		format, rate = soundMP38kHz, 0
	case 11025:
		rate = 1
	case 22050:
		rate = 2
	}
	b := format<<4 | rate<<2 | sound16Bit
	if t.Channels != 1 {
		b |= soundStereo
	}
	return b
}

// AppendConfigBody appends the body of the sequence header of t. It returns
// false, and dst as it was, if t's codec has none.
func AppendConfigBody(dst []byte, t *av.Track) ([]byte, bool) {
	switch t.Codec {
	case av.H264:
		dst = append(dst, frameKey<<4|codecAVC, avcSequenceHeader, 0, 0, 0)
	case av.AAC:
		dst = append(dst, aacHeader, aacSequenceHeader)
	default:
		return dst, false
	}
	return append(dst, t.Config...), true
}
