// Package opus reads and writes the identification header of Opus.
package opus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
)

// Header is an identification header (RFC 7845, 5.1).
type Header struct {
	// Channels counts output channels, 1 to 255.
	Channels int
	// PreSkip is how many samples at 48 kHz a decoder discards at the start.
	PreSkip int
	// InputRate is the sampling frequency in Hz before encoding, 0 if unknown.
	// Decoding is always possible at 48 kHz.
	InputRate int
	// Gain is the output gain in dB times 256.
	Gain int16
	// Family is the channel mapping family. Family 0 has one stream, of one or
	// two channels.
	Family uint8
}

const (
	magic       = "OpusHead"
	channelsAt  = 9
	familyAt    = 18
	headerSize  = 19 // without channel mapping table
	sampleRate  = 48000
	unmapped    = 255
	mappingHead = 2 // stream count and coupled count
)

// ParseHeader reads an identification header. An error names the field and its
// offset in b.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < headerSize {
		return Header{}, fmt.Errorf("opus header: %d bytes, need at least %d", len(b), headerSize)
	}
	if string(b[:len(magic)]) != magic {
		return Header{}, fmt.Errorf("opus header: starts with %q, want %q", b[:len(magic)], magic)
	}
	if b[8]>>4 != 0 { // the lower four bits may grow without breaking readers
		return Header{}, fmt.Errorf("opus header: version %#02x at offset 8", b[8])
	}
	h := Header{
		Channels:  int(b[channelsAt]),
		PreSkip:   int(binary.LittleEndian.Uint16(b[10:])),
		InputRate: int(binary.LittleEndian.Uint32(b[12:])),
		Gain:      int16(binary.LittleEndian.Uint16(b[16:])),
		Family:    b[familyAt],
	}
	switch {
	case h.Channels == 0:
		return Header{}, errors.New("opus header: no channels at offset 9")
	case h.Family == 0 && h.Channels > 2:
		return Header{}, fmt.Errorf("opus header: %d channels at offset 9, mapping family 0 has at most 2", h.Channels)
	case h.Family != 0:
		if err := checkMapping(b[headerSize:], h.Channels); err != nil {
			return Header{}, err
		}
	}
	return h, nil
}

// checkMapping checks a channel mapping table (RFC 7845, 5.1.1).
func checkMapping(b []byte, channels int) error {
	if need := mappingHead + channels; len(b) < need {
		return fmt.Errorf("opus header: channel mapping table at offset %d has %d bytes, need %d", headerSize, len(b), need)
	}
	streams, coupled := int(b[0]), int(b[1])
	if streams == 0 || coupled > streams || streams+coupled > 255 {
		return fmt.Errorf("opus header: %d streams, %d of them coupled, at offset %d", streams, coupled, headerSize)
	}
	for i, source := range b[mappingHead : mappingHead+channels] {
		if int(source) >= streams+coupled && source != unmapped {
			return fmt.Errorf("opus header: channel %d comes from %d of %d at offset %d", i, source, streams+coupled, headerSize+mappingHead+i)
		}
	}
	return nil
}

// mappings are the channel mapping tables of family 1 (RFC 7845, 5.1.1.2) that
// encoders write for that many channels: streams, coupled streams, channels. It
// is never written to.
var mappings = [...][]byte{
	1: {1, 0, 0},
	2: {1, 1, 0, 1},
	3: {2, 1, 0, 2, 1},
	4: {2, 2, 0, 1, 2, 3},
	5: {3, 2, 0, 4, 1, 2, 3},
	6: {4, 2, 0, 4, 1, 2, 3, 5},
	7: {4, 3, 0, 4, 1, 2, 3, 5, 6},
	8: {5, 3, 0, 6, 1, 2, 3, 4, 5, 7},
}

// BuildHeader makes the identification header of a stream with 1 to 8 channels
// of which nothing else is known. Other numbers have no header; ParseHeader
// refuses what is returned for them.
func BuildHeader(channels int) []byte {
	const stereo = 2
	b := append([]byte(magic), 1, byte(channels), 0, 0)
	b = binary.LittleEndian.AppendUint32(b, sampleRate)
	b = append(b, 0, 0, 0)
	if channels > stereo && channels < len(mappings) {
		b[familyAt] = 1
		b = append(b, mappings[channels]...)
	}
	return b
}

// HasUsualMapping reports whether the number of channels tells which stream each
// of them comes from, as in a header that BuildHeader makes. config is one that
// ParseHeader accepts.
func HasUsualMapping(config []byte) bool {
	channels, family := int(config[channelsAt]), config[familyAt]
	return family == 0 || family == 1 && channels < len(mappings) && bytes.HasPrefix(config[headerSize:], mappings[channels])
}

// TrackFromConfig describes the Opus track whose identification header is
// config. The track keeps config; the caller must not change it afterwards.
// Errors are ParseHeader's.
func TrackFromConfig(id int, config []byte) (*av.Track, error) {
	h, err := ParseHeader(config)
	if err != nil {
		return nil, err
	}
	return &av.Track{ID: id, Kind: av.Audio, Codec: av.Opus, Config: config, SampleRate: sampleRate, Channels: h.Channels}, nil
}
