package rtp

import (
	"errors"
	"fmt"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpac3"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpav1"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph265"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpmpeg4audio"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpvp8"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpvp9"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/aac"
	"github.com/weirmedia/weir/pkg/codec/h265"
	"github.com/weirmedia/weir/pkg/codec/opus"
	"github.com/weirmedia/weir/pkg/codec/paramset"
)

// open sets what depends on the codec.
func (d *Demuxer) open(f format.Format) error {
	switch f := f.(type) {
	case *format.H264:
		d.codec, d.newUnpack = av.H264, func() (unpacker, error) { return decoder(f.CreateDecoder, rtph264.ErrMorePacketsNeeded) }
		d.announced(paramset.Sets{SPS: some(f.SPS), PPS: some(f.PPS)})
	case *format.H265:
		d.codec, d.newUnpack = av.H265, func() (unpacker, error) { return decoder(f.CreateDecoder, rtph265.ErrMorePacketsNeeded) }
		d.announced(paramset.Sets{VPS: some(f.VPS), SPS: some(f.SPS), PPS: some(f.PPS)})
	case *format.AV1:
		d.codec, d.newUnpack = av.AV1, func() (unpacker, error) { return decoder(f.CreateDecoder, rtpav1.ErrMorePacketsNeeded) }
	case *format.VP8:
		d.codec, d.newUnpack = av.VP8, func() (unpacker, error) { return frameDecoder(f.CreateDecoder, rtpvp8.ErrMorePacketsNeeded) }
	case *format.VP9:
		d.codec, d.newUnpack = av.VP9, func() (unpacker, error) { return frameDecoder(f.CreateDecoder, rtpvp9.ErrMorePacketsNeeded) }
	case *format.MPEG4Audio:
		d.codec, d.newUnpack = av.AAC, func() (unpacker, error) { return decoder(f.CreateDecoder, rtpmpeg4audio.ErrMorePacketsNeeded) }
		return d.openAAC(f)
	case *format.Opus:
		d.codec, d.newUnpack = av.Opus, plain
		var err error
		d.track, err = opus.TrackFromConfig(d.id, opus.BuildHeader(max(f.ChannelCount, 1)))
		return err
	case *format.G711:
		return d.openG711(f)
	case *format.MPEG1Audio:
		d.codec, d.newUnpack = av.MP3, unpackMP3
	case *format.AC3:
		d.codec, d.newUnpack = av.AC3, func() (unpacker, error) { return decoder(f.CreateDecoder, rtpac3.ErrMorePacketsNeeded) }
	default:
		return fmt.Errorf("unsupported codec %s (%s)", f.Codec(), f.RTPMap())
	}
	return nil
}

// announced takes the parameter sets that SDP has, if they are good: those in
// band count anyway.
func (d *Demuxer) announced(s paramset.Sets) {
	if !s.Complete(d.codec) {
		return
	}
	if t, err := s.Track(d.id, d.codec); err == nil {
		d.follow(t, s)
	}
}

// maxFieldBits bounds the fields of AU headers (RFC 3640, 3.2.1): those of the
// modes for AAC have 13 and 3 bits at most.
const maxFieldBits = 16

func (d *Demuxer) openAAC(f *format.MPEG4Audio) error {
	if f.SizeLength < 1 || f.SizeLength > maxFieldBits || f.IndexLength > maxFieldBits || f.IndexDeltaLength > maxFieldBits {
		return fmt.Errorf("aac with AU headers of %d, %d and %d bits", f.SizeLength, f.IndexLength, f.IndexDeltaLength)
	}
	config, err := f.Config.Marshal()
	if err != nil {
		return fmt.Errorf("aac: %w", err)
	}
	d.track, err = aac.TrackFromConfig(d.id, config)
	return err
}

func (d *Demuxer) openG711(f *format.G711) error {
	if f.SampleRate != rateG711 || f.ChannelCount < 1 || f.ChannelCount > 2 {
		return fmt.Errorf("G.711 with %d channels at %d Hz", f.ChannelCount, f.SampleRate)
	}
	d.codec, d.newUnpack = av.G711A, plain
	if f.MULaw {
		d.codec = av.G711U
	}
	d.track = &av.Track{ID: d.id, Kind: av.Audio, Codec: d.codec, SampleRate: f.SampleRate, Channels: f.ChannelCount}
	return nil
}

func some(b []byte) [][]byte {
	if len(b) == 0 {
		return nil
	}
	return [][]byte{b}
}

// decoder returns what makes parts of packets by a depacketiser of the library,
// whose word for "more" each has of its own.
func decoder[D interface {
	Decode(*prtp.Packet) ([][]byte, error)
}](create func() (D, error), more error) (unpacker, error) {
	d, err := create()
	return func(p *prtp.Packet) ([][]byte, error) {
		parts, err := d.Decode(p)
		if errors.Is(err, more) {
			return nil, errMore
		}
		return parts, err
	}, err
}

// frameDecoder is decoder for depacketisers that return one frame.
func frameDecoder[D interface {
	Decode(*prtp.Packet) ([]byte, error)
}](create func() (D, error), more error) (unpacker, error) {
	d, err := create()
	return func(p *prtp.Packet) ([][]byte, error) {
		frame, err := d.Decode(p)
		if errors.Is(err, more) {
			return nil, errMore
		}
		return [][]byte{frame}, err
	}, err
}

// plain is for codecs whose payload is the frame.
func plain() (unpacker, error) {
	return func(p *prtp.Packet) ([][]byte, error) {
		if len(p.Payload) == 0 {
			return nil, errors.New("empty packet")
		}
		return [][]byte{p.Payload}, nil
	}, nil
}

// begins reports whether p is seen to begin an access unit.
func begins(c av.Codec, p *prtp.Packet) bool {
	b := p.Payload
	switch {
	case c == av.AAC: // an AU in one packet; a fragment does not tell its place
		return p.Marker
	case !isVideo(c):
		return true
	case len(b) < 3:
		return false
	case c == av.H264:
		return beginsH264(b)
	case c == av.H265:
		return len(b) > 4 && beginsH265(b)
	case c == av.AV1:
		return b[0]&0x80 == 0 && (b[0]&0x08 != 0 || obuType(b[1:]) == obuTemporalDelimiter)
	case c == av.VP8: // of the first partition the start (RFC 7741, 4.2)
		return b[0]&0x17 == 0x10
	}
	return b[0]&0x08 != 0 // VP9 (RFC 9628, 4.2)
}

// beginsH264 looks at the NAL unit that b, the payload of a packet, begins with
// (RFC 6184, 5.4): slices begin a picture if first_mb_in_slice is 0.
func beginsH264(b []byte) bool {
	header, rest := b[0]&0x1F, b[1:]
	switch header {
	case 24: // STAP-A
		if len(rest) < 4 {
			return false
		}
		header, rest = rest[2]&0x1F, rest[3:]
	case 28: // FU-A
		if rest[0]&0x80 == 0 {
			return false
		}
		header, rest = rest[0]&0x1F, rest[1:]
	}
	switch {
	case header >= 1 && header <= 5:
		return rest[0]&0x80 != 0
	case header >= 6 && header <= 9:
		return true
	}
	return false
}

// beginsH265 does the same for H.265 (RFC 7798, 4.4), where slices say so by
// first_slice_segment_in_pic_flag.
func beginsH265(b []byte) bool {
	header, rest := b[0]>>1&0x3F, b[2:]
	switch header {
	case 48: // AP
		if len(rest) < 5 {
			return false
		}
		header, rest = rest[2]>>1&0x3F, rest[4:]
	case 49: // FU
		if rest[0]&0x80 == 0 {
			return false
		}
		header, rest = rest[0]&0x3F, rest[1:]
	}
	switch {
	case header < h265.NALTypeVPS:
		return rest[0]&0x80 != 0
	case header <= h265.NALTypeAUD, header == h265.NALTypeSEI:
		return true
	}
	return false
}
