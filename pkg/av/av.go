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

// Codec names an encoding of frames. The layout of a frame's payload follows
// from its codec and is stated at each constant.
type Codec uint8

// The codecs.
const (
	// Unknown is the zero value; no published track has it.
	Unknown Codec = iota
	// H264 access units are length-prefixed NAL units (ISO/IEC 14496-15,
	// 5.3.3); Track.Config is the AVCDecoderConfigurationRecord, which also
	// says how long the prefixes are.
	H264
	// AAC frames are raw_data_block()s without ADTS header; Track.Config is
	// the AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).
	AAC
	// MP3 frames start with the MPEG audio frame header; Track.Config is empty.
	MP3
	// ScriptData payloads are AMF0: the name of the handler followed by its
	// values, as in an FLV SCRIPTDATA tag.
	ScriptData
)

var codecNames = [...]string{Unknown: "unknown", H264: "H264", AAC: "AAC", MP3: "MP3", ScriptData: "script data"}

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
