package flv

import (
	"fmt"
	"strings"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// PacketKind says what a Packet holds.
type PacketKind uint8

// The kinds of Packet.
const (
	// IgnoredPacket holds nothing; Why tells the cause.
	IgnoredPacket PacketKind = iota
	// ConfigPacket holds a new or changed Track.
	ConfigPacket
	// FramePacket holds a Frame of audio or video, and also its Track if that
	// is new or changed: codecs without a header of their own begin so. The
	// track is in force before the frame.
	FramePacket
	// MetadataPacket holds Metadata and Hinted.
	MetadataPacket
	// ScriptPacket holds a Frame of av.ScriptTrack.
	ScriptPacket
	// EndPacket is the end of a track's sequence. Streams may go on after it.
	EndPacket
)

// Packet is a part of what a tag holds. The fields that its Kind does not name
// are zero.
type Packet struct {
	Kind  PacketKind
	Track *av.Track
	Frame *av.Frame
	// Metadata has the scalar fields of onMetaData in the publisher's order.
	Metadata av.Metadata
	// Hinted tells which kinds of track the metadata announces.
	Hinted [av.Kinds]bool
	// Why tells in a few words why this was ignored. It is one of a small fixed
	// set, so that the caller can count by it and log each once.
	Why string
	// LeftOut is the track if this was ignored because of its codec, as all of that
	// track is; else nil.
	LeftOut *av.Omission
}

// Track ids of what a publisher without multitrack has: video track i has the
// id 2*i, audio track i has 2*i + 1.
const (
	VideoTrackID = 0
	AudioTrackID = 1
)

const (
	// maxConfig bounds codec configurations in bytes, as every viewer gets a
	// copy when it joins. Real ones have fewer than 200.
	maxConfig = 64 << 10
	// maxTracks bounds the tracks of one publisher, and by that its memory.
	// Encoders send up to six video tracks and as many for sound.
	maxTracks = 32
)

const (
	whyEmpty     = "empty body"
	whyNoConfig  = "no codec configuration yet"
	whyUnchanged = "unchanged codec configuration"
	whyCommand   = "video command frame"
	whyTracks    = "too many tracks"
)

// Demuxer turns the tags of one publisher into tracks, frames and metadata. The
// zero value is ready. It is not safe for concurrent use.
type Demuxer struct {
	clock clock
	// sources are the tracks, two mostly, some of them still without a configuration.
	sources []*source
	leftOut [av.Kinds]*av.Omission // the last of each kind, so that one is made for a track
	packets []Packet
	pool    *av.Pool
}

// Reuse makes frames come from p, which may be nil.
func (d *Demuxer) Reuse(p *av.Pool) { d.pool = p }

// Decode returns what a tag, or an RTMP message with the same body, holds: one
// Packet mostly, more if several tracks share it, none if it only prepares what
// comes later. They are valid until the next call. The timestamp is in
// milliseconds modulo 2^32. Frames have the times of the publisher's clock,
// unwrapped over all tags so that audio and video stay together; Layout and
// Arrival are left to others. Payloads alias body, which must not change
// afterwards.
//
// Both the bodies of the FLV specification and those of Enhanced RTMP are read.
// What is unknown or of no use is ignored. An error, with reason.BadMedia, means
// that a header, a codec configuration or an access unit is broken; the packets
// before it are returned, and the Demuxer can go on with the next tag.
func (d *Demuxer) Decode(t TagType, timestamp uint32, body []byte) ([]Packet, error) {
	d.packets = d.packets[:0]
	var err error
	switch {
	case len(body) == 0:
		d.ignore(whyEmpty)
	case t == VideoTag && body[0]&videoExHeader != 0:
		err = d.decodeEnhanced(av.Video, timestamp, body)
	case t == VideoTag:
		err = d.decodeVideo(timestamp, body)
	case t == AudioTag && body[0]>>4 == soundExHeader:
		err = d.decodeEnhanced(av.Audio, timestamp, body)
	case t == AudioTag:
		err = d.decodeAudio(timestamp, body)
	case t == ScriptTag:
		d.emit(d.decodeScript(timestamp, body))
	default:
		d.ignore("unknown tag type")
	}
	if err != nil {
		err = reason.Wrap(reason.BadMedia, fmt.Errorf("flv: tag at %d ms: %w", timestamp, err))
	}
	return d.packets, err
}

func (d *Demuxer) emit(p Packet) { d.packets = append(d.packets, p) }

func (d *Demuxer) ignore(why string) { d.emit(ignored(why)) }

// leaveOut ignores a packet of a track whose codec is of no use.
func (d *Demuxer) leaveOut(k av.Kind, codec, why string) {
	if o := d.leftOut[k]; o == nil || o.Codec != codec {
		d.leftOut[k] = &av.Omission{Kind: k, Codec: codec, Why: why}
	}
	p := ignored(why)
	p.LeftOut = d.leftOut[k]
	d.emit(p)
}

// leaveOutLegacy is leaveOut for why as in unsupportedSound and unsupportedVideo, which
// ends in the codec.
func (d *Demuxer) leaveOutLegacy(k av.Kind, why string) {
	_, codec, _ := strings.Cut(why, ": ")
	d.leaveOut(k, codec, why)
}

func ignored(why string) Packet { return Packet{Kind: IgnoredPacket, Why: why} }

// source returns what is known of track number of kind k, nil if the publisher
// has too many tracks.
func (d *Demuxer) source(k av.Kind, number int) *source {
	id := 2*number + VideoTrackID
	if k == av.Audio {
		id = 2*number + AudioTrackID
	}
	for _, s := range d.sources {
		if s.id == id {
			return s
		}
	}
	if len(d.sources) >= maxTracks {
		return nil
	}
	s := &source{id: id}
	d.sources = append(d.sources, s)
	return s
}

// configure gives s a configuration.
func (d *Demuxer) configure(s *source, c av.Codec, config []byte) error {
	changed, err := s.configure(c, config)
	switch {
	case err != nil:
		return err
	case changed:
		d.emit(Packet{Kind: ConfigPacket, Track: s.track})
	default:
		d.ignore(whyUnchanged)
	}
	return nil
}

// unit is an access unit as a tag has it.
type unit struct {
	codec     av.Codec
	timestamp uint32
	nanos     int64 // to add to timestamp
	offset    int64 // PTS - DTS in milliseconds
	key       bool
	untold    bool // whether it is key, the tag does not say
	channels  int  // as the tag has it; only G.711 has nothing better
	payload   []byte
}

// frame emits u as a frame of s.
func (d *Demuxer) frame(s *source, u unit) error {
	if len(u.payload) == 0 {
		d.ignore(whyEmpty)
		return nil
	}
	changed, why := s.prepare(u)
	if why != "" {
		d.ignore(why)
		return nil
	}
	payload, err := s.check(u.payload)
	if err != nil {
		return err
	}
	if len(payload) == 0 {
		d.ignore(whyEmpty)
		return nil
	}
	dts := d.clock.advance(u.timestamp)*nanosecondsPerMillisecond + u.nanos
	f := d.pool.Frame()
	f.Track = s.track
	f.DTS, f.PTS = dts, dts+u.offset*nanosecondsPerMillisecond
	f.Key = u.key || u.untold && s.startsAt(payload)
	f.Payload = payload
	p := Packet{Kind: FramePacket, Frame: f}
	if changed {
		p.Track = s.track
	}
	d.emit(p)
	return nil
}

// signed24 reads a composition time: a signed number of 24 bits.
func signed24(b []byte) int64 {
	return int64(int32(uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8) >> 8)
}
