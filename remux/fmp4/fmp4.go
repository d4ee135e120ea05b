// Package fmp4 turns frames into fragmented MP4 and fragmented MP4 into frames
// (ISO/IEC 14496-12; the structure of fragments is that of CMAF, ISO/IEC
// 23000-19). HLS cuts its segments and parts out of it; the Muxer writes an
// endless file for HTTP and WebSocket.
package fmp4

import (
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// Shift is what all times in fragments are greater than those of frames. Decode
// times in files cannot be negative, but stream time can: the bus lets a track
// begin up to ten seconds before the frame that began the stream, and B-frames
// of some publishers are shown before 0. It is a constant, so that all viewers,
// segments and tracks have the same times without anybody keeping a state, and a
// whole number of seconds, so that every timescale can say it exactly. Times
// below -Shift, which the bus does not give out, become 0.
const Shift = 10 * time.Second

const videoTimescale = 90000

// Carries reports whether fragmented MP4 can carry t: H.264, H.265, AV1, VP8,
// VP9, AAC, MP3, Opus, FLAC, AC-3 and E-AC-3. Audio must have a sample rate, as its
// times count in it.
func Carries(t *av.Track) bool {
	switch t.Codec {
	case av.H264, av.H265, av.AV1, av.VP8, av.VP9, av.Opus:
		return true
	case av.AAC, av.MP3, av.FLAC, av.AC3, av.EAC3:
		return t.SampleRate > 0
	}
	return false
}

// Misfit says why fragmented MP4 cannot carry t; empty if it Carries t.
func Misfit(t *av.Track) string {
	switch {
	case Carries(t):
		return ""
	case t.Kind == av.Audio && t.SampleRate == 0:
		return "its sample rate is not known"
	}
	return "fragmented MP4 cannot carry the codec"
}

// Timescale returns how many units a second has in the times of t, which
// Carries: 90000 for video, the sample rate for audio.
func Timescale(t *av.Track) uint32 {
	const opusRate = 48000 // whatever the rate before encoding was (RFC 7845, 5.1)
	switch {
	case t.Kind == av.Video:
		return videoTimescale
	case t.Codec == av.Opus:
		return opusRate
	}
	return uint32(t.SampleRate)
}

// trackID returns the track_ID of t: it must not be 0.
func trackID(t *av.Track) uint32 { return uint32(t.ID + 1) }

// units converts a time in nanoseconds to a timescale, shifted and rounded to
// the nearest. It never decreases when ns grows, so that the differences of
// rounded times add up.
func units(ns int64, timescale uint32) uint64 {
	const second = int64(time.Second)
	seconds, rest := ns/second, ns%second
	if rest < 0 {
		seconds, rest = seconds-1, rest+second
	}
	seconds += int64(Shift / time.Second)
	if seconds < 0 {
		return 0
	}
	scale := int64(timescale)
	return uint64(seconds*scale + (rest*scale+second/2)/second)
}
