package ts

import (
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/h265"
)

// Carries reports whether a transport stream can carry t: H.264, H.265, AAC,
// MP3, AC-3, E-AC-3 and Opus. It cannot carry AAC that ADTS cannot express
// (object types beyond 4, frames of 960 samples, channel configurations beyond
// 7, a program config element that only the configuration has) nor Opus with a
// channel mapping of its own.
func Carries(t *av.Track) bool {
	_, err := newStream(t)
	return err == nil
}

// stream is an elementary stream that goes out.
type stream struct {
	track       *av.Track
	pid         uint16
	kind        byte // stream_type
	id          byte // stream_id
	descriptors []byte
	counter     *uint8 // continuity_counter of the next packet

	// H.264 and H.265 only: the length of the prefixes of NAL units, and what an
	// access unit begins with, in Annex B form: a delimiter, or a delimiter and
	// all parameter sets.
	lengthSize         int
	delimiter, opening []byte

	adts [adtsSize]byte // AAC: the header of an empty frame
}

// newStream returns the stream that carries t. An error says why none can.
func newStream(t *av.Track) (*stream, error) {
	if t.ID < 0 || t.ID > maxTrackID {
		return nil, fmt.Errorf("track id %d is not 0 to %d", t.ID, maxTrackID)
	}
	s := &stream{track: t, pid: firstPID + uint16(t.ID), id: idAudio}
	var err error
	switch t.Codec {
	case av.H264:
		s.kind, s.id = typeH264, idVideo
		err = s.openH264()
	case av.H265:
		s.kind, s.id = typeH265, idVideo
		err = s.openH265()
	case av.AAC:
		s.kind = typeADTS
		s.adts, err = adtsHeader(t.Config)
	case av.MP3:
		s.kind = typeMPEG1Audio
		if t.SampleRate < 32000 {
			s.kind = typeMPEG2Audio
		}
	case av.AC3:
		s.kind, s.id, s.descriptors = typeAC3, idPrivate1, registration(formatAC3)
	case av.EAC3:
		s.kind, s.id, s.descriptors = typeEAC3, idPrivate1, registration(formatEAC3)
	case av.Opus:
		s.kind, s.id = typePrivate, idPrivate1
		s.descriptors, err = opusDescriptors(t.Config)
	default:
		err = fmt.Errorf("no stream type for %s", t.Codec)
	}
	return s, err
}

func registration(format string) []byte {
	return append([]byte{tagRegistration, byte(len(format))}, format...)
}

func (s *stream) openH264() error {
	c, err := h264.ParseConfig(s.track.Config)
	s.lengthSize = c.LengthSize
	// primary_pic_type 7: slices of any type may follow (ITU-T H.264, 7.4.2.4).
	s.delimiter = appendUnits(nil, [][]byte{{h264.NALTypeAUD, 0xF0}})
	s.opening = appendUnits(s.delimiter, c.SPS, c.PPS)
	return err
}

func (s *stream) openH265() error {
	c, err := h265.ParseConfig(s.track.Config)
	s.lengthSize = c.LengthSize
	// pic_type 2: slices of any type may follow (ITU-T H.265, 7.4.3.5).
	s.delimiter = appendUnits(nil, [][]byte{{h265.NALTypeAUD << 1, 1, 0x50}})
	s.opening = appendUnits(s.delimiter, c.VPS, c.SPS, c.PPS)
	return err
}

const startCode = "\x00\x00\x00\x01"

// appendUnits appends NAL units in Annex B form to a copy of b.
func appendUnits(b []byte, lists ...[][]byte) []byte {
	b = b[:len(b):len(b)]
	for _, list := range lists {
		for _, nal := range list {
			b = append(append(b, startCode...), nal...)
		}
	}
	return b
}
