// Package vpx reads the configuration record of VP8 and VP9 and the headers of
// their key frames, which alone know the size of the picture.
package vpx

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
)

// Config is a VPCodecConfigurationRecord (VP-ISOBMFF, 2.2), without what only
// matters to a decoder.
type Config struct {
	// Profile is that of the bitstream.
	Profile uint8
	// Level is ten times the level, 0 if unknown.
	Level uint8
	// BitDepth is 8, 10 or 12.
	BitDepth uint8
}

const (
	// recordSize is the length of a record without initialisation data, which
	// neither codec has.
	recordSize = 8
	// fullBoxSize is the length of version and flags, which precede the record
	// in ISO files.
	fullBoxSize = 4
)

// TrimFullBox returns the record in config without the version and flags of
// the ISO box: ffmpeg sends them in RTMP and FLV too. A record cannot begin
// like that, as its bit depth would be 0.
func TrimFullBox(config []byte) []byte {
	if len(config) >= fullBoxSize+recordSize && binary.BigEndian.Uint32(config) == 1<<24 {
		return config[fullBoxSize:]
	}
	return config
}

// ParseConfig reads a VPCodecConfigurationRecord. An error names the field and
// its offset in b.
func ParseConfig(b []byte) (Config, error) {
	if len(b) < recordSize {
		return Config{}, fmt.Errorf("vp configuration: %d bytes, need at least %d", len(b), recordSize)
	}
	c := Config{Profile: b[0], Level: b[1], BitDepth: b[2] >> 4}
	if c.Profile > 3 {
		return Config{}, fmt.Errorf("vp configuration: profile %d at offset 0, want 0 to 3", c.Profile)
	}
	switch c.BitDepth {
	case 8, 10, 12:
	default:
		return Config{}, fmt.Errorf("vp configuration: bit depth %d at offset 2, want 8, 10 or 12", c.BitDepth)
	}
	if size := int(binary.BigEndian.Uint16(b[6:])); size > len(b)-recordSize {
		return Config{}, fmt.Errorf("vp configuration: codecInitializationData at offset %d has %d bytes, %d remain", recordSize, size, len(b)-recordSize)
	}
	return c, nil
}

// TrackFromConfig describes the track of codec, av.VP8 or av.VP9, whose
// VPCodecConfigurationRecord is config, or empty. Its size is unknown until a
// key frame. The track keeps config; the caller must not change it afterwards.
// Errors are ParseConfig's.
func TrackFromConfig(id int, codec av.Codec, config []byte) (*av.Track, error) {
	if len(config) == 0 {
		return &av.Track{ID: id, Kind: av.Video, Codec: codec}, nil
	}
	c, err := ParseConfig(config)
	if err != nil {
		return nil, err
	}
	profile := fmt.Sprintf("profile %d", c.Profile)
	if c.Level != 0 {
		profile += fmt.Sprintf(" %d.%d", c.Level/10, c.Level%10)
	}
	return &av.Track{ID: id, Kind: av.Video, Codec: codec, Config: config, Profile: profile}, nil
}

var errNoKeyFrame = errors.New("not a key frame")

// Size returns the size in pixels that the header of a key frame of codec,
// av.VP8 or av.VP9, announces. It fails if frame is no key frame or if its
// header is broken.
func Size(codec av.Codec, frame []byte) (width, height int, err error) {
	if codec == av.VP8 {
		return sizeVP8(frame)
	}
	return sizeVP9(frame)
}
