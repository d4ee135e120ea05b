// Package h264 reads and writes what H.264 needs around its coded pictures: the
// decoder configuration record and the framing of NAL units.
package h264

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// Config is an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1).
type Config struct {
	// Profile, Compatibility and Level are AVCProfileIndication,
	// profile_compatibility and AVCLevelIndication.
	Profile, Compatibility, Level uint8
	// LengthSize is the number of bytes before each NAL unit that tell its
	// length: 1, 2 or 4.
	LengthSize int
	// SPS and PPS are NAL units without length prefix or start code. There is
	// at least one SPS.
	SPS, PPS [][]byte
}

// Counts that the record's fields can hold.
const (
	maxSPS     = 31     // 5 bits
	maxPPS     = 255    // 8 bits
	maxNALSize = 0xFFFF // 16 bits
)

// ParseConfig reads an AVCDecoderConfigurationRecord. The lists alias b. The
// chroma and bit depth fields that High profiles append are not read: encoders
// leave them out, the SPS says the same, and bytes after the PPS list have no
// other use. An error names the field and its offset in b.
func ParseConfig(b []byte) (Config, error) {
	const fixed = 6 // bytes up to and including the SPS count
	if len(b) < fixed {
		return Config{}, fmt.Errorf("avc configuration: %d bytes, need at least %d", len(b), fixed+1)
	}
	if b[0] != 1 {
		return Config{}, fmt.Errorf("avc configuration: version %d at offset 0, want 1", b[0])
	}
	c := Config{Profile: b[1], Compatibility: b[2], Level: b[3], LengthSize: int(b[4]&3) + 1}
	if c.LengthSize == 3 {
		return Config{}, errors.New("avc configuration: NAL length size 3 at offset 4, want 1, 2 or 4")
	}
	nSPS := int(b[5] & 0x1F)
	if nSPS == 0 {
		return Config{}, errors.New("avc configuration: no SPS (count at offset 5 is 0)")
	}
	var err error
	offset := fixed
	if c.SPS, offset, err = parseList(b, offset, nSPS, "SPS"); err != nil {
		return Config{}, err
	}
	if offset == len(b) {
		return Config{}, fmt.Errorf("avc configuration: truncated before the PPS count at offset %d", offset)
	}
	if c.PPS, _, err = parseList(b, offset+1, int(b[offset]), "PPS"); err != nil {
		return Config{}, err
	}
	return c, nil
}

// LengthSize returns the LengthSize of a record that ParseConfig reads, without
// reading the rest; 4 if it is too short.
func LengthSize(config []byte) int {
	if len(config) < 5 {
		return 4
	}
	return int(config[4]&3) + 1
}

func parseList(b []byte, offset, n int, name string) (list [][]byte, end int, err error) {
	for i := range n {
		rest := b[offset:]
		if len(rest) < 2 {
			return nil, 0, fmt.Errorf("avc configuration: truncated in the length of %s %d at offset %d", name, i, offset)
		}
		size := int(binary.BigEndian.Uint16(rest))
		if size == 0 {
			return nil, 0, fmt.Errorf("avc configuration: %s %d at offset %d is empty", name, i, offset)
		}
		if rest = rest[2:]; size > len(rest) {
			return nil, 0, fmt.Errorf("avc configuration: %s %d at offset %d has %d bytes, %d remain", name, i, offset, size, len(rest))
		}
		list = append(list, rest[:size:size])
		offset += 2 + size
	}
	return list, offset, nil
}

// BuildConfig makes an AVCDecoderConfigurationRecord for access units with
// four-byte NAL lengths. It fails if there is no SPS, if the first SPS cannot
// be parsed, or if a list or a parameter set is larger than the record's fields
// can express.
func BuildConfig(sps, pps [][]byte) ([]byte, error) {
	if len(sps) == 0 || len(sps) > maxSPS || len(pps) > maxPPS {
		return nil, fmt.Errorf("avc configuration: %d SPS and %d PPS, want 1 to %d and at most %d", len(sps), len(pps), maxSPS, maxPPS)
	}
	first, err := parseSPS(sps[0])
	if err != nil {
		return nil, fmt.Errorf("avc configuration: first SPS: %w", err)
	}
	// Reserved bits are ones. The length size is stored minus one.
	b := []byte{1, sps[0][1], sps[0][2], sps[0][3], 0xFC | 3, 0xE0 | byte(len(sps))}
	if b, err = appendList(b, sps, "SPS"); err != nil {
		return nil, err
	}
	b = append(b, byte(len(pps)))
	if b, err = appendList(b, pps, "PPS"); err != nil {
		return nil, err
	}
	switch first.ProfileIdc {
	case 66, 77, 88: // Baseline, Main and Extended are always 4:2:0 with 8 bits
		return b, nil
	}
	return append(b,
		0xFC|byte(first.ChromaFormatIdc),
		0xF8|byte(first.BitDepthLumaMinus8),
		0xF8|byte(first.BitDepthChromaMinus8),
		0, // no SPS extensions
	), nil
}

func appendList(b []byte, list [][]byte, name string) ([]byte, error) {
	for i, nal := range list {
		if len(nal) == 0 || len(nal) > maxNALSize {
			return nil, fmt.Errorf("avc configuration: %s %d has %d bytes, want 1 to %d", name, i, len(nal), maxNALSize)
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(nal)))
		b = append(b, nal...)
	}
	return b, nil
}

// parseSPS parses as much of an SPS as this program needs. Everything before
// the VUI must be sound; a broken VUI is dropped, since cameras write it wrong
// and nothing needed for decoding is in it.
func parseSPS(nal []byte) (*h264.SPS, error) {
	var sps h264.SPS
	if err := sps.Unmarshal(nal); err != nil {
		if sps.VUI == nil {
			return nil, err
		}
		sps.VUI = nil
	}
	if sps.ChromaFormatIdc > 3 || sps.BitDepthLumaMinus8 > 6 || sps.BitDepthChromaMinus8 > 6 {
		return nil, fmt.Errorf("chroma format %d with bit depths %d and %d is beyond the standard",
			sps.ChromaFormatIdc, 8+uint64(sps.BitDepthLumaMinus8), 8+uint64(sps.BitDepthChromaMinus8))
	}
	return &sps, nil
}
