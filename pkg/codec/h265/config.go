// Package h265 reads the decoder configuration record of H.265. Access units
// are framed like those of H.264: see the NAL functions of package h264.
package h265

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Config is an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1).
type Config struct {
	// Profile, HighTier and Level are general_profile_idc, general_tier_flag
	// and general_level_idc, which is 30 times the level.
	Profile  uint8
	HighTier bool
	Level    uint8
	// FrameRate is the average in frames per second, 0 if the record does not
	// say.
	FrameRate float64
	// LengthSize is the number of bytes before each NAL unit that tell its
	// length: 1, 2 or 4.
	LengthSize int
	// VPS, SPS and PPS are NAL units without length prefix or start code. There
	// is at least one SPS.
	VPS, SPS, PPS [][]byte
}

// NAL unit types of parameter sets (ITU-T H.265, table 7-1).
const (
	nalVPS = 32
	nalSPS = 33
	nalPPS = 34
)

// ParseConfig reads an HEVCDecoderConfigurationRecord. The lists alias b;
// arrays of other NAL units, such as SEI, are passed over. An error names the
// field and its offset in b.
func ParseConfig(b []byte) (Config, error) {
	const fixed = 23 // bytes up to and including the number of arrays
	if len(b) < fixed {
		return Config{}, fmt.Errorf("hevc configuration: %d bytes, need at least %d", len(b), fixed)
	}
	if b[0] > 1 { // 0 was written before the standard was finished
		return Config{}, fmt.Errorf("hevc configuration: version %d at offset 0, want 1", b[0])
	}
	c := Config{
		Profile:    b[1] & 0x1F,
		HighTier:   b[1]&0x20 != 0,
		Level:      b[12],
		FrameRate:  float64(binary.BigEndian.Uint16(b[19:])) / 256,
		LengthSize: int(b[21]&3) + 1,
	}
	if c.LengthSize == 3 {
		return Config{}, errors.New("hevc configuration: NAL length size 3 at offset 21, want 1, 2 or 4")
	}
	offset := fixed
	for i := range int(b[22]) {
		var err error
		if offset, err = c.readArray(b, offset); err != nil {
			return Config{}, fmt.Errorf("hevc configuration: array %d: %w", i, err)
		}
	}
	if len(c.SPS) == 0 {
		return Config{}, errors.New("hevc configuration: no SPS")
	}
	return c, nil
}

// readArray reads the array of NAL units at offset and returns where it ends.
func (c *Config) readArray(b []byte, offset int) (end int, err error) {
	const head = 3 // type and count
	if len(b)-offset < head {
		return 0, fmt.Errorf("truncated in type and count at offset %d", offset)
	}
	kind, n := b[offset]&0x3F, int(binary.BigEndian.Uint16(b[offset+1:]))
	offset += head
	for i := range n {
		rest := b[offset:]
		if len(rest) < 2 {
			return 0, fmt.Errorf("truncated in the length of NAL unit %d at offset %d", i, offset)
		}
		size := int(binary.BigEndian.Uint16(rest))
		if rest = rest[2:]; size > len(rest) {
			return 0, fmt.Errorf("NAL unit %d at offset %d has %d bytes, %d remain", i, offset, size, len(rest))
		}
		nal := rest[:size:size]
		switch {
		case size == 0:
			return 0, fmt.Errorf("NAL unit %d at offset %d is empty", i, offset)
		case kind == nalVPS:
			c.VPS = append(c.VPS, nal)
		case kind == nalSPS:
			c.SPS = append(c.SPS, nal)
		case kind == nalPPS:
			c.PPS = append(c.PPS, nal)
		}
		offset += 2 + size
	}
	return offset, nil
}
