// Package flv turns FLV tags into frames and frames into FLV tags (Adobe, Video
// File Format Specification, version 10.1, Annex E). The body of a tag is also
// the payload of an RTMP audio, video or data message, so RTMP uses the Demuxer
// and the Append...Body functions without the file layer.
package flv

import (
	"encoding/binary"
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
)

// TagType is the type of an FLV tag (E.4.1), which is also the type of the RTMP
// message with the same body.
type TagType uint8

// The tag types.
const (
	AudioTag  TagType = 8
	VideoTag  TagType = 9
	ScriptTag TagType = 18
)

// TagTypeOf returns the type of the tags that carry tracks of kind k.
func TagTypeOf(k av.Kind) TagType {
	switch k {
	case av.Video:
		return VideoTag
	case av.Audio:
		return AudioTag
	}
	return ScriptTag
}

const (
	// MaxBodySize is the largest body of a tag in bytes: its size has 24 bits.
	MaxBodySize = 1<<24 - 1

	fileHeaderSize   = 9
	tagHeaderSize    = 11
	previousTagSize  = 4
	flagAudio        = 0x04
	flagVideo        = 0x01
	signatureVersion = "FLV\x01"
)

// AppendFileHeader appends the FLV file header (E.2) and the PreviousTagSize0
// that follows it, 13 bytes in all. The flags announce audio and video tags.
func AppendFileHeader(dst []byte, hasAudio, hasVideo bool) []byte {
	var flags byte
	if hasAudio {
		flags |= flagAudio
	}
	if hasVideo {
		flags |= flagVideo
	}
	dst = append(dst, signatureVersion...)
	return append(dst, flags, 0, 0, 0, fileHeaderSize, 0, 0, 0, 0)
}

// AppendTag appends one tag: header, body and PreviousTagSize (E.3, E.4.1).
// The body is the concatenation of parts. The timestamp is in milliseconds. It
// panics if the body is larger than MaxBodySize, which is for the caller to
// rule out. It does not allocate if dst has room.
func AppendTag(dst []byte, t TagType, timestamp uint32, parts ...[]byte) []byte {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	if size > MaxBodySize {
		panic(fmt.Sprintf("flv: tag body of %d bytes", size))
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(t)<<24|uint32(size))
	// The upper 8 bits of the timestamp follow the lower 24; the stream id is 0.
	dst = append(dst, byte(timestamp>>16), byte(timestamp>>8), byte(timestamp), byte(timestamp>>24), 0, 0, 0)
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return binary.BigEndian.AppendUint32(dst, uint32(tagHeaderSize+size))
}

// Milliseconds converts a time in nanoseconds to FLV and RTMP timestamps:
// milliseconds, rounded to the nearest, modulo 2^32. Times that came from such
// timestamps and were moved by any constant keep their exact distances.
func Milliseconds(ns int64) uint32 { return uint32(roundMilliseconds(ns)) }

// roundMilliseconds is floor(ns/1e6 + 1/2) without overflow.
func roundMilliseconds(ns int64) int64 {
	ms, rest := ns/nanosecondsPerMillisecond, ns%nanosecondsPerMillisecond
	switch {
	case rest >= nanosecondsPerMillisecond/2:
		ms++
	case rest < -nanosecondsPerMillisecond/2:
		ms--
	}
	return ms
}

const nanosecondsPerMillisecond = 1_000_000
