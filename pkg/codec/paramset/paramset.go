// Package paramset tells the parameter sets of H.264 and H.265 from other NAL
// units, and makes tracks of them: for formats in which they come in band (ITU-T
// H.264 and H.265, 7.4.1).
package paramset

import (
	"bytes"
	"slices"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/h265"
)

// Class is what matters of a NAL unit when access units change their form. Classes
// can be joined into a set of them.
type Class uint8

// The classes. Other is the zero value: slices, SEI and what else there is.
const (
	Other     Class = 0
	VPS       Class = 1
	SPS       Class = 2
	PPS       Class = 4
	Delimiter Class = 8 // of access units
)

// ClassOf returns the class of a NAL unit, which is not empty, of codec c, which
// is H.264 or H.265.
func ClassOf(c av.Codec, nal []byte) Class {
	if c == av.H264 {
		switch h264.NALType(nal) {
		case h264.NALTypeSPS:
			return SPS
		case h264.NALTypePPS:
			return PPS
		case h264.NALTypeAUD:
			return Delimiter
		}
		return Other
	}
	switch h265.NALType(nal) {
	case h265.NALTypeVPS:
		return VPS
	case h265.NALTypeSPS:
		return SPS
	case h265.NALTypePPS:
		return PPS
	case h265.NALTypeAUD:
		return Delimiter
	}
	return Other
}

// Needed returns the classes that decoding of codec c cannot start without.
func Needed(c av.Codec) Class {
	if c == av.H264 {
		return SPS | PPS
	}
	return VPS | SPS | PPS
}

// Sets are parameter sets, each list in the order of the stream.
type Sets struct{ VPS, SPS, PPS [][]byte }

// maxSets bounds each list. Real streams have a few.
const maxSets = 32

// Add appends nal to the list of its class c, unless it is there already, is no
// parameter set, or the list is full. It is not copied.
func (s *Sets) Add(c Class, nal []byte) {
	var list *[][]byte
	switch c {
	case VPS:
		list = &s.VPS
	case SPS:
		list = &s.SPS
	case PPS:
		list = &s.PPS
	default:
		return
	}
	if len(*list) < maxSets && !slices.ContainsFunc(*list, func(have []byte) bool { return bytes.Equal(have, nal) }) {
		*list = append(*list, nal)
	}
}

// Over returns s with the lists of old that go on to be valid where s, which has an
// SPS, has none.
func (s Sets) Over(old Sets) Sets {
	if s.VPS == nil {
		s.VPS = old.VPS
	}
	if s.PPS == nil {
		s.PPS = old.PPS
	}
	return s
}

// Equal reports whether both have the same units in the same order.
func (s Sets) Equal(other Sets) bool {
	return slices.EqualFunc(s.VPS, other.VPS, bytes.Equal) &&
		slices.EqualFunc(s.SPS, other.SPS, bytes.Equal) &&
		slices.EqualFunc(s.PPS, other.PPS, bytes.Equal)
}

// Complete reports whether decoding of codec c can start with s.
func (s Sets) Complete(c av.Codec) bool {
	return len(s.SPS) > 0 && len(s.PPS) > 0 && (c == av.H264 || len(s.VPS) > 0)
}

// Clone returns sets that alias nothing.
func (s Sets) Clone() Sets {
	for _, list := range []*[][]byte{&s.VPS, &s.SPS, &s.PPS} {
		*list = slices.Clone(*list)
		for i, nal := range *list {
			(*list)[i] = bytes.Clone(nal)
		}
	}
	return s
}

// Track returns the track id of codec c whose configuration s is. It fails if
// there is no SPS, or one that cannot be read.
func (s Sets) Track(id int, c av.Codec) (*av.Track, error) {
	if c == av.H265 {
		config, err := h265.BuildConfig(s.VPS, s.SPS, s.PPS)
		if err != nil {
			return nil, err
		}
		return h265.TrackFromConfig(id, config)
	}
	config, err := h264.BuildConfig(s.SPS, s.PPS)
	if err != nil {
		return nil, err
	}
	return h264.TrackFromConfig(id, config)
}
