// Package av holds the media model that every other package shares: codecs,
// tracks, layouts, frames and stream time.
//
// All times are int64 nanoseconds. DTS and PTS lie on a timeline that belongs
// to one stream; Arrival lies on the process clock that Now reads.
package av

import (
	"fmt"
	"time"
)

// Kind says what a track carries.
type Kind uint8

// The kinds of track.
const (
	Video Kind = iota
	Audio
	// Data is script data that travels with the media (FLV script tags, RTMP
	// data messages) and that only some formats can carry.
	Data
	// Kinds is the number of kinds, for arrays indexed by Kind.
	Kinds
)

// String returns "video", "audio" or "data".
func (k Kind) String() string {
	switch k {
	case Video:
		return "video"
	case Audio:
		return "audio"
	case Data:
		return "data"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Codec names an encoding of frames. The layout of a frame's payload, and of
// Track.Config, follows from its codec and is stated at each constant.
type Codec uint8

// The codecs.
const (
	// Unknown is the zero value; no published track has it.
	Unknown Codec = iota

	// H264 access units are length-prefixed NAL units (ISO/IEC 14496-15,
	// 5.3.3); Config is the AVCDecoderConfigurationRecord, which also says how
	// long the prefixes are.
	H264
	// H265 access units are length-prefixed NAL units (ISO/IEC 14496-15,
	// 8.3.3); Config is the HEVCDecoderConfigurationRecord.
	H265
	// AV1 temporal units are OBUs with size fields, without temporal
	// delimiters; Config is the AV1CodecConfigurationRecord (AV1-ISOBMFF, 2.3).
	AV1
	// VP8 frames are as RFC 6386 has them; Config is like that of VP9.
	VP8
	// VP9 frames are frames or superframes; Config is the
	// VPCodecConfigurationRecord (VP-ISOBMFF, 2.2), without version and flags,
	// or empty.
	VP9

	// AAC frames are raw_data_block()s without ADTS header; Config is the
	// AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).
	AAC
	// MP3 frames start with the MPEG audio frame header; Config is empty.
	MP3
	// Opus frames are packets (RFC 6716); Config is the identification header,
	// from "OpusHead" on (RFC 7845, 5.1).
	Opus
	// FLAC frames start with the frame header; Config is "fLaC" and the
	// STREAMINFO block with its header (RFC 9639, 6 and 8.2).
	FLAC
	// AC3 frames are syncframes (ETSI TS 102 366, 4); Config is empty.
	AC3
	// EAC3 frames are syncframes (ETSI TS 102 366, annex E); Config is empty.
	EAC3
	// G711A and G711U samples are 8 bits each at 8 kHz; Config is empty.
	G711A
	G711U

	// ScriptData payloads are AMF0: the name of the handler followed by its
	// values, as in an FLV SCRIPTDATA tag.
	ScriptData
)

var codecNames = [...]string{
	Unknown: "unknown", H264: "H264", H265: "H265", AV1: "AV1", VP8: "VP8", VP9: "VP9",
	AAC: "AAC", MP3: "MP3", Opus: "Opus", FLAC: "FLAC", AC3: "AC-3", EAC3: "E-AC-3",
	G711A: "G.711 A-law", G711U: "G.711 mu-law", ScriptData: "script data",
}

// String returns the codec's usual short name, such as "H264".
func (c Codec) String() string {
	if int(c) < len(codecNames) {
		return codecNames[c]
	}
	return fmt.Sprintf("codec %d", uint8(c))
}

var processStart = time.Now()

// Now returns nanoseconds of monotonic time since the process started. Arrival
// times are read from it. Safe for concurrent use.
func Now() int64 { return int64(time.Since(processStart)) }
