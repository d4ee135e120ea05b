package fmp4

import (
	"encoding/binary"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/opus"
)

// elementaryStream returns the esds box (ISO/IEC 14496-14, 6.7.2) of audio with
// a decoder configuration, which may be empty. Bit rates are left unknown.
func elementaryStream(objectType uint8, config []byte) []byte {
	const (
		tagStream, tagDecoder, tagSpecific, tagSync = 3, 4, 5, 6

		audioStream = 5<<2 | 1 // streamType, upStream 0, reserved 1
		forMP4      = 2        // predefined sync layer
	)
	decoder := append([]byte{objectType, audioStream}, make([]byte, 3+4+4)...)
	if len(config) > 0 {
		decoder = appendDescriptor(decoder, tagSpecific, config)
	}
	stream := appendDescriptor([]byte{0, 0, 0}, tagDecoder, decoder)
	stream = appendDescriptor(stream, tagSync, []byte{forMP4})
	return boxOf(nil, "esds", appendDescriptor([]byte{0, 0, 0, 0}, tagStream, stream)...)
}

// appendDescriptor appends a descriptor (ISO/IEC 14496-1, 8.3.3) with its size
// in four bytes of seven bits.
func appendDescriptor(dst []byte, tag uint8, b []byte) []byte {
	n := len(b)
	dst = append(dst, tag, 0x80|byte(n>>21), 0x80|byte(n>>14), 0x80|byte(n>>7), byte(n)&0x7F)
	return append(dst, b...)
}

// opusConfig returns the dOps box (Opus in ISOBMFF, 4.3.2): the identification
// header in big endian and without its magic.
func opusConfig(config []byte) ([]byte, error) {
	const magic, fixed = 8, 19
	h, err := opus.ParseHeader(config)
	if err != nil {
		return nil, err
	}
	b := []byte{0, uint8(h.Channels)}
	b = binary.BigEndian.AppendUint16(b, uint16(h.PreSkip))
	b = binary.BigEndian.AppendUint32(b, uint32(h.InputRate))
	b = binary.BigEndian.AppendUint16(b, uint16(h.Gain))
	b = append(b, h.Family)
	if h.Family != 0 {
		const counts = 2 // of streams and of coupled ones
		b = append(b, config[fixed:fixed+counts+h.Channels]...)
	}
	return boxOf(nil, "dOps", b...), nil
}

// AC-3 and E-AC-3 tracks have no configuration: what their boxes say is made
// from sample rate and channels. Decoders read the same, and bit rate and
// service, which are nominal here, from each frame.

// acMode is acmod with lfeon in its lowest bit, by number of channels.
var acMode = [...]uint32{1: 1 << 1, 2: 2 << 1, 3: 3 << 1, 4: 6 << 1, 5: 7 << 1, 6: 7<<1 | 1}

func modeOf(t *av.Track) uint32 {
	if t.Channels < 1 || t.Channels >= len(acMode) {
		return acMode[2]
	}
	return acMode[t.Channels]
}

func channelsOfMode(mode uint32) int {
	n := [...]int{2, 1, 2, 3, 3, 4, 4, 5}[mode>>1&7]
	return n + int(mode&1)
}

// acRate is fscod: 3 says that the rate is half of another, in E-AC-3 only.
func acRate(rate int) uint32 {
	switch rate {
	case 48000:
		return 0
	case 44100:
		return 1
	case 32000:
		return 2
	}
	return 3
}

// ac3Config returns the dac3 box (ETSI TS 102 366, F.4).
func ac3Config(t *av.Track) []byte {
	const bsid, rate384 = 8, 14
	v := acRate(t.SampleRate)<<22 | bsid<<17 | modeOf(t)<<10 | rate384<<5
	return boxOf(nil, "dac3", byte(v>>16), byte(v>>8), byte(v))
}

// eac3Config returns the dec3 box (F.6) of one independent substream.
func eac3Config(t *av.Track) []byte {
	const bsid, rate = 16, 384
	b := binary.BigEndian.AppendUint16(nil, rate<<3)
	v := acRate(t.SampleRate)<<22 | bsid<<17 | modeOf(t)<<8
	return boxOf(nil, "dec3", append(b, byte(v>>16), byte(v>>8), byte(v))...)
}
