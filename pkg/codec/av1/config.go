// Package av1 reads the configuration record and the sequence header of AV1.
package av1

import (
	"errors"
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
)

// Config is an AV1CodecConfigurationRecord (AV1-ISOBMFF, 2.3.3).
type Config struct {
	// Profile and Level are seq_profile and seq_level_idx_0.
	Profile, Level uint8
	// HighTier is seq_tier_0.
	HighTier bool
	// Sequence is the sequence header OBU in configOBUs, without header and
	// size, or nil: the record may leave it to the frames.
	Sequence []byte
}

const (
	recordSize       = 4
	obuSequence      = 1
	obuTemporalDelim = 2
)

// ParseConfig reads an AV1CodecConfigurationRecord. Sequence aliases b. An
// error names the field and its offset in b.
func ParseConfig(b []byte) (Config, error) {
	if len(b) < recordSize {
		return Config{}, fmt.Errorf("av1 configuration: %d bytes, need at least %d", len(b), recordSize)
	}
	if b[0] != 0x81 {
		return Config{}, fmt.Errorf("av1 configuration: marker and version %#02x at offset 0, want 0x81", b[0])
	}
	c := Config{Profile: b[1] >> 5, Level: b[1] & 0x1F, HighTier: b[2]&0x80 != 0}
	for offset := recordSize; offset < len(b); {
		obu, err := parseOBU(b[offset:])
		if err != nil {
			return Config{}, fmt.Errorf("av1 configuration: OBU at offset %d: %w", offset, err)
		}
		if obu.kind == obuSequence && c.Sequence == nil {
			c.Sequence = obu.payload
		}
		offset += obu.size
	}
	return c, nil
}

// obu is an open bitstream unit (AV1 specification, 5.3).
type obu struct {
	kind    byte
	payload []byte
	size    int // of all of it
}

func parseOBU(b []byte) (obu, error) {
	if b[0]&0x80 != 0 {
		return obu{}, errors.New("obu_forbidden_bit is set")
	}
	kind, extension, sized, head := b[0]>>3&0x0F, b[0]&4 != 0, b[0]&2 != 0, 1
	if extension {
		head++
	}
	if len(b) < head {
		return obu{}, errors.New("truncated in the extension header")
	}
	if !sized { // it is the last one
		return obu{kind, b[head:], len(b)}, nil
	}
	length, n := leb128(b[head:])
	if n == 0 {
		return obu{}, errors.New("obu_size is truncated or too long")
	}
	head += n
	if length > uint64(len(b)-head) {
		return obu{}, fmt.Errorf("obu_size is %d, %d bytes remain", length, len(b)-head)
	}
	end := head + int(length)
	return obu{kind, b[head:end:end], end}, nil
}

// leb128 reads a number (4.10.5) and returns how many bytes it has, 0 if it is
// cut off or has more than the eight that are allowed.
func leb128(b []byte) (v uint64, n int) {
	const maxBytes = 8
	for i, c := range b[:min(len(b), maxBytes)] {
		v |= uint64(c&0x7F) << (7 * i)
		if c&0x80 == 0 {
			return v, i + 1
		}
	}
	return 0, 0
}

// TrimTemporalDelimiters returns the temporal unit tu without the temporal
// delimiters at its start, if there are any: containers leave them out.
func TrimTemporalDelimiters(tu []byte) []byte {
	for len(tu) > 0 && tu[0]>>3&0x0F == obuTemporalDelim {
		o, err := parseOBU(tu)
		if err != nil || len(o.payload) != 0 {
			break
		}
		tu = tu[o.size:]
	}
	return tu
}

// HasSequenceHeader reports whether the temporal unit tu begins, temporal
// delimiters and the like aside, with a sequence header, as key frames at which
// decoding can start do (7.5, 7.6).
func HasSequenceHeader(tu []byte) bool {
	for len(tu) > 0 {
		o, err := parseOBU(tu)
		if err != nil {
			return false
		}
		if o.kind == obuSequence {
			return true
		}
		tu = tu[o.size:]
	}
	return false
}

// TrackFromConfig describes the AV1 track whose AV1CodecConfigurationRecord is
// config. Its size is unknown if the record has no sequence header. The track
// keeps config; the caller must not change it afterwards. It fails if the
// record or the part of its sequence header up to the picture size is broken.
func TrackFromConfig(id int, config []byte) (*av.Track, error) {
	c, err := ParseConfig(config)
	if err != nil {
		return nil, err
	}
	t := &av.Track{ID: id, Kind: av.Video, Codec: av.AV1, Config: config, Profile: c.ProfileName()}
	if c.Sequence == nil {
		return t, nil
	}
	s, err := parseSequence(c.Sequence)
	if err != nil {
		return nil, fmt.Errorf("av1 configuration: sequence header: %w", err)
	}
	t.Width, t.Height, t.FrameRate = s.width, s.height, s.frameRate
	return t, nil
}

// ProfileName returns profile, level and, if it is the high one, tier, such as
// "Main 5.1 high tier" (AV1 specification, A.2 and A.3).
func (c Config) ProfileName() string {
	const unlimited = 31
	name := fmt.Sprintf("profile %d", c.Profile)
	if names := [...]string{"Main", "High", "Professional"}; int(c.Profile) < len(names) {
		name = names[c.Profile]
	}
	if c.Level != unlimited {
		name += fmt.Sprintf(" %d.%d", 2+c.Level/4, c.Level%4)
	}
	if c.HighTier {
		name += " high tier"
	}
	return name
}
