package ts

import (
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/paramset"
)

// noID is the id of a source that has none yet.
const noID = -1

// source is an elementary stream that is read.
type source struct {
	entry
	continuity
	id    int
	codec av.Codec
	// config is the configuration of Opus, which only descriptors have.
	config []byte
	// track is nil until there is a frame with a configuration. It is never
	// changed: a new configuration makes a new one. told is the one that the last
	// frame had.
	track, told *av.Track

	// pes is the PES packet so far, with its header; nil between packets and
	// after a loss. random says that its first packet is marked for random
	// access.
	pes    []byte
	random bool

	// Video: the access unit so far, and the parameter sets in force.
	picture picture
	sets    paramset.Sets

	// Audio: the start of a frame that the next PES packet goes on with, and the
	// time of the next frame: base and the samples since.
	rest    []byte
	timed   bool
	base    int64
	samples int64
}

// newSource returns a source for e; why it cannot be read otherwise.
func newSource(e entry) (s *source, why string) {
	s = &source{entry: e, id: noID}
	s.descriptors = append([]byte{}, e.descriptors...)
	switch {
	case e.kind == typeH264:
		s.codec = av.H264
	case e.kind == typeH265:
		s.codec = av.H265
	case e.kind == typeADTS:
		s.codec = av.AAC
	case e.kind == typeMPEG1Audio, e.kind == typeMPEG2Audio:
		s.codec = av.MP3
	case e.kind == typeAC3, e.kind == typePrivate && (e.has(tagDVBAC3, "") || e.has(tagRegistration, formatAC3)):
		s.codec = av.AC3
	case e.kind == typeEAC3, e.kind == typePrivate && (e.has(tagDVBEAC3, "") || e.has(tagRegistration, formatEAC3)):
		s.codec = av.EAC3
	case e.kind == typePrivate && e.has(tagRegistration, formatOpus):
		return s, s.openOpus()
	default:
		return nil, unsupported(e.kind)
	}
	return s, ""
}

func (s *source) openOpus() (why string) {
	s.codec = av.Opus
	code := s.descriptor(tagDVBExtension, string([]byte{extensionOpus}))
	if len(code) == 0 {
		return "Opus without a descriptor"
	}
	if s.config = opusConfig(code[0]); s.config == nil {
		return "Opus with an unusual channel configuration"
	}
	return ""
}

// unsupported names a stream type that cannot be read.
func unsupported(kind byte) string {
	switch kind {
	case 0x01, 0x02:
		return "unsupported stream type: MPEG-1 or MPEG-2 video"
	case 0x10:
		return "unsupported stream type: MPEG-4 video"
	case 0x11:
		return "unsupported stream type: AAC in LATM"
	case 0x15:
		return "unsupported stream type: metadata"
	case 0x86:
		return "unsupported stream type: SCTE-35"
	}
	return "unsupported stream type"
}

func (s *source) mediaKind() av.Kind {
	if s.codec == av.H264 || s.codec == av.H265 {
		return av.Video
	}
	return av.Audio
}

// like reports whether s reads what other would.
func (s *source) like(other *source) bool {
	return s.kind == other.kind && string(s.descriptors) == string(other.descriptors)
}

// held returns how many bytes of units s holds.
func (s *source) held() int { return len(s.pes) + len(s.picture.data) + len(s.rest) }

// feed takes a packet with payload. An error means that a limit is exceeded.
func (d *Demuxer) feed(s *source, p packet) error {
	before := s.held()
	twice, lost := s.check(p)
	if twice {
		return nil
	}
	if lost {
		d.ignore(whyLost)
		s.pes, s.picture, s.rest = nil, picture{}, nil
	}
	if p.start {
		d.finish(s)
		s.pes, s.random = make([]byte, 0, packetSize), p.random
	}
	if s.pes != nil {
		s.pes = append(s.pes, p.payload...)
		if whole(s.pes) {
			d.finish(s)
		}
	}
	d.buffered += s.held() - before
	limit := pesHead + maxPES + maxRest
	if s.mediaKind() == av.Video {
		limit = maxPicture
	}
	switch {
	case s.held() > limit:
		return fmt.Errorf("unit of more than %d bytes", limit)
	case d.buffered > maxBuffered:
		return fmt.Errorf("units of more than %d bytes together", maxBuffered)
	}
	return nil
}

// finish reads the PES packet that has ended.
func (d *Demuxer) finish(s *source) {
	if len(s.pes) == 0 {
		return
	}
	raw := s.pes
	s.pes = nil
	p, why := parsePES(raw)
	switch {
	case why != "":
		d.ignore(why)
	case s.mediaKind() == av.Video:
		d.joinPicture(s, p)
	default:
		d.splitSound(s, p)
	}
}

// frame emits a frame of s.
func (d *Demuxer) frame(s *source, f *av.Frame) {
	f.Track = s.track
	p := Packet{Kind: FramePacket, Frame: f}
	if s.told != s.track {
		p.Track, s.told = s.track, s.track
	}
	d.emit(p)
}
