package playlist

import (
	"strconv"
	"strings"
)

// Multivariant is a multivariant playlist (4.4.6).
type Multivariant struct{ Variants []Variant }

// Variant is one EXT-X-STREAM-INF (4.4.6.2).
type Variant struct {
	URI string
	// Bandwidth is the bit rate of the densest segment, AverageBandwidth that of
	// all; both in bits per second, with what the container adds.
	Bandwidth, AverageBandwidth uint64
	// Codecs are as RFC 6381 writes them; not written if there are none.
	Codecs []string
	// Width and Height are in pixels, FrameRate in frames per second; not
	// written if 0.
	Width, Height int
	FrameRate     float64
}

// Append appends the playlist's text.
func (m *Multivariant) Append(dst []byte) []byte {
	dst = append(dst, "#EXTM3U\n#EXT-X-VERSION:6\n"...)
	for i := range m.Variants {
		dst = m.Variants[i].append(dst)
	}
	return dst
}

func (v *Variant) append(dst []byte) []byte {
	dst = append(dst, "#EXT-X-STREAM-INF:BANDWIDTH="...)
	dst = strconv.AppendUint(dst, v.Bandwidth, 10)
	if v.AverageBandwidth > 0 {
		dst = append(dst, ",AVERAGE-BANDWIDTH="...)
		dst = strconv.AppendUint(dst, v.AverageBandwidth, 10)
	}
	if len(v.Codecs) > 0 {
		dst = appendQuoted(dst, ",CODECS", strings.Join(v.Codecs, ","))
	}
	if v.Width > 0 && v.Height > 0 {
		dst = append(dst, ",RESOLUTION="...)
		dst = strconv.AppendInt(dst, int64(v.Width), 10)
		dst = append(dst, 'x')
		dst = strconv.AppendInt(dst, int64(v.Height), 10)
	}
	if v.FrameRate > 0 {
		dst = append(dst, ",FRAME-RATE="...)
		dst = strconv.AppendFloat(dst, v.FrameRate, 'f', 3, 64)
	}
	dst = append(dst, '\n')
	dst = append(dst, v.URI...)
	return append(dst, '\n')
}
