package flv

import (
	"bytes"
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/aac"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/mp3"
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
	// EndPacket is the end of the video sequence. Streams may go on after it.
	EndPacket
)

// Packet is what one tag holds. The fields that its Kind does not name are zero.
type Packet struct {
	Kind  PacketKind
	Track *av.Track
	Frame *av.Frame
	// Metadata has the scalar fields of onMetaData in the publisher's order.
	Metadata av.Metadata
	// Hinted tells which kinds of track the metadata announces.
	Hinted [av.Kinds]bool
	// Why tells in a few words why the tag was ignored. It is one of a small
	// fixed set, so that the caller can count by it and log each once.
	Why string
}

// Track ids of what a Demuxer finds.
const (
	VideoTrackID = 0
	AudioTrackID = 1
)

// maxConfig bounds codec configurations in bytes, as every viewer gets a copy
// when it joins. Real ones have fewer than 200.
const maxConfig = 64 << 10

const (
	whyEmpty     = "empty body"
	whyNoConfig  = "no codec configuration yet"
	whyUnchanged = "unchanged codec configuration"
)

// Demuxer turns the tags of one publisher into tracks, frames and metadata. The
// zero value is ready. It is not safe for concurrent use.
type Demuxer struct {
	clock        clock
	video, audio *av.Track
	// nalLengthSize belongs to video.
	nalLengthSize int
}

// Decode returns what a tag, or an RTMP message with the same body, holds. The
// timestamp is in milliseconds modulo 2^32. Frames have the times of the
// publisher's clock, unwrapped over all tags so that audio and video stay
// together; Layout and Arrival are left to others. Payloads alias body, which
// must not change afterwards.
//
// What is unknown or of no use is ignored. An error, with reason.BadMedia,
// means that a codec configuration or an access unit is broken; the Demuxer
// itself can go on with the next tag.
func (d *Demuxer) Decode(t TagType, timestamp uint32, body []byte) (Packet, error) {
	if len(body) == 0 {
		return ignored(whyEmpty), nil
	}
	var p Packet
	var err error
	switch t {
	case VideoTag:
		p, err = d.decodeVideo(timestamp, body)
	case AudioTag:
		p, err = d.decodeAudio(timestamp, body)
	case ScriptTag:
		p = d.decodeScript(timestamp, body)
	default:
		p = ignored("unknown tag type")
	}
	if err != nil {
		return Packet{}, reason.Wrap(reason.BadMedia, fmt.Errorf("flv: tag at %d ms: %w", timestamp, err))
	}
	return p, nil
}

func ignored(why string) Packet { return Packet{Kind: IgnoredPacket, Why: why} }

func (d *Demuxer) decodeVideo(timestamp uint32, body []byte) (Packet, error) {
	if body[0]&videoEnhanced != 0 {
		return ignored("unsupported video codec: Enhanced RTMP"), nil
	}
	frameType, codec := body[0]>>4, body[0]&0x0F
	switch {
	case frameType == frameCommand:
		return ignored("video command frame"), nil
	case codec == codecAVC:
		return d.decodeAVC(timestamp, frameType == frameKey, body)
	}
	return ignored(unsupportedVideo[codec]), nil
}

// decodeAVC reads an AVCVIDEOPACKET (E.4.3.2).
func (d *Demuxer) decodeAVC(timestamp uint32, key bool, body []byte) (Packet, error) {
	if len(body) >= 2 && body[1] == avcEndOfSequence {
		return Packet{Kind: EndPacket}, nil
	}
	if len(body) < avcHeaderSize {
		return Packet{}, fmt.Errorf("avc header truncated: %d bytes, need %d", len(body), avcHeaderSize)
	}
	payload := body[avcHeaderSize:]
	switch body[1] {
	case avcSequenceHeader:
		return d.setVideo(payload)
	case avcNALUs:
	default:
		return ignored("unknown AVC packet type"), nil
	}
	switch {
	case d.video == nil:
		return ignored(whyNoConfig), nil
	case len(payload) == 0:
		return ignored(whyEmpty), nil
	}
	if err := h264.CheckNALs(payload, d.nalLengthSize); err != nil {
		return Packet{}, fmt.Errorf("video frame: %w", err)
	}
	// The composition time is a signed number of 24 bits.
	offset := int32(uint32(body[2])<<24|uint32(body[3])<<16|uint32(body[4])<<8) >> 8
	return d.frame(d.video, timestamp, int64(offset), key, payload), nil
}

func (d *Demuxer) setVideo(config []byte) (Packet, error) {
	if d.video != nil && bytes.Equal(d.video.Config, config) {
		return ignored(whyUnchanged), nil
	}
	if len(config) > maxConfig {
		return Packet{}, fmt.Errorf("avc configuration: %d bytes, limit %d", len(config), maxConfig)
	}
	record, err := h264.ParseConfig(config)
	if err != nil {
		return Packet{}, err
	}
	track, err := h264.TrackFromConfig(VideoTrackID, bytes.Clone(config))
	if err != nil {
		return Packet{}, err
	}
	d.video, d.nalLengthSize = track, record.LengthSize
	return Packet{Kind: ConfigPacket, Track: track}, nil
}

func (d *Demuxer) decodeAudio(timestamp uint32, body []byte) (Packet, error) {
	switch format := body[0] >> 4; format {
	case soundAAC:
		return d.decodeAAC(timestamp, body)
	case soundMP3, soundMP38kHz:
		return d.decodeMP3(timestamp, body[mp3HeaderSize:]), nil
	default:
		return ignored(unsupportedSound[format]), nil
	}
}

// decodeAAC reads an AACAUDIODATA (E.4.2.2).
func (d *Demuxer) decodeAAC(timestamp uint32, body []byte) (Packet, error) {
	if len(body) < aacHeaderSize {
		return Packet{}, fmt.Errorf("aac header truncated: %d bytes, need %d", len(body), aacHeaderSize)
	}
	payload := body[aacHeaderSize:]
	has := d.audio != nil && d.audio.Codec == av.AAC
	switch {
	case body[1] == aacSequenceHeader:
		return d.setAAC(payload)
	case body[1] != aacRaw:
		return ignored("unknown AAC packet type"), nil
	case !has:
		return ignored(whyNoConfig), nil
	case len(payload) == 0:
		return ignored(whyEmpty), nil
	}
	return d.frame(d.audio, timestamp, 0, false, payload), nil
}

func (d *Demuxer) setAAC(config []byte) (Packet, error) {
	if d.audio != nil && d.audio.Codec == av.AAC && bytes.Equal(d.audio.Config, config) {
		return ignored(whyUnchanged), nil
	}
	if len(config) > maxConfig {
		return Packet{}, fmt.Errorf("aac configuration: %d bytes, limit %d", len(config), maxConfig)
	}
	track, err := aac.TrackFromConfig(AudioTrackID, bytes.Clone(config))
	if err != nil {
		return Packet{}, err
	}
	d.audio = track
	return Packet{Kind: ConfigPacket, Track: track}, nil
}

// decodeMP3 takes the configuration from the header of every frame.
func (d *Demuxer) decodeMP3(timestamp uint32, payload []byte) Packet {
	if len(payload) == 0 {
		return ignored(whyEmpty)
	}
	h, err := mp3.ParseHeader(payload)
	if err != nil {
		return ignored("MP3 frame without a Layer III header")
	}
	a := d.audio
	changed := a == nil || a.Codec != av.MP3 || a.SampleRate != h.SampleRate || a.Channels != h.Channels
	if changed {
		d.audio = h.Track(AudioTrackID)
	}
	p := d.frame(d.audio, timestamp, 0, false, payload)
	if changed {
		p.Track = d.audio
	}
	return p
}

// frame makes a FramePacket; offset is PTS - DTS in milliseconds.
func (d *Demuxer) frame(t *av.Track, timestamp uint32, offset int64, key bool, payload []byte) Packet {
	ms := d.clock.advance(timestamp)
	return Packet{Kind: FramePacket, Frame: &av.Frame{
		Track:   t,
		DTS:     ms * nanosecondsPerMillisecond,
		PTS:     (ms + offset) * nanosecondsPerMillisecond,
		Key:     key,
		Payload: payload,
	}}
}
