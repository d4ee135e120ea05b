// Package mime names tracks as the codecs parameter of MIME types does (RFC
// 6381): in HLS playlists, and where browsers are asked what they can play.
package mime

import (
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/aac"
)

// Codec returns the name of t's codec and profile, such as "avc1.64001f". It
// returns false if the codec has no name in ISO files, or if t's configuration
// is broken.
func Codec(t *av.Track) (string, bool) {
	switch t.Codec {
	case av.H264:
		return avc(t.Config)
	case av.H265:
		return hevc(t.Config)
	case av.AV1:
		return av1Name(t.Config)
	case av.VP8:
		return vpName("vp08", VPRecord(t))
	case av.VP9:
		return vpName("vp09", VPRecord(t))
	case av.AAC:
		return mp4Audio(t.Config)
	case av.MP3:
		// Audio object type 34, as RFC 8216 and players of HLS have it. Files name
		// it by an object type indication of its own too, mp4a.6b.
		return "mp4a.40.34", true
	case av.Opus:
		return "opus", true
	case av.FLAC:
		return "fLaC", true
	case av.AC3:
		return "ac-3", true
	case av.EAC3:
		return "ec-3", true
	}
	return "", false
}

// mp4Audio names AAC (RFC 6381, 3.3) after its audio object type. Explicitly
// signalled SBR and PS have one each.
func mp4Audio(config []byte) (string, bool) {
	const typeSBR, typePS = 5, 29
	c, err := aac.ParseConfig(config)
	if err != nil {
		return "", false
	}
	objectType := c.ObjectType
	switch {
	case c.PS:
		objectType = typePS
	case c.SBR:
		objectType = typeSBR
	}
	return fmt.Sprintf("mp4a.40.%d", objectType), true
}
