package rtp

import (
	"encoding/binary"

	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/paramset"
)

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
		own = own || paramset.ClassOf(u.codec, nal) == paramset.SPS
	}
	u.list = u.list[:0]
	if f.Key && !own {
		u.list = append(u.list, u.sets...)
	}
	for nal := range h264.NALs(f.Payload, u.lengthSize) {
		if paramset.ClassOf(u.codec, nal) != paramset.Delimiter {
			u.list = append(u.list, nal)
		}
	}
	return u.list
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
		class := paramset.ClassOf(c, nal)
		if class == paramset.Other || class != paramset.Delimiter && !withoutSets {
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(nal))), nal...)
		}
	}
	return b
}
