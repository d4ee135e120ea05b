package h264

import (
	"errors"
	"fmt"
	"math"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

	"github.com/weirmedia/weir/pkg/av"
)

// TrackFromConfig describes the H.264 track whose AVCDecoderConfigurationRecord
// is config. The track keeps config; the caller must not change it afterwards.
// It fails if the record or the part of its first SPS before the VUI is broken.
func TrackFromConfig(id int, config []byte) (*av.Track, error) {
	c, err := ParseConfig(config)
	if err != nil {
		return nil, err
	}
	sps, err := parseSPS(c.SPS[0])
	if err != nil {
		return nil, fmt.Errorf("avc configuration: first SPS: %w", err)
	}
	width, height := pictureSize(sps)
	if width == 0 || height == 0 {
		return nil, errors.New("avc configuration: first SPS: picture size is not possible")
	}
	return &av.Track{
		ID:        id,
		Kind:      av.Video,
		Codec:     av.H264,
		Config:    config,
		Profile:   profileName(sps) + " " + levelName(sps),
		Width:     width,
		Height:    height,
		FrameRate: frameRate(sps),
	}, nil
}

// pictureSize returns the size in pixels after cropping, or zeros if the SPS
// describes no picture that a level of the standard allows.
func pictureSize(sps *h264.SPS) (width, height int) {
	// Level 6.2, the highest, allows a side of sqrt(8 x 139264) = 1055
	// macroblocks (ITU-T H.264, A.3.1); beyond it the sums below could overflow.
	const maxMacroblocks = 1055
	if sps.PicWidthInMbsMinus1 >= maxMacroblocks || sps.PicHeightInMapUnitsMinus1 >= maxMacroblocks {
		return 0, 0
	}
	if c := sps.FrameCropping; c != nil {
		const maxCrop = maxMacroblocks * 16
		if max(c.LeftOffset, c.RightOffset, c.TopOffset, c.BottomOffset) > maxCrop {
			return 0, 0
		}
	}
	width, height = sps.Width(), sps.Height()
	const maxSide = maxMacroblocks * 16
	if width < 1 || height < 1 || width > maxSide || height > maxSide {
		return 0, 0
	}
	return width, height
}

// frameRate returns frames per second, 0 if the VUI does not say or says what
// cannot be: some encoders fill the fields with a clock rate.
func frameRate(sps *h264.SPS) float64 {
	const maxFrameRate = 1000
	fps := sps.FPS()
	if math.IsNaN(fps) || fps <= 0 || fps > maxFrameRate {
		return 0
	}
	return fps
}

// profileName follows ITU-T H.264, A.2: the constraint flags narrow a profile.
func profileName(sps *h264.SPS) string {
	switch sps.ProfileIdc {
	case 44:
		return "CAVLC 4:4:4 Intra"
	case 66:
		if sps.ConstraintSet1Flag {
			return "Constrained Baseline"
		}
		return "Baseline"
	case 77:
		return "Main"
	case 88:
		return "Extended"
	case 100:
		switch {
		case sps.ConstraintSet4Flag && sps.ConstraintSet5Flag:
			return "Constrained High"
		case sps.ConstraintSet4Flag:
			return "Progressive High"
		}
		return "High"
	case 110:
		return "High 10" + intra(sps)
	case 122:
		return "High 4:2:2" + intra(sps)
	case 244:
		if sps.ConstraintSet3Flag {
			return "High 4:4:4 Intra"
		}
		return "High 4:4:4 Predictive"
	}
	return fmt.Sprintf("profile %d", sps.ProfileIdc)
}

func intra(sps *h264.SPS) string {
	if sps.ConstraintSet3Flag {
		return " Intra"
	}
	return ""
}

// levelName follows ITU-T H.264, A.3: level 1b is written in two ways.
func levelName(sps *h264.SPS) string {
	old := sps.ProfileIdc == 66 || sps.ProfileIdc == 77 || sps.ProfileIdc == 88
	if sps.LevelIdc == 9 || (sps.LevelIdc == 11 && old && sps.ConstraintSet3Flag) {
		return "1b"
	}
	return fmt.Sprintf("%d.%d", sps.LevelIdc/10, sps.LevelIdc%10)
}
