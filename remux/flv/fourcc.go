package flv

import (
	"encoding/binary"

	"github.com/weirmedia/weir/pkg/av"
)

// FourCC names a codec in Enhanced RTMP: four ASCII characters, the first in
// the highest byte. In onMetaData it is a number.
type FourCC uint32

// fourCCs has the codecs of Enhanced RTMP (v2, enum VideoFourCc and
// AudioFourCc). It is never written to.
var fourCCs = [...]struct {
	codec av.Codec
	kind  av.Kind
	code  FourCC
}{
	{av.H264, av.Video, code("avc1")},
	{av.H265, av.Video, code("hvc1")},
	{av.AV1, av.Video, code("av01")},
	{av.VP8, av.Video, code("vp08")},
	{av.VP9, av.Video, code("vp09")},
	{av.AAC, av.Audio, code("mp4a")},
	{av.MP3, av.Audio, code(".mp3")},
	{av.Opus, av.Audio, code("Opus")},
	{av.FLAC, av.Audio, code("fLaC")},
	{av.AC3, av.Audio, code("ac-3")},
	{av.EAC3, av.Audio, code("ec-3")},
}

func code(s string) FourCC { return FourCC(binary.BigEndian.Uint32([]byte(s))) }

// FourCCOf returns the FourCC of c, 0 if Enhanced RTMP has none.
func FourCCOf(c av.Codec) FourCC {
	for i := range fourCCs {
		if fourCCs[i].codec == c {
			return fourCCs[i].code
		}
	}
	return 0
}

// FourCCs returns what Enhanced RTMP names of kind k and this package carries.
func FourCCs(k av.Kind) []FourCC {
	var out []FourCC
	for _, f := range fourCCs {
		if f.kind == k {
			out = append(out, f.code)
		}
	}
	return out
}

// Codec returns the codec of kind k that f names, av.Unknown if there is none.
func (f FourCC) Codec(k av.Kind) av.Codec {
	for i := range fourCCs {
		if fourCCs[i].code == f && fourCCs[i].kind == k {
			return fourCCs[i].codec
		}
	}
	return av.Unknown
}

// String returns the four characters.
func (f FourCC) String() string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(f)))
}
