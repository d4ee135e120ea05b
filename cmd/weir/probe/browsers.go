package probe

import (
	"fmt"
	"strings"

	"github.com/weirmedia/weir/pkg/av"
)

// answers has one for Chrome, Edge, Firefox and Safari, in this order.
type answers [4]Answer

// support is what browsers do with a codec that has no further conditions.
type support struct {
	answers answers
	text    string // why, unless all say yes
	fix     string
}

// What most entries below say.
const (
	fixH264  = "encode H.264 (OBS: Encoder x264; ffmpeg: -c:v libx264 -pix_fmt yuv420p)"
	fixAAC   = "use AAC (ffmpeg: -c:a aac)"
	fixOpus  = "send Opus (ffmpeg: -c:a libopus), or have the audio transcoded, as weir does with AAC"
	noFLV    = "mpegts.js does not read %s from FLV"
	notInRTC = "WebRTC has no %s"
)

func all(a Answer) answers { return answers{a, a, a, a} }

// mse is what browsers play by Media Source Extensions from FLV. What mpegts.js
// 1.8 takes out of FLV decides first, then what the browsers document for
// video/mp4 in MSE.
func mse(c av.Codec) support {
	switch c {
	case av.H264, av.AAC, av.MP3:
		return support{answers: all(Yes)}
	case av.H265:
		return support{answers{Maybe, Maybe, Maybe, Yes}, "HEVC plays only where hardware or system decode it", fixH264}
	case av.AV1:
		return support{answers{Yes, Yes, Yes, Maybe}, "Safari plays AV1 only on hardware that decodes it", fixH264}
	case av.Opus, av.FLAC:
		return support{answers{Yes, Yes, Yes, Maybe}, fmt.Sprintf("only newer versions of Safari play %s", c), fixAAC}
	case av.VP8, av.VP9:
		return support{all(No), fmt.Sprintf(noFLV, c), fixH264}
	}
	return support{all(No), fmt.Sprintf(noFLV, c), fixAAC}
}

// webRTC is what browsers play by WebRTC (RFC 7742, RFC 7874, and what they
// offer beyond these).
func webRTC(c av.Codec) support {
	switch c {
	case av.H264, av.VP8, av.VP9, av.Opus, av.G711A, av.G711U:
		return support{answers: all(Yes)}
	case av.AV1:
		return support{answers{Yes, Yes, Yes, Maybe}, "Safari plays AV1 only on hardware that decodes it", fixH264}
	case av.H265:
		return support{answers{Maybe, Maybe, No, Maybe}, "HEVC by WebRTC depends on hardware and version; Firefox has none", fixH264}
	}
	return support{all(No), fmt.Sprintf(notInRTC, c), fixOpus}
}

// verdicts says for each way into a browser who plays the first video and the
// first audio track.
func verdicts(tracks []Track) []Verdict {
	video, audio := firstOf(tracks, av.Video), firstOf(tracks, av.Audio)
	if video == nil && audio == nil {
		return []Verdict{}
	}
	out := make([]Verdict, 0, 2)
	for _, way := range []struct {
		name  string
		codec func(av.Codec) support
		more  func(*Track) []support // what matters beyond the codec
	}{
		{"MSE", mse, mseMore},
		{"WebRTC", webRTC, webRTCMore},
	} {
		var found []support
		for _, t := range []*Track{video, audio} {
			if t != nil {
				found = append(found, way.codec(t.codec))
				found = append(found, way.more(t)...)
			}
		}
		out = append(out, conclude(way.name, found))
	}
	return out
}

// conclude takes the worst of all answers.
func conclude(way string, found []support) Verdict {
	worst := all(Yes)
	reasons := []Reason{}
	for _, s := range found {
		for i, a := range s.answers {
			if a == No || (a == Maybe && worst[i] == Yes) {
				worst[i] = a
			}
		}
		if s.answers != all(Yes) {
			reasons = append(reasons, Reason{s.text, s.fix})
		}
	}
	return Verdict{way, worst[0], worst[1], worst[2], worst[3], reasons}
}

// deepColour is about profiles that few decoders have.
func deepColour(t *Track) []support {
	for _, rare := range []string{"High 10", "High 4:2:2", "High 4:4:4", "CAVLC 4:4:4"} {
		if t.codec == av.H264 && strings.HasPrefix(t.Profile, rare) {
			return []support{{answers{Maybe, Maybe, No, No}, "H.264 beyond 8 bits or 4:2:0 plays nearly nowhere (" + t.Profile + ")",
				"set 8 bits and 4:2:0 (ffmpeg: -pix_fmt yuv420p; OBS: colour format NV12)"}}
		}
	}
	return nil
}

func mseMore(t *Track) []support {
	switch {
	case t.Profile == "xHE-AAC":
		return []support{{answers{Maybe, Maybe, No, Yes}, "xHE-AAC plays only where the system decodes it", "use AAC LC"}}
	case t.codec == av.MP3 && t.SampleRate == 8000: // FLV has a sound format of its own for it
		return []support{{all(No), "mpegts.js does not read MP3 of 8 kHz from FLV", fixAAC}}
	case t.codec == av.AAC && t.Channels > 2:
		return []support{{answers{Yes, Yes, Maybe, Maybe}, fmt.Sprintf("%d channels are not played everywhere", t.Channels), "send stereo (ffmpeg: -ac 2)"}}
	}
	return deepColour(t)
}

func webRTCMore(t *Track) []support {
	found := deepColour(t)
	if t.Reorder != nil && t.Reorder.BFrames > 0 {
		found = append(found, support{all(No), "browsers show B-frames by WebRTC in the wrong order",
			"set bframes=0 (OBS: x264 option bframes=0, NVENC: B-frames 0; ffmpeg: -bf 0)"})
	}
	return found
}

func firstOf(tracks []Track, k av.Kind) *Track {
	for i := range tracks {
		if tracks[i].Kind == k.String() {
			return &tracks[i]
		}
	}
	return nil
}
