package ts

import (
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/paramset"
)

const (
	maxPES = 0xFFFF // bytes after PES_packet_length that it can express

	pesHead       = 6 // start code, stream id, length
	pesFlags      = 3 // flags and the length of what they announce
	timestampSize = 5

	// maxHead bounds what the payload of a frame is preceded by in bytes,
	// parameter sets aside.
	maxHead = maxOpusHead

	// pesMarker begins the flags. Each PES packet begins with an access unit,
	// which data_alignment_indicator says.
	pesMarker        = 0x80
	pesDataAlignment = 0x04

	pesHasPTS = 0x80
	pesHasDTS = 0x40
)

// unit is a frame as the payload of a PES packet.
type unit struct {
	head []byte
	size int // of all, with head
}

// unitOf describes f. What it keeps may be appended to room. The size is 0 if
// nothing of f goes out.
func (s *stream) unitOf(f *av.Frame, room []byte) unit {
	if len(f.Payload) == 0 {
		return unit{}
	}
	switch s.kind {
	case typeH264, typeH265:
		return s.picture(f)
	case typeADTS:
		room = appendADTS(room, s.adts, len(f.Payload))
	case typePrivate:
		// What is too long for a PES packet is refused before it is written.
		room = appendOpusHead(room, min(len(f.Payload), maxPES))
	}
	return unit{head: room, size: len(room) + len(f.Payload)}
}

// picture describes an access unit in Annex B form: it begins with a delimiter,
// and if it is a key frame that lacks parameter sets, with all of those of the
// configuration. Delimiters of its own are left out.
func (s *stream) picture(f *av.Frame) unit {
	size, seen := 0, paramset.Other
	for nal := range h264.NALs(f.Payload, s.lengthSize) {
		if c := paramset.ClassOf(s.track.Codec, nal); c != paramset.Delimiter {
			size, seen = size+len(startCode)+len(nal), seen|c
		}
	}
	if size == 0 {
		return unit{}
	}
	u := unit{head: s.delimiter}
	if need := paramset.Needed(s.track.Codec); f.Key && seen&need != need {
		u.head = s.opening
	}
	u.size = len(u.head) + size
	return u
}

// check reports a unit that no PES packet can hold. That of video has a length
// of its own if need be.
func (s *stream) check(u unit) error {
	limit := maxPES - pesFlags - 2*timestampSize
	switch s.kind {
	case typeH264, typeH265:
		return nil
	case typeADTS:
		limit = maxADTS
	}
	if u.size > limit {
		return fmt.Errorf("%s frame of %d bytes, limit %d", s.track.Codec, u.size, limit)
	}
	return nil
}

// appendUnit appends f, described by u, as one PES packet.
func (s *stream) appendUnit(dst []byte, f *av.Frame, u unit, clock bool, pcr uint64) []byte {
	var room [pesHead + pesFlags + 2*timestampSize]byte
	head := appendPESHead(room[:0], s.id, ticks(f.PTS+timeShift), ticks(f.DTS+timeShift), u.size)
	w := packetizer{
		dst: dst, pid: s.pid, counter: s.counter, left: len(head) + u.size,
		random: f.Key, clock: clock, pcr: pcr,
	}
	w.write(head)
	w.write(u.head)
	if s.lengthSize == 0 {
		w.write(f.Payload)
		return w.dst
	}
	for nal := range h264.NALs(f.Payload, s.lengthSize) {
		if paramset.ClassOf(s.track.Codec, nal) != paramset.Delimiter {
			w.write([]byte(startCode))
			w.write(nal)
		}
	}
	return w.dst
}

// appendPESHead appends the header of a PES packet with a payload of size bytes
// (2.4.3.6). Times are in units of 90 kHz, modulo 2^33.
func appendPESHead(dst []byte, id byte, pts, dts int64, size int) []byte {
	flags, times := byte(pesHasPTS), timestampSize
	if pts != dts {
		flags, times = pesHasPTS|pesHasDTS, 2*timestampSize
	}
	length := pesFlags + times + size
	if length > maxPES {
		length = 0 // unbounded, which video may be
	}
	dst = append(dst, 0, 0, 1, id, byte(length>>8), byte(length), pesMarker|pesDataAlignment, flags, byte(times))
	dst = appendTimestamp(dst, flags>>6, pts)
	if pts != dts {
		dst = appendTimestamp(dst, 1, dts)
	}
	return dst
}

// appendTimestamp appends a PTS or DTS: 33 bits in three parts, with a marker
// bit after each. The prefix tells which it is.
func appendTimestamp(dst []byte, prefix byte, t int64) []byte {
	return append(dst, prefix<<4|byte(t>>29)&0x0E|1, byte(t>>22), byte(t>>14)|1, byte(t>>7), byte(t<<1)|1)
}
