package fmp4

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/aac"
	"github.com/weirmedia/weir/pkg/codec/av1"
	"github.com/weirmedia/weir/pkg/codec/flac"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/h265"
	"github.com/weirmedia/weir/pkg/codec/mime"
	"github.com/weirmedia/weir/pkg/codec/vpx"
)

// sampleEntry returns the sample entry (8.5.2) of t, which Carries, with the
// codec's configuration in it. It fails if the configuration is broken, so that
// no player gets a file that it must refuse.
func sampleEntry(t *av.Track) ([]byte, error) {
	if t.Kind == av.Video {
		return videoEntry(t)
	}
	return audioEntry(t)
}

// videoEntry returns a VisualSampleEntry (12.1.3).
func videoEntry(t *av.Track) ([]byte, error) {
	const (
		reference   = 1
		dpi72       = 72 << 16
		depth       = 0x18
		noTable     = 0xFFFF
		nameSize    = 32
		beforeSides = 8 + 16 // SampleEntry, then pre-defined and reserved
	)
	format, config, err := videoConfig(t)
	if err != nil {
		return nil, err
	}
	return box(nil, format, func(b []byte) []byte {
		b = append(b, make([]byte, beforeSides)...)
		b[len(b)-beforeSides+7] = reference
		b = binary.BigEndian.AppendUint16(b, side(t.Width))
		b = binary.BigEndian.AppendUint16(b, side(t.Height))
		b = appendUint32s(b, dpi72, dpi72, 0)
		b = append(b, 0, 1) // frames per sample
		b = append(b, make([]byte, nameSize)...)
		b = appendUint32s(b, depth<<16|noTable)
		return append(b, config...)
	}), nil
}

// videoConfig returns the format of t's sample entry and the box with its
// configuration.
func videoConfig(t *av.Track) (format string, config []byte, err error) {
	switch t.Codec {
	case av.H264:
		_, err = h264.ParseConfig(t.Config)
		return "avc1", boxOf(nil, "avcC", t.Config...), err
	case av.H265:
		if _, err = h265.ParseConfig(t.Config); err != nil {
			return "", nil, err
		}
		return "hvc1", boxOf(nil, "hvcC", completeArrays(t.Config)...), nil
	case av.AV1:
		_, err = av1.ParseConfig(t.Config)
		return "av01", boxOf(nil, "av1C", t.Config...), err
	case av.VP8:
		config, err = vpConfig(t)
		return "vp08", config, err
	case av.VP9:
		config, err = vpConfig(t)
		return "vp09", config, err
	}
	return "", nil, fmt.Errorf("%s has no sample entry", t.Codec)
}

// vpConfig returns the VPCodecConfigurationBox (VP-ISOBMFF, 2.2).
func vpConfig(t *av.Track) ([]byte, error) {
	record := mime.VPRecord(t)
	_, err := vpx.ParseConfig(record)
	return boxOf(nil, "vpcC", append([]byte{1, 0, 0, 0}, record...)...), err
}

// completeArrays returns a copy of a sound HEVCDecoderConfigurationRecord that
// says that its parameter sets are all there are, as hvc1 demands (ISO/IEC
// 14496-15, 8.4.1.1). Publishers of RTMP leave that open.
func completeArrays(record []byte) []byte {
	const countAt, head, complete, vps, pps = 22, 3, 0x80, 32, 34
	out := bytes.Clone(record)
	offset := countAt + 1
	for range out[countAt] {
		if kind := out[offset] & 0x3F; kind >= vps && kind <= pps {
			out[offset] |= complete
		}
		units := binary.BigEndian.Uint16(out[offset+1:])
		offset += head
		for range units {
			offset += 2 + int(binary.BigEndian.Uint16(out[offset:]))
		}
	}
	return out
}

// audioEntry returns an AudioSampleEntry (12.2.3).
func audioEntry(t *av.Track) ([]byte, error) {
	const (
		reference    = 1
		bits16       = 16
		beforeCounts = 8 + 8 // SampleEntry, then reserved
		usual        = 2     // channels
	)
	format, config, err := audioConfig(t)
	if err != nil {
		return nil, err
	}
	channels, depth := t.Channels, bits16
	if channels == 0 {
		channels = usual
	}
	if info, err := flac.ParseConfig(t.Config); t.Codec == av.FLAC && err == nil {
		depth = info.BitDepth
	}
	// There are 16 bits for the rate: of a higher one the greatest part that
	// fits (FLAC in ISOBMFF, 3.3.1).
	rate := Timescale(t)
	for rate >= 1<<16 {
		rate /= 2
	}
	return box(nil, format, func(b []byte) []byte {
		b = append(b, make([]byte, beforeCounts)...)
		b[len(b)-beforeCounts+7] = reference
		b = binary.BigEndian.AppendUint16(b, uint16(channels))
		b = binary.BigEndian.AppendUint16(b, uint16(depth))
		b = appendUint32s(b, 0, rate<<16)
		return append(b, config...)
	}), nil
}

// audioConfig returns the format of t's sample entry and the box with its
// configuration.
func audioConfig(t *av.Track) (format string, config []byte, err error) {
	const (
		mpeg4, mpeg2, mpeg1 = 0x40, 0x69, 0x6B // object types (MP4 registration authority)
		highestMPEG2        = 24000
	)
	switch t.Codec {
	case av.AAC:
		_, err = aac.ParseConfig(t.Config)
		return "mp4a", elementaryStream(mpeg4, t.Config), err
	case av.MP3:
		if t.SampleRate <= highestMPEG2 {
			return "mp4a", elementaryStream(mpeg2, nil), nil
		}
		return "mp4a", elementaryStream(mpeg1, nil), nil
	case av.Opus:
		config, err = opusConfig(t.Config)
		return "Opus", config, err
	case av.FLAC:
		if _, err = flac.ParseConfig(t.Config); err != nil {
			return "", nil, err
		}
		const magic = 4
		return "fLaC", boxOf(nil, "dfLa", append([]byte{0, 0, 0, 0}, t.Config[magic:]...)...), nil
	case av.AC3:
		return "ac-3", ac3Config(t), nil
	case av.EAC3:
		return "ec-3", eac3Config(t), nil
	}
	return "", nil, fmt.Errorf("%s has no sample entry", t.Codec)
}
