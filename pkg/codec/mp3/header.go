// Package mp3 reads MPEG audio frame headers.
package mp3

import (
	"errors"
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
)

// HeaderSize is the length of a frame header in bytes.
const HeaderSize = 4

// Header is the header of an MPEG audio Layer III frame (ISO/IEC 11172-3,
// 2.4.1.3; ISO/IEC 13818-3 for the low sampling frequencies). The low extension
// "MPEG-2.5" is included.
type Header struct {
	// SampleRate is in Hz, 8000 to 48000.
	SampleRate int
	// Channels is 1 or 2.
	Channels int
	// Samples is how many samples per channel a frame has: 1152 or 576.
	Samples int
}

// ParseHeader reads the header at the start of frame. It fails if frame is
// shorter than HeaderSize or does not start with a Layer III header.
func ParseHeader(frame []byte) (Header, error) {
	if len(frame) < HeaderSize {
		return Header{}, fmt.Errorf("mpeg audio header: %d bytes, need %d", len(frame), HeaderSize)
	}
	if frame[0] != 0xFF || frame[1]&0xE0 != 0xE0 {
		return Header{}, fmt.Errorf("mpeg audio header: no syncword: starts with %#02x %#02x", frame[0], frame[1])
	}
	const versionReserved, layerIII, rateReserved, mono = 1, 1, 3, 3
	version := frame[1] >> 3 & 3 // 0 is MPEG-2.5, 2 MPEG-2, 3 MPEG-1
	if version == versionReserved {
		return Header{}, errors.New("mpeg audio header: reserved version")
	}
	if layer := frame[1] >> 1 & 3; layer != layerIII {
		return Header{}, fmt.Errorf("mpeg audio header: layer bits %02b, want %02b for Layer III", layer, layerIII)
	}
	if frame[2]>>4 == 15 {
		return Header{}, errors.New("mpeg audio header: forbidden bitrate index 15")
	}
	rate := frame[2] >> 2 & 3
	if rate == rateReserved {
		return Header{}, errors.New("mpeg audio header: reserved sampling frequency")
	}
	h := Header{SampleRate: [...]int{44100, 48000, 32000}[rate], Channels: 2, Samples: 1152}
	switch version {
	case 2:
		h.SampleRate, h.Samples = h.SampleRate/2, 576
	case 0:
		h.SampleRate, h.Samples = h.SampleRate/4, 576
	}
	if frame[3]>>6 == mono {
		h.Channels = 1
	}
	return h, nil
}

// Track describes the track that frames with this header belong to.
func (h Header) Track(id int) *av.Track {
	return &av.Track{
		ID:         id,
		Kind:       av.Audio,
		Codec:      av.MP3,
		Profile:    "Layer III",
		SampleRate: h.SampleRate,
		Channels:   h.Channels,
	}
}
