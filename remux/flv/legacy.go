package flv

import (
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
)

func (d *Demuxer) decodeVideo(timestamp uint32, body []byte) error {
	frameType, codec := body[0]>>4, body[0]&0x0F
	switch {
	case frameType == frameCommand:
		d.ignore(whyCommand)
		return nil
	case codec == codecAVC:
		return d.decodeNALs(av.H264, timestamp, body)
	case codec == codecHEVC:
		return d.decodeNALs(av.H265, timestamp, body)
	}
	d.leaveOutLegacy(av.Video, unsupportedVideo[codec])
	return nil
}

// decodeNALs reads an AVCVIDEOPACKET (E.4.3.2), which H.265 has too.
func (d *Demuxer) decodeNALs(c av.Codec, timestamp uint32, body []byte) error {
	if len(body) >= 2 && body[1] == avcEndOfSequence {
		d.emit(Packet{Kind: EndPacket})
		return nil
	}
	if len(body) < avcHeaderSize {
		return fmt.Errorf("%s header truncated: %d bytes, need %d", c, len(body), avcHeaderSize)
	}
	s, payload := d.source(av.Video, 0), body[avcHeaderSize:]
	switch {
	case s == nil:
		d.ignore(whyTracks)
	case body[1] == avcSequenceHeader:
		return d.configure(s, c, payload)
	case body[1] == avcNALUs:
		return d.frame(s, unit{codec: c, timestamp: timestamp, offset: signed24(body[2:]), key: body[0]>>4 == frameKey, payload: payload})
	default:
		d.ignore("unknown AVC packet type")
	}
	return nil
}

func (d *Demuxer) decodeAudio(timestamp uint32, body []byte) error {
	s := d.source(av.Audio, 0)
	if s == nil {
		d.ignore(whyTracks)
		return nil
	}
	u := unit{timestamp: timestamp, channels: 1 + int(body[0]&soundStereo), payload: body[rawHeaderSize:]}
	switch format := body[0] >> 4; format {
	case soundAAC:
		return d.decodeAAC(s, timestamp, body)
	case soundMP3, soundMP38kHz:
		u.codec = av.MP3
	case soundALaw:
		u.codec = av.G711A
	case soundMuLaw:
		u.codec = av.G711U
	default:
		d.leaveOutLegacy(av.Audio, unsupportedSound[format])
		return nil
	}
	return d.frame(s, u)
}

// decodeAAC reads an AACAUDIODATA (E.4.2.2).
func (d *Demuxer) decodeAAC(s *source, timestamp uint32, body []byte) error {
	if len(body) < aacHeaderSize {
		return fmt.Errorf("aac header truncated: %d bytes, need %d", len(body), aacHeaderSize)
	}
	payload := body[aacHeaderSize:]
	switch body[1] {
	case aacSequenceHeader:
		return d.configure(s, av.AAC, payload)
	case aacRaw:
		return d.frame(s, unit{codec: av.AAC, timestamp: timestamp, payload: payload})
	}
	d.ignore("unknown AAC packet type")
	return nil
}
