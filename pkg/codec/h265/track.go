package h265

import (
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
)

// TrackFromConfig describes the H.265 track whose
// HEVCDecoderConfigurationRecord is config. The track keeps config; the caller
// must not change it afterwards. It fails if the record or the part of its
// first SPS up to the picture size is broken.
func TrackFromConfig(id int, config []byte) (*av.Track, error) {
	c, err := ParseConfig(config)
	if err != nil {
		return nil, err
	}
	width, height, err := pictureSize(c.SPS[0])
	if err != nil {
		return nil, fmt.Errorf("hevc configuration: first SPS: %w", err)
	}
	fps := frameRate(c.SPS[0])
	if fps == 0 {
		fps = c.FrameRate
	}
	return &av.Track{
		ID:        id,
		Kind:      av.Video,
		Codec:     av.H265,
		Config:    config,
		Profile:   c.ProfileName(),
		Width:     width,
		Height:    height,
		FrameRate: fps,
	}, nil
}

var profileNames = [...]string{
	1: "Main", 2: "Main 10", 3: "Main Still Picture", 4: "Range Extensions", 5: "High Throughput",
	6: "Multiview Main", 7: "Scalable Main", 8: "3D Main", 9: "Screen-Extended",
	10: "Scalable Range Extensions", 11: "High Throughput Screen-Extended",
}

// ProfileName returns profile, level and, if it is the high one, tier, such as
// "Main 10 5.1 high tier" (ITU-T H.265, A.3 and A.4).
func (c Config) ProfileName() string {
	name := fmt.Sprintf("profile %d", c.Profile)
	if int(c.Profile) < len(profileNames) && profileNames[c.Profile] != "" {
		name = profileNames[c.Profile]
	}
	name += fmt.Sprintf(" %d.%d", c.Level/30, c.Level%30/3)
	if c.HighTier {
		name += " high tier"
	}
	return name
}
