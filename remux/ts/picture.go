package ts

import (
	"bytes"
	"encoding/binary"
	"iter"
	"slices"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/h265"
)

// picture is an access unit of video in Annex B form with the times of its first
// PES packet. Both fields of a picture stay together, as in ISO files.
type picture struct {
	data     []byte
	pts, dts int64
	random   bool
}

// joinPicture adds a PES packet to the access unit that it belongs to. One with
// time begins another.
func (d *Demuxer) joinPicture(s *source, p pesPacket) {
	switch {
	case p.timed:
		d.release(s)
		s.picture = picture{data: p.payload, pts: p.pts, dts: p.dts, random: s.random}
	case len(s.picture.data) > 0:
		s.picture.data = append(s.picture.data, p.payload...)
	default:
		d.ignore(whyTime)
	}
	if !p.split {
		d.release(s)
	}
}

// release emits the access unit of s, which is complete.
func (d *Demuxer) release(s *source) {
	p := s.picture
	s.picture = picture{}
	if len(p.data) == 0 {
		return
	}
	seen, err := s.learn(p.data)
	if err != nil {
		d.ignore(whyBroken)
		return
	}
	payload := s.lengthPrefixed(p.data, seen)
	switch {
	case s.track == nil:
		d.ignore(whyNoConfig)
	case len(payload) == 0:
		d.ignore(whyEmpty)
	default:
		dts := d.clock.advance(p.dts)
		d.frame(s, &av.Frame{
			DTS: nanoseconds(dts),
			PTS: nanoseconds(dts + signed33(p.pts-p.dts)),
			// Decoding can also start at pictures that are marked so and bring
			// what it takes: recovery points.
			Key:     s.starts(payload) || p.random && seen&sps != 0,
			Payload: payload,
		})
	}
}

func (s *source) starts(payload []byte) bool {
	if s.codec == av.H264 {
		return h264.IsIDR(payload, lengthSize)
	}
	return h265.IsIRAP(payload, lengthSize)
}

// lengthSize is how long the prefixes of NAL units are in what is read.
const lengthSize = 4

// lengthPrefixed returns the access unit au, in which the classes seen occur,
// with lengths instead of start codes, without delimiters and, if there is an
// SPS, without parameter sets.
func (s *source) lengthPrefixed(au []byte, seen nalClass) []byte {
	leaveOut := delimiter
	if seen&sps != 0 {
		leaveOut |= vps | sps | pps
	}
	// Start codes have three bytes or more: room for each to grow by one.
	b := make([]byte, 0, len(au)+len(au)/64+lengthSize)
	for nal := range annexB(au) {
		if classOf(s.codec, nal)&leaveOut == 0 {
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(nal))), nal...)
		}
	}
	if cap(b) > 2*len(b) {
		return bytes.Clone(b) // most was left out: do not keep the memory
	}
	return b
}

// annexB iterates over the NAL units of au, which has start codes (ITU-T H.264,
// annex B). Units end before their trailing zeros; empty ones are left out.
func annexB(au []byte) iter.Seq[[]byte] {
	mark := []byte{0, 0, 1}
	return func(yield func([]byte) bool) {
		begin := bytes.Index(au, mark)
		for begin >= 0 {
			au = au[begin+len(mark):]
			begin = bytes.Index(au, mark)
			nal := au
			if begin >= 0 {
				nal = au[:begin]
			}
			if nal = bytes.TrimRight(nal, "\x00"); len(nal) > 0 && !yield(nal) {
				return
			}
		}
	}
}

// sets are parameter sets, each list in the order of the stream.
type sets struct{ vps, sps, pps [][]byte }

// maxSets bounds each list. Real streams have a few.
const maxSets = 32

// learn takes the parameter sets from an access unit that has an SPS, and makes
// a new track if they are new. It returns the classes of NAL units that it saw.
func (s *source) learn(au []byte) (seen nalClass, err error) {
	var found sets
	for nal := range annexB(au) {
		c := classOf(s.codec, nal)
		seen |= c
		switch c {
		case vps:
			found.vps = add(found.vps, nal)
		case sps:
			found.sps = add(found.sps, nal)
		case pps:
			found.pps = add(found.pps, nal)
		}
	}
	if seen&sps == 0 {
		return seen, nil
	}
	if found.vps == nil {
		found.vps = s.sets.vps
	}
	if found.pps == nil {
		found.pps = s.sets.pps
	}
	if s.track != nil && found.equal(s.sets) {
		return seen, nil
	}
	found = found.clone()
	track, err := found.track(s.id, s.codec)
	if err != nil {
		return seen, err
	}
	s.track, s.sets = track, found
	return seen, nil
}

// add appends nal to list unless it is there already.
func add(list [][]byte, nal []byte) [][]byte {
	if len(list) == maxSets || slices.ContainsFunc(list, func(have []byte) bool { return bytes.Equal(have, nal) }) {
		return list
	}
	return append(list, nal)
}

func (s sets) equal(other sets) bool {
	return slices.EqualFunc(s.vps, other.vps, bytes.Equal) &&
		slices.EqualFunc(s.sps, other.sps, bytes.Equal) &&
		slices.EqualFunc(s.pps, other.pps, bytes.Equal)
}

// clone returns sets that do not alias the access unit.
func (s sets) clone() sets {
	for _, list := range []*[][]byte{&s.vps, &s.sps, &s.pps} {
		*list = slices.Clone(*list)
		for i, nal := range *list {
			(*list)[i] = bytes.Clone(nal)
		}
	}
	return s
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
