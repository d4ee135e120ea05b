package flv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/av"
)

// enhanced is a body of Enhanced RTMP (v2, "Enhanced Audio", "Enhanced Video")
// while it is read.
type enhanced struct {
	kind      av.Kind
	timestamp uint32
	rest      []byte

	frameType byte // of video
	packet    byte
	nanos     int64
	codec     FourCC
	track     int
}

// decodeEnhanced reads a body with an ExVideoTagHeader or ExAudioTagHeader.
func (d *Demuxer) decodeEnhanced(k av.Kind, timestamp uint32, body []byte) error {
	e := enhanced{kind: k, timestamp: timestamp, frameType: body[0] >> 4 & 7, packet: body[0] & 0x0F, rest: body[1:]}
	for e.packet == packetModEx {
		if err := e.readModEx(); err != nil {
			return err
		}
	}
	switch {
	case k == av.Video && e.frameType == frameCommand && e.packet != packetSideInfo:
		d.ignore(whyCommand)
		return nil
	case e.packet == e.multitrackPacket():
		return d.decodeMultitrack(e)
	}
	if err := e.readCodec(); err != nil {
		return err
	}
	return d.decodeTrack(e)
}

func (e *enhanced) multitrackPacket() byte {
	if e.kind == av.Audio {
		return packetAudioMultitrack
	}
	return packetVideoMultitrack
}

// readModEx reads one ModEx up to the packet type that follows it.
func (e *enhanced) readModEx() error {
	const wide = 256 // the size has 16 bits then
	b, err := e.take(1, "ModEx size")
	if err != nil {
		return err
	}
	size := int(b[0]) + 1
	if size == wide {
		if b, err = e.take(2, "ModEx size"); err != nil {
			return err
		}
		size = int(binary.BigEndian.Uint16(b)) + 1
	}
	data, err := e.take(size, "ModEx data")
	if err != nil {
		return err
	}
	if b, err = e.take(1, "ModEx type"); err != nil {
		return err
	}
	e.packet = b[0] & 0x0F
	if b[0]>>4 != modExTimestampNano {
		return nil // it can be passed over
	}
	if len(data) < 3 {
		return fmt.Errorf("timestamp offset of %d bytes, need 3", len(data))
	}
	nanos := int64(data[0])<<16 | int64(data[1])<<8 | int64(data[2])
	if nanos >= nanosecondsPerMillisecond {
		return fmt.Errorf("timestamp offset of %d ns, limit %d", nanos, nanosecondsPerMillisecond-1)
	}
	e.nanos = nanos
	return nil
}

func (e *enhanced) readCodec() error {
	b, err := e.take(4, "FourCC")
	if err == nil {
		e.codec = FourCC(binary.BigEndian.Uint32(b))
	}
	return err
}

// take returns the next n bytes.
func (e *enhanced) take(n int, field string) ([]byte, error) {
	if len(e.rest) < n {
		return nil, fmt.Errorf("enhanced %s header truncated in %s: need %d bytes, %d remain", e.kind, field, n, len(e.rest))
	}
	b := e.rest[:n:n]
	e.rest = e.rest[n:]
	return b, nil
}

// decodeMultitrack reads what follows the packet type Multitrack: one packet
// type for all tracks, then the tracks.
func (d *Demuxer) decodeMultitrack(e enhanced) error {
	b, err := e.take(1, "multitrack type")
	if err != nil {
		return err
	}
	form := b[0] >> 4
	if e.packet = b[0] & 0x0F; e.packet == e.multitrackPacket() {
		return errors.New("multitrack within multitrack")
	}
	if form > multitrackManyCodecs {
		d.ignore("unknown multitrack type")
		return nil
	}
	if form != multitrackManyCodecs {
		if err := e.readCodec(); err != nil {
			return err
		}
	}
	for first := true; first || (form != multitrackOne && len(e.rest) > 0); first = false {
		if form == multitrackManyCodecs {
			if err := e.readCodec(); err != nil {
				return err
			}
		}
		one, err := e.readTrack(form)
		if err != nil {
			return err
		}
		if err := d.decodeTrack(one); err != nil {
			return fmt.Errorf("%s track %d: %w", e.kind, one.track, err)
		}
	}
	return nil
}

// readTrack returns e with the rest of the next track only.
func (e *enhanced) readTrack(form byte) (enhanced, error) {
	b, err := e.take(1, "track id")
	if err != nil {
		return enhanced{}, err
	}
	one := *e
	one.track = int(b[0])
	if form == multitrackOne {
		return one, nil
	}
	if b, err = e.take(3, "track size"); err != nil {
		return enhanced{}, err
	}
	one.rest, err = e.take(int(b[0])<<16|int(b[1])<<8|int(b[2]), fmt.Sprintf("track %d", one.track))
	return one, err
}

// decodeTrack reads the packet of one track, of which e.rest is the body.
func (d *Demuxer) decodeTrack(e enhanced) error {
	c := e.codec.Codec(e.kind)
	if c == av.Unknown {
		d.leaveOut(e.kind, strings.Trim(strconv.QuoteToASCII(e.codec.String()), `"`), "unknown FourCC")
		return nil
	}
	s := d.source(e.kind, e.track)
	if s == nil {
		d.ignore(whyTracks)
		return nil
	}
	video := e.kind == av.Video
	switch {
	case e.packet == packetSequenceStart:
		return d.decodeSequenceStart(s, c, e.rest)
	case e.packet == packetCodedFrames, video && e.packet == packetCodedFramesX:
		return d.decodeCodedFrames(s, c, e)
	case e.packet == packetSequenceEnd:
		d.emit(Packet{Kind: EndPacket})
	case e.packet == packetSideInfo:
		d.decodeSideInfo(s, e.rest)
	case video && e.packet == packetMPEG2TSStart:
		d.ignore("configuration as MPEG-2 TS descriptor")
	default:
		d.ignore("unknown enhanced packet type")
	}
	return nil
}

func (d *Demuxer) decodeSequenceStart(s *source, c av.Codec, config []byte) error {
	switch c {
	case av.MP3, av.AC3, av.EAC3:
		d.ignore("configuration of a codec that needs none")
		return nil
	}
	return d.configure(s, c, config)
}

func (d *Demuxer) decodeCodedFrames(s *source, c av.Codec, e enhanced) error {
	u := unit{codec: c, timestamp: e.timestamp, nanos: e.nanos, key: e.kind == av.Video && e.frameType == frameKey}
	// Zero is reserved, but some senders write it into every header.
	u.untold = e.kind == av.Video && e.frameType == 0
	if e.packet == packetCodedFrames && (c == av.H264 || c == av.H265) {
		b, err := e.take(3, "composition time")
		if err != nil {
			return err
		}
		u.offset = signed24(b)
	}
	u.payload = e.rest
	return d.frame(s, u)
}

// decodeSideInfo keeps a Metadata or MultichannelConfig packet, to be passed on
// as it is.
func (d *Demuxer) decodeSideInfo(s *source, b []byte) {
	const multichannelHead = 2 // order and count of channels
	switch {
	case len(b) > maxMetadata:
		d.ignore("metadata of a track is too large")
	case s.isVideo() && !isAMF(b):
		d.ignore("video metadata is not AMF0")
	case !s.isVideo() && len(b) < multichannelHead:
		d.ignore("multichannel configuration is cut off")
	case s.setSideInfo(b):
		d.emit(Packet{Kind: ConfigPacket, Track: s.track})
	}
}

func isAMF(b []byte) bool {
	_, err := amf0.Decode(b)
	return err == nil
}
