package rtp

import (
	"bytes"
	"encoding/binary"
	"errors"

	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/codec/mp3"
)

// Bit rates of Layer III in kbit/s by index, of MPEG-1 and of the low sampling
// frequencies (ISO/IEC 11172-3, 2.4.2.3; ISO/IEC 13818-3, 2.4.2.3). They are
// never written to.
var (
	mp3Rates    = [...]int{1: 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 15: 0}
	mp3LowRates = [...]int{1: 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 15: 0}
)

var errMP3 = errors.New("no frame of Layer III")

// mp3Size returns the length in bytes of the frame that b begins with.
func mp3Size(b []byte) (int, error) {
	h, err := mp3.ParseHeader(b)
	if err != nil {
		return 0, err
	}
	const full = 1152 // samples of a frame of MPEG-1
	kbits := mp3Rates[b[2]>>4]
	if h.Samples != full {
		kbits = mp3LowRates[b[2]>>4]
	}
	if kbits == 0 { // free format has no length
		return 0, errMP3
	}
	return h.Samples/8*kbits*1000/h.SampleRate + int(b[2]>>1&1), nil
}

// unpackMP3 reads packets of MPEG audio (RFC 2250, 3.5): whole frames, or a part
// of one with its offset. It is our own, as the library's knows MPEG-1 only.
func unpackMP3() (unpacker, error) {
	var begun []byte
	return func(p *prtp.Packet) (frames [][]byte, err error) {
		const head = 4
		if len(p.Payload) <= head {
			return nil, errMP3
		}
		offset, b := int(binary.BigEndian.Uint16(p.Payload[2:])), p.Payload[head:]
		if offset != len(begun) {
			begun = nil
			if offset > 0 {
				return nil, errMP3
			}
		}
		b, begun = append(bytes.Clone(begun), b...), nil
		for len(b) > 0 {
			size, err := mp3Size(b)
			if err != nil {
				return frames, err
			}
			if size > len(b) {
				begun = b
				break
			}
			frames, b = append(frames, b[:size]), b[size:]
		}
		if len(frames) == 0 {
			return nil, errMore
		}
		return frames, nil
	}, nil
}
