package fmp4

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/aac"
	"github.com/weirmedia/weir/pkg/codec/av1"
	"github.com/weirmedia/weir/pkg/codec/flac"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/h265"
	"github.com/weirmedia/weir/pkg/codec/mp3"
	"github.com/weirmedia/weir/pkg/codec/opus"
	"github.com/weirmedia/weir/pkg/codec/vpx"
)

// sampleDescription is the first sample entry of a track.
type sampleDescription struct {
	format         string   // empty if there is no sample entry
	codec          av.Codec // Unknown if it is not one of ours
	width, height  int
	rate, channels int
	config         []byte // content of the configuration box, nil if there is none
}

// formats are the sample entries that are read, by type, with the type of the
// configuration box in them.
var formats = map[string]struct {
	codec  av.Codec
	kind   av.Kind
	config string
}{
	"avc1": {av.H264, av.Video, "avcC"}, "avc3": {av.H264, av.Video, "avcC"},
	"hvc1": {av.H265, av.Video, "hvcC"}, "hev1": {av.H265, av.Video, "hvcC"},
	"av01": {av.AV1, av.Video, "av1C"}, "vp08": {av.VP8, av.Video, "vpcC"}, "vp09": {av.VP9, av.Video, "vpcC"},
	"mp4a": {av.AAC, av.Audio, "esds"}, // MP3 as well
	"Opus": {av.Opus, av.Audio, "dOps"}, "fLaC": {av.FLAC, av.Audio, "dfLa"},
	"ac-3": {av.AC3, av.Audio, "dac3"}, "ec-3": {av.EAC3, av.Audio, "dec3"},
}

var errFound = errors.New("found")

// parseSampleDescription reads the first sample entry of an stsd (8.5.2).
func parseSampleDescription(b []byte) (sampleDescription, error) {
	f := fields{b: b}
	f.full()
	f.uint32() // entries
	if f.err != nil {
		return sampleDescription{}, f.err
	}
	var d sampleDescription
	err := children(f.b, func(kind string, b []byte) error {
		if err := d.parse(kind, b); err != nil {
			return err
		}
		return errFound
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return d, err
}

func (d *sampleDescription) parse(format string, b []byte) error {
	known, ok := formats[format]
	d.format = format
	if !ok {
		return nil
	}
	f := fields{b: b}
	f.skip(16) // SampleEntry, then fields that are 0
	if known.kind == av.Video {
		f.skip(8)
		d.width, d.height = int(f.uint16()), int(f.uint16())
		f.skip(50) // to the end of the VisualSampleEntry
	} else {
		d.channels = int(f.uint16())
		f.skip(6)
		d.rate = int(f.uint32() >> 16)
	}
	if f.err != nil {
		return f.err
	}
	d.codec = known.codec
	return children(f.b, func(kind string, b []byte) error {
		if kind == known.config && d.config == nil {
			d.config = b
		}
		return nil
	})
}

// track describes the track; nil if its codec is not one of ours. lengthSize is
// that of the prefixes of NAL units.
func (d *sampleDescription) track(id int) (t *av.Track, lengthSize int, err error) {
	if d.format == "" {
		return nil, 0, errors.New("no sample entry")
	}
	if d.codec == av.Unknown {
		return nil, 0, nil
	}
	if d.config == nil {
		return nil, 0, fmt.Errorf("%s: no configuration", d.format)
	}
	config := fields{b: d.config}
	switch d.codec {
	case av.H264:
		if t, err = h264.TrackFromConfig(id, d.config); err == nil {
			lengthSize = int(d.config[4]&3) + 1
		}
	case av.H265:
		if t, err = h265.TrackFromConfig(id, d.config); err == nil {
			lengthSize = int(d.config[21]&3) + 1
		}
	case av.AV1:
		t, err = av1.TrackFromConfig(id, d.config)
	case av.VP8, av.VP9:
		config.full()
		t, err = vpx.TrackFromConfig(id, d.codec, config.b)
	case av.AAC:
		t, err = d.mp4Audio(id)
	case av.Opus:
		t, err = opus.TrackFromConfig(id, opusHeader(d.config))
	case av.FLAC:
		config.full()
		var normal []byte
		if normal, err = flac.Normalise(append([]byte("fLaC"), config.b...)); err == nil {
			t, err = flac.TrackFromConfig(id, normal)
		}
	case av.AC3, av.EAC3:
		t, err = d.dolby(id)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", d.format, err)
	}
	if t != nil && t.Kind == av.Video && t.Width == 0 {
		t.Width, t.Height = d.width, d.height
	}
	return t, lengthSize, nil
}

// mp4Audio describes what an esds (ISO/IEC 14496-14, 6.7.2) does; nil if it is
// neither AAC nor MP3.
func (d *sampleDescription) mp4Audio(id int) (*av.Track, error) {
	const tagStream, tagDecoder, tagSpecific = 3, 4, 5
	f := fields{b: d.config}
	f.full()
	f.descriptor(tagStream)
	f.uint16() // ES_ID
	flags := f.uint8()
	if flags&0x80 != 0 {
		f.uint16() // the stream that it depends on
	}
	if flags&0x40 != 0 {
		f.skip(int(f.uint8())) // URL
	}
	if flags&0x20 != 0 {
		f.uint16() // clock
	}
	f.descriptor(tagDecoder)
	objectType := f.uint8()
	f.skip(12) // stream type, buffer size and bit rates
	if f.err != nil {
		return nil, f.err
	}
	const mpeg4, mpeg2, mpeg1 = 0x40, 0x69, 0x6B
	switch objectType {
	case mpeg4:
		f.descriptor(tagSpecific)
		if f.err != nil {
			return nil, f.err
		}
		return aac.TrackFromConfig(id, f.b)
	case mpeg2, mpeg1:
		return mp3.Header{SampleRate: d.rate, Channels: d.channels}.Track(id), nil
	}
	return nil, nil
}

// descriptor enters the descriptor (ISO/IEC 14496-1, 8.3.3) with a tag, which
// must come next.
func (f *fields) descriptor(tag uint8) {
	const maxSizeBytes = 4
	if f.uint8() != tag && f.err == nil {
		f.err = fmt.Errorf("no descriptor with the tag %d", tag)
	}
	size, more := 0, true
	for i := 0; i < maxSizeBytes && more; i++ {
		b := f.uint8()
		size, more = size<<7|int(b&0x7F), b&0x80 != 0
	}
	f.b = f.skip(min(size, len(f.b)))
}

// opusHeader turns the content of a dOps box into an identification header
// (RFC 7845, 5.1), which differs in its byte order.
func opusHeader(b []byte) []byte {
	const fixed = 11 // bytes before the mapping table
	if len(b) < fixed {
		return nil
	}
	out := append([]byte("OpusHead"), 1, b[1])
	out = binary.LittleEndian.AppendUint16(out, binary.BigEndian.Uint16(b[2:]))
	out = binary.LittleEndian.AppendUint32(out, binary.BigEndian.Uint32(b[4:]))
	out = binary.LittleEndian.AppendUint16(out, binary.BigEndian.Uint16(b[8:]))
	return append(out, b[10:]...)
}

// dolby describes AC-3 and E-AC-3 by their configuration, since the channel
// count of their sample entries has no meaning (ETSI TS 102 366, F.3).
func (d *sampleDescription) dolby(id int) (*av.Track, error) {
	f := fields{b: d.config}
	modeAt := 10
	if d.codec == av.EAC3 {
		f.uint16() // data rate and number of substreams
		modeAt = 8
	}
	v := uint32(f.uint16())<<8 | uint32(f.uint8())
	if f.err != nil {
		return nil, f.err
	}
	return &av.Track{ID: id, Kind: av.Audio, Codec: d.codec, SampleRate: d.rate, Channels: channelsOfMode(v >> modeAt & 0xF)}, nil
}
