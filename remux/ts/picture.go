package ts

import (
	"bytes"
	"encoding/binary"
	"iter"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/h265"
	"github.com/weirmedia/weir/pkg/codec/paramset"
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
			Key:     s.starts(payload) || p.random && seen&paramset.SPS != 0,
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
func (s *source) lengthPrefixed(au []byte, seen paramset.Class) []byte {
	leaveOut := paramset.Delimiter
	if seen&paramset.SPS != 0 {
		leaveOut |= paramset.VPS | paramset.SPS | paramset.PPS
	}
	// Start codes have three bytes or more: room for each to grow by one.
	b := make([]byte, 0, len(au)+len(au)/64+lengthSize)
	for nal := range annexB(au) {
		if paramset.ClassOf(s.codec, nal)&leaveOut == 0 {
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

// learn takes the parameter sets from an access unit that has an SPS, and makes
// a new track if they are new. It returns the classes of NAL units that it saw.
func (s *source) learn(au []byte) (seen paramset.Class, err error) {
	var found paramset.Sets
	for nal := range annexB(au) {
		c := paramset.ClassOf(s.codec, nal)
		seen |= c
		found.Add(c, nal)
	}
	if seen&paramset.SPS == 0 {
		return seen, nil
	}
	found = found.Over(s.sets)
	if s.track != nil && found.Equal(s.sets) {
		return seen, nil
	}
	found = found.Clone()
	track, err := found.Track(s.id, s.codec)
	if err != nil {
		return seen, err
	}
	s.track, s.sets = track, found
	return seen, nil
}
