package rtp

import (
	"bytes"
	"encoding/binary"
	"slices"

	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/h265"
)

// nalClass is what matters of a NAL unit on its way into and out of RTP.
type nalClass uint8

const (
	otherNAL nalClass = iota
	vps
	sps
	pps
	delimiter
)

// NAL unit types of H.265 (ITU-T H.265, table 7-1).
const (
	nalVPS = 32
	nalSPS = 33
	nalPPS = 34
	nalAUD = 35
)

// classOf returns the class of a NAL unit of codec c, which is not empty.
func classOf(c av.Codec, nal []byte) nalClass {
	if c == av.H264 {
		switch h264.NALType(nal) {
		case h264.NALTypeSPS:
			return sps
		case h264.NALTypePPS:
			return pps
		case h264.NALTypeAUD:
			return delimiter
		}
		return otherNAL
	}
	switch nal[0] >> 1 & 0x3F {
	case nalVPS:
		return vps
	case nalSPS:
		return sps
	case nalPPS:
		return pps
	case nalAUD:
		return delimiter
	}
	return otherNAL
}

// units makes NAL units of frames: of key frames together with the parameter
// sets, so that a viewer can begin there.
type units struct {
	codec      av.Codec
	lengthSize int
	sets       [][]byte
	list       [][]byte
}

func (u *units) packer(encode func([][]byte) ([]*prtp.Packet, error)) packer {
	return func(f *av.Frame) ([]*prtp.Packet, error) {
		if list := u.split(f); len(list) > 0 {
			return encode(list)
		}
		return nil, nil
	}
}

// split returns the NAL units of f, valid until the next call.
func (u *units) split(f *av.Frame) [][]byte {
	own := false // f has parameter sets of its own
	for nal := range h264.NALs(f.Payload, u.lengthSize) {
		own = own || classOf(u.codec, nal) == sps
	}
	u.list = u.list[:0]
	if f.Key && !own {
		u.list = append(u.list, u.sets...)
	}
	for nal := range h264.NALs(f.Payload, u.lengthSize) {
		if classOf(u.codec, nal) != delimiter {
			u.list = append(u.list, nal)
		}
	}
	return u.list
}

// sets are parameter sets, each list in the order of the stream.
type sets struct{ vps, sps, pps [][]byte }

// maxSets bounds each list. Real streams have a few.
const maxSets = 32

// add takes in nal if it is a parameter set.
func (s *sets) add(c nalClass, nal []byte) {
	switch c {
	case vps:
		s.vps = appendSet(s.vps, nal)
	case sps:
		s.sps = appendSet(s.sps, nal)
	case pps:
		s.pps = appendSet(s.pps, nal)
	}
}

// appendSet appends nal to list unless it is there already.
func appendSet(list [][]byte, nal []byte) [][]byte {
	if len(list) == maxSets || slices.ContainsFunc(list, func(have []byte) bool { return bytes.Equal(have, nal) }) {
		return list
	}
	return append(list, bytes.Clone(nal))
}

func (s sets) equal(other sets) bool {
	return slices.EqualFunc(s.vps, other.vps, bytes.Equal) &&
		slices.EqualFunc(s.sps, other.sps, bytes.Equal) &&
		slices.EqualFunc(s.pps, other.pps, bytes.Equal)
}

// complete reports whether decoding of codec c can start with s.
func (s sets) complete(c av.Codec) bool {
	return len(s.sps) > 0 && len(s.pps) > 0 && (c == av.H264 || len(s.vps) > 0)
}

func (s sets) track(id int, c av.Codec) (*av.Track, error) {
	if c == av.H265 {
		config, err := h265.BuildConfig(s.vps, s.sps, s.pps)
		if err != nil {
			return nil, err
		}
		return h265.TrackFromConfig(id, config)
	}
	config, err := h264.BuildConfig(s.sps, s.pps)
	if err != nil {
		return nil, err
	}
	return h264.TrackFromConfig(id, config)
}

// lengthPrefixed joins NAL units without delimiters and, if there is an SPS,
// without parameter sets: those are in the track.
func lengthPrefixed(c av.Codec, nals [][]byte, withoutSets bool) []byte {
	size := 0
	for _, nal := range nals {
		size += lengthSize + len(nal)
	}
	b := make([]byte, 0, size)
	for _, nal := range nals {
		class := classOf(c, nal)
		if class == otherNAL || class != delimiter && !withoutSets {
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(nal))), nal...)
		}
	}
	return b
}
