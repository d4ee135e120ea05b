// Package flac reads the STREAMINFO block of FLAC.
package flac

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
)

// StreamInfo is what is needed of a STREAMINFO block (RFC 9639, 8.2).
type StreamInfo struct {
	// SampleRate is in Hz, at least 1.
	SampleRate int
	// Channels is 1 to 8, BitDepth 4 to 32.
	Channels, BitDepth int
}

const (
	magic      = "fLaC"
	blockHead  = 4  // metadata block header
	infoSize   = 34 // STREAMINFO without its header
	configSize = len(magic) + blockHead + infoSize
	typeInfo   = 0
	lastBlock  = 0x80
)

// Normalise returns the configuration that av.FLAC asks for: "fLaC" and a
// STREAMINFO block that is marked as the last. It takes this form, with any
// blocks after it, the block without "fLaC", and, since ffmpeg sends that, the
// block without its header. An error names the field and its offset in b.
func Normalise(b []byte) ([]byte, error) {
	rest, offset := b, 0
	if len(rest) >= len(magic) && string(rest[:len(magic)]) == magic {
		rest, offset = rest[len(magic):], len(magic)
	}
	if offset != 0 || len(rest) == blockHead+infoSize {
		if len(rest) < blockHead {
			return nil, fmt.Errorf("flac configuration: truncated in the block header at offset %d", offset)
		}
		if kind := rest[0] &^ lastBlock; kind != typeInfo {
			return nil, fmt.Errorf("flac configuration: block type %d at offset %d, want STREAMINFO", kind, offset)
		}
		rest, offset = rest[blockHead:], offset+blockHead
	}
	if len(rest) < infoSize {
		return nil, fmt.Errorf("flac configuration: STREAMINFO at offset %d has %d bytes, need %d", offset, len(rest), infoSize)
	}
	out := append([]byte(magic), lastBlock|typeInfo, 0, 0, infoSize)
	return append(out, rest[:infoSize]...), nil
}

// ParseConfig reads a configuration in the form of Normalise.
func ParseConfig(config []byte) (StreamInfo, error) {
	if len(config) < configSize || string(config[:len(magic)]) != magic {
		return StreamInfo{}, fmt.Errorf("flac configuration: %d bytes, need %q and %d more", len(config), magic, configSize-len(magic))
	}
	// 20 bits sampling frequency, 3 bits channels - 1, 5 bits depth - 1.
	const formatOffset = 10
	v := binary.BigEndian.Uint32(config[len(magic)+blockHead+formatOffset:])
	s := StreamInfo{SampleRate: int(v >> 12), Channels: int(v>>9&7) + 1, BitDepth: int(v>>4&0x1F) + 1}
	if s.SampleRate == 0 {
		return StreamInfo{}, errors.New("flac configuration: sampling frequency is 0 Hz")
	}
	if s.BitDepth < 4 {
		return StreamInfo{}, fmt.Errorf("flac configuration: %d bits per sample, want at least 4", s.BitDepth)
	}
	return s, nil
}

// TrackFromConfig describes the FLAC track whose configuration is config, in
// the form of Normalise. The track keeps config; the caller must not change it
// afterwards. Errors are ParseConfig's.
func TrackFromConfig(id int, config []byte) (*av.Track, error) {
	s, err := ParseConfig(config)
	if err != nil {
		return nil, err
	}
	return &av.Track{
		ID:         id,
		Kind:       av.Audio,
		Codec:      av.FLAC,
		Config:     config,
		Profile:    fmt.Sprintf("%d bits", s.BitDepth),
		SampleRate: s.SampleRate,
		Channels:   s.Channels,
	}, nil
}
