package rtp

import (
	"errors"
	"fmt"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpac3"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph265"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtplpcm"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpmpeg1audio"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpmpeg4audio"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpsimpleaudio"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpvp8"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpvp9"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/h265"
	"github.com/weirmedia/weir/pkg/codec/opus"
)

// packer splits a frame into packets that have everything but SSRC, sequence
// number and time; Timestamp counts from that of the frame.
type packer func(f *av.Frame) ([]*prtp.Packet, error)

// newPacker returns what makes packets of payloadType (or of a static type, for
// codecs that have one) of t, with payloads of most bytes at most, and
// how SDP describes them. An error says why RTP cannot carry t.
func newPacker(t *av.Track, payloadType uint8, most int) (packer, format.Format, error) {
	switch t.Codec {
	case av.H264:
		return packH264(t, payloadType, most)
	case av.H265:
		return packH265(t, payloadType, most)
	case av.AV1:
		return packAV1(t, payloadType, most)
	case av.VP8:
		e := &rtpvp8.Encoder{PayloadType: payloadType, PayloadMaxSize: most}
		return whole(e.Encode), &format.VP8{PayloadTyp: payloadType}, e.Init()
	case av.VP9:
		e := &rtpvp9.Encoder{PayloadType: payloadType, PayloadMaxSize: most}
		return whole(e.Encode), &format.VP9{PayloadTyp: payloadType}, e.Init()
	case av.AAC:
		return packAAC(t, payloadType, most)
	case av.Opus:
		return packOpus(t, payloadType, most)
	case av.G711A, av.G711U:
		return packG711(t, payloadType, most)
	case av.MP3:
		e := &rtpmpeg1audio.Encoder{PayloadMaxSize: most}
		return single(e.Encode), &format.MPEG1Audio{}, e.Init()
	case av.AC3:
		e := &rtpac3.Encoder{PayloadType: payloadType, PayloadMaxSize: most}
		f := &format.AC3{PayloadTyp: payloadType, SampleRate: t.SampleRate, ChannelCount: t.Channels}
		return single(e.Encode), f, e.Init()
	}
	return nil, nil, fmt.Errorf("no RTP payload format for %s", t.Codec)
}

// whole packs frames that an encoder takes as they are.
func whole(encode func([]byte) ([]*prtp.Packet, error)) packer {
	return func(f *av.Frame) ([]*prtp.Packet, error) { return encode(f.Payload) }
}

// single packs frames with an encoder that takes several.
func single(encode func([][]byte) ([]*prtp.Packet, error)) packer {
	return func(f *av.Frame) ([]*prtp.Packet, error) { return encode([][]byte{f.Payload}) }
}

func packH264(t *av.Track, payloadType uint8, most int) (packer, format.Format, error) {
	c, err := h264.ParseConfig(t.Config)
	if err != nil {
		return nil, nil, err
	}
	e := &rtph264.Encoder{PayloadType: payloadType, PayloadMaxSize: most, PacketizationMode: 1}
	f := &format.H264{PayloadTyp: payloadType, PacketizationMode: 1, SPS: c.SPS[0], PPS: first(c.PPS)}
	u := units{codec: t.Codec, lengthSize: c.LengthSize, sets: join(c.SPS, c.PPS)}
	return u.packer(e.Encode), f, e.Init()
}

func packH265(t *av.Track, payloadType uint8, most int) (packer, format.Format, error) {
	c, err := h265.ParseConfig(t.Config)
	if err != nil {
		return nil, nil, err
	}
	e := &rtph265.Encoder{PayloadType: payloadType, PayloadMaxSize: most}
	f := &format.H265{PayloadTyp: payloadType, VPS: first(c.VPS), SPS: c.SPS[0], PPS: first(c.PPS)}
	u := units{codec: t.Codec, lengthSize: c.LengthSize, sets: join(c.VPS, c.SPS, c.PPS)}
	return u.packer(e.Encode), f, e.Init()
}

func packAV1(t *av.Track, payloadType uint8, most int) (packer, format.Format, error) {
	opening, err := sequenceHeader(t.Config)
	if err != nil {
		return nil, nil, err
	}
	pack := func(f *av.Frame) ([]*prtp.Packet, error) {
		obus, err := splitOBUs(f, opening)
		if err != nil || len(obus) == 0 {
			return nil, err
		}
		return packOBUs(obus, payloadType, most), nil
	}
	return pack, &format.AV1{PayloadTyp: payloadType}, nil
}

// Lengths in bits of the fields of an AU header in mode AAC-hbr (RFC 3640, 3.3.6).
const (
	aacSizeBits  = 13
	aacIndexBits = 3
)

func packAAC(t *av.Track, payloadType uint8, most int) (packer, format.Format, error) {
	c := &mpeg4audio.AudioSpecificConfig{}
	if err := c.Unmarshal(t.Config); err != nil {
		return nil, nil, fmt.Errorf("this kind of AAC: %w", err)
	}
	e := &rtpmpeg4audio.Encoder{PayloadType: payloadType, PayloadMaxSize: most, SizeLength: aacSizeBits, IndexLength: aacIndexBits, IndexDeltaLength: aacIndexBits}
	f := &format.MPEG4Audio{PayloadTyp: payloadType, Config: c, SizeLength: aacSizeBits, IndexLength: aacIndexBits, IndexDeltaLength: aacIndexBits}
	pack := func(f *av.Frame) ([]*prtp.Packet, error) {
		if len(f.Payload) >= 1<<aacSizeBits {
			return nil, fmt.Errorf("aac frame of %d bytes", len(f.Payload))
		}
		return e.Encode([][]byte{f.Payload})
	}
	return pack, f, e.Init()
}

func packOpus(t *av.Track, payloadType uint8, most int) (packer, format.Format, error) {
	h, err := opus.ParseHeader(t.Config)
	switch {
	case err != nil:
		return nil, nil, err
	case !opus.HasUsualMapping(t.Config) || h.Channels > 8:
		return nil, nil, errors.New("opus with a channel mapping of its own")
	}
	e := &rtpsimpleaudio.Encoder{PayloadType: payloadType, PayloadMaxSize: most}
	pack := func(f *av.Frame) ([]*prtp.Packet, error) {
		p, err := e.Encode(f.Payload)
		return []*prtp.Packet{p}, err
	}
	return pack, &format.Opus{PayloadTyp: payloadType, ChannelCount: h.Channels}, e.Init()
}

// Static payload types of G.711 with one channel at 8 kHz (RFC 3551, table 4).
const (
	typePCMU = 0
	typePCMA = 8
	rateG711 = 8000
)

func packG711(t *av.Track, payloadType uint8, most int) (packer, format.Format, error) {
	f := &format.G711{PayloadTyp: payloadType, MULaw: t.Codec == av.G711U, SampleRate: t.SampleRate, ChannelCount: max(t.Channels, 1)}
	if f.SampleRate == 0 {
		f.SampleRate = rateG711
	}
	if f.SampleRate == rateG711 && f.ChannelCount == 1 {
		f.PayloadTyp = typePCMA
		if f.MULaw {
			f.PayloadTyp = typePCMU
		}
	}
	e := &rtplpcm.Encoder{PayloadType: f.PayloadTyp, PayloadMaxSize: most, BitDepth: 8, ChannelCount: f.ChannelCount}
	return whole(e.Encode), f, e.Init()
}

func first(list [][]byte) []byte {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

func join(lists ...[][]byte) (all [][]byte) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}
