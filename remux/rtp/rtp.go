// Package rtp turns frames into RTP packets and RTP packets into frames
// (RFC 3550), for H.264 (RFC 6184), H.265 (RFC 7798), AV1 (AOM, RTP payload
// format 1.0), VP8 (RFC 7741), VP9 (RFC 9628), AAC (RFC 3640), Opus (RFC 7587),
// G.711 and MP3 (RFC 3551, RFC 2250) and AC-3 (RFC 4184). It says in SDP terms
// what tracks are, and puts the tracks of a session on one timeline.
//
// Nothing here is safe for concurrent use.
package rtp

const (
	second = int64(1e9)

	// maxUnit bounds an access unit in bytes, maxUnits the NAL units of one.
	maxUnit  = 8 << 20
	maxUnits = 4096

	// lengthSize is how long the prefixes of NAL units are in what is read.
	lengthSize = 4
)
