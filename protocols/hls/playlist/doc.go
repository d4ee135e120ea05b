// Package playlist writes HLS playlists: RFC 8216 and, for low latency,
// draft-pantos-hls-rfc8216bis, whose sections the comments name. It knows
// neither sockets nor media.
package playlist

import (
	"strconv"
	"time"
)

// ContentType is the media type of playlists (4).
const ContentType = "application/vnd.apple.mpegurl"

// decimals of seconds that are written: microseconds. The sum of a segment's
// parts differs from the segment by less than one for each part.
const decimals = 6

// appendSeconds appends d as a decimal number of seconds.
func appendSeconds(dst []byte, d time.Duration) []byte {
	us := int64(d.Round(time.Microsecond) / time.Microsecond)
	dst = strconv.AppendInt(dst, us/1e6, 10)
	dst = append(dst, '.')
	fraction := us % 1e6
	for scale := int64(1e5); scale > 0; scale /= 10 {
		dst = append(dst, byte('0'+fraction/scale%10))
	}
	for n := 1; n < decimals && dst[len(dst)-1] == '0'; n++ {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// appendQuoted appends s as a quoted-string (4.2). s must hold no quotation mark
// and no line break; URIs and codecs do not.
func appendQuoted(dst []byte, name, s string) []byte {
	dst = append(dst, name...)
	dst = append(dst, '=', '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
