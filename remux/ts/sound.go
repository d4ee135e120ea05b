package ts

import (
	"bytes"
	"errors"

	mcac3 "github.com/bluenviron/mediacommon/v2/pkg/codecs/ac3"
	mceac3 "github.com/bluenviron/mediacommon/v2/pkg/codecs/eac3"
	mcopus "github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/aac"
	"github.com/weirmedia/weir/pkg/codec/ac3"
	"github.com/weirmedia/weir/pkg/codec/mp3"
	"github.com/weirmedia/weir/pkg/codec/opus"
)

// sound is an audio frame as it was found.
type sound struct {
	size          int    // bytes in the stream
	payload       []byte // as av wants it
	samples, rate int    // duration
	// What the track follows from: the configuration of AAC and Opus; of others
	// the channels, together with the rate.
	config   []byte
	channels int
}

var (
	// errShort says that a frame goes on behind the data.
	errShort = errors.New("frame cut off")
	// errNoFrame says that there is no frame.
	errNoFrame = errors.New("no frame")
)

// maxRest bounds the start of a frame that waits for its end, in bytes. No frame
// is that long; access units of E-AC-3 that are do not wait.
const maxRest = 16 << 10

// splitSound emits the frames of a PES packet, whose time is that of the first
// frame that begins in it.
func (d *Demuxer) splitSound(s *source, p pesPacket) {
	data, begin := p.payload, len(s.rest)
	if begin > 0 {
		data = append(s.rest, data...)
		s.rest = nil
	}
	if s.codec == av.MP3 && begin == 0 && otherLayer(data) {
		d.ignore("unsupported MPEG audio: Layer I or II")
		return
	}
	sound := true
	for at := 0; at < len(data); {
		if p.timed && at >= begin {
			p.timed = false
			s.timed, s.base, s.samples = true, nanoseconds(d.clock.advance(p.pts)), 0
		}
		f, err := s.nextSound(data[at:])
		if err == nil {
			d.sound(s, f)
			at += f.size
			continue
		}
		if err == errShort && len(data)-at < maxRest && s.codec != av.Opus {
			s.rest = bytes.Clone(data[at:])
			break
		}
		sound = false
		next := s.findSound(data[at+1:])
		if next < 0 {
			break
		}
		at += 1 + next
	}
	if !sound {
		d.ignore("audio without a valid header")
	}
}

// sound emits a frame.
func (d *Demuxer) sound(s *source, f sound) {
	time := s.base + s.samples*second/int64(f.rate)
	s.samples += int64(f.samples)
	if s.samples >= int64(f.rate) { // so that it never overflows
		s.base, s.samples = s.base+second, s.samples-int64(f.rate)
	}
	switch err := s.describe(f); {
	case err != nil:
		d.ignore(whyBroken)
	case !s.timed:
		d.ignore(whyTime)
	case len(f.payload) == 0:
		d.ignore(whyEmpty)
	default:
		d.frame(s, &av.Frame{DTS: time, PTS: time, Payload: bytes.Clone(f.payload)})
	}
}

// describe makes sure that the track is that of f.
func (s *source) describe(f sound) (err error) {
	t := s.track
	if t != nil && bytes.Equal(t.Config, f.config) && (f.config != nil || t.SampleRate == f.rate && t.Channels == f.channels) {
		return nil
	}
	switch s.codec {
	case av.AAC:
		t, err = aac.TrackFromConfig(s.id, f.config)
	case av.Opus:
		t, err = opus.TrackFromConfig(s.id, f.config)
	case av.MP3:
		t = mp3.Header{SampleRate: f.rate, Channels: f.channels}.Track(s.id)
	default:
		t = ac3.Header{SampleRate: f.rate, Channels: f.channels}.Track(s.id, s.codec)
	}
	if err == nil {
		s.track = t
	}
	return err
}

// nextSound reads the frame at the start of b, which is not empty.
func (s *source) nextSound(b []byte) (sound, error) {
	switch s.codec {
	case av.AAC:
		return nextADTS(b)
	case av.MP3:
		return nextMP3(b)
	case av.AC3:
		return nextAC3(b)
	case av.EAC3:
		return nextEAC3(b)
	}
	f, err := nextOpus(b)
	f.config = s.config
	return f, err
}

// findSound returns where in b a frame begins that ends with b or is followed by
// another, -1 if nowhere: any bytes may look like a header. Packets of Opus
// cannot be found.
func (s *source) findSound(b []byte) int {
	if s.codec == av.Opus {
		return -1
	}
	for at := range b {
		f, err := s.nextSound(b[at:])
		if err != nil {
			continue
		}
		rest := b[at+f.size:]
		if len(rest) == 0 {
			return at
		}
		if _, err := s.nextSound(rest); err != errNoFrame {
			return at
		}
	}
	return -1
}

// otherLayer reports whether b begins with an MPEG audio frame that is not of
// Layer III.
func otherLayer(b []byte) bool {
	const reserved, layerIII = 0, 1
	if len(b) < mp3.HeaderSize || b[0] != 0xFF || b[1]&0xE0 != 0xE0 {
		return false
	}
	layer := b[1] >> 1 & 3
	return layer != reserved && layer != layerIII
}

// nextADTS reads an ADTS frame (ISO/IEC 14496-3, 1.A.3.2).
func nextADTS(b []byte) (sound, error) {
	if len(b) < adtsSize {
		return sound{}, errShort
	}
	const crcSize = 2
	head := adtsSize
	if b[1]&1 == 0 {
		head += crcSize
	}
	object, index, channels := b[2]>>6+1, b[2]>>2&0x0F, b[2]<<2&4|b[3]>>6
	size := int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5])>>5
	blocks := b[6] & 3
	switch {
	case b[0] != 0xFF || b[1]&0xF6 != 0xF0 || int(index) >= len(adtsRates) || size < head || blocks != 0:
		return sound{}, errNoFrame
	case size > len(b):
		return sound{}, errShort
	}
	return sound{
		size: size, payload: b[head:size], samples: 1024, rate: adtsRates[index],
		config: []byte{object<<3 | index>>1, index<<7 | channels<<3},
	}, nil
}

// Bit rates of Layer III in kbit/s by index, of MPEG-1 and of the low sampling
// frequencies (ISO/IEC 11172-3, 2.4.2.3; ISO/IEC 13818-3, 2.4.2.3). They are
// never written to.
var (
	mp3Rates    = [...]int{1: 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}
	mp3LowRates = [...]int{1: 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}
)

// nextMP3 reads a Layer III frame. Those of free format have no length.
func nextMP3(b []byte) (sound, error) {
	if len(b) < mp3.HeaderSize {
		return sound{}, errShort
	}
	h, err := mp3.ParseHeader(b)
	if err != nil {
		return sound{}, errNoFrame
	}
	const full = 1152 // samples of a frame of MPEG-1
	kbits := mp3Rates[b[2]>>4]
	if h.Samples != full {
		kbits = mp3LowRates[b[2]>>4]
	}
	size := h.Samples/8*kbits*1000/h.SampleRate + int(b[2]>>1&1)
	switch {
	case kbits == 0:
		return sound{}, errNoFrame
	case size > len(b):
		return sound{}, errShort
	}
	return sound{size: size, payload: b[:size], samples: h.Samples, rate: h.SampleRate, channels: h.Channels}, nil
}

const (
	ac3HeadSize  = 8 // what the headers of AC-3 and E-AC-3 need to be read
	blockSamples = 256
)

// nextAC3 reads a syncframe.
func nextAC3(b []byte) (sound, error) {
	if len(b) < ac3HeadSize {
		return sound{}, errShort
	}
	var s mcac3.SyncInfo
	h, err := ac3.ParseHeader(av.AC3, b)
	if err != nil || s.Unmarshal(b) != nil {
		return sound{}, errNoFrame
	}
	size := s.FrameSize()
	if size > len(b) {
		return sound{}, errShort
	}
	const blocks = 6
	return sound{size: size, payload: b[:size], samples: blocks * blockSamples, rate: h.SampleRate, channels: h.Channels}, nil
}

// nextEAC3 reads a syncframe of the first independent substream and all that
// belong to it. They end with the data: muxers do not tear them apart.
func nextEAC3(b []byte) (sound, error) {
	var s mceac3.SyncInfo
	if len(b) < ac3HeadSize {
		return sound{}, errShort
	}
	if s.Unmarshal(b) != nil || s.SampleRate() == 0 || s.FrameSize() < ac3HeadSize {
		return sound{}, errNoFrame
	}
	size := s.FrameSize()
	const maxSubstreams = 64 // 8 independent ones with 8 dependent ones each (E.1.3.1)
	for n := 1; n < maxSubstreams && size+ac3HeadSize <= len(b); n++ {
		var next mceac3.SyncInfo
		const dependent = 1
		if next.Unmarshal(b[size:]) != nil || next.Strmtyp != dependent && next.Substreamid == 0 {
			break
		}
		size += next.FrameSize()
	}
	if size > len(b) {
		return sound{}, errShort
	}
	return sound{
		size: size, payload: b[:size],
		samples: s.NumBlocks() * blockSamples, rate: s.SampleRate(), channels: s.ChannelCount(),
	}, nil
}

// nextOpus reads an opus_access_unit (ETSI TS Opus 0.1.3-draft, 5).
func nextOpus(b []byte) (sound, error) {
	const startTrim, endTrim, extension = 0x10, 0x08, 0x04
	if len(b) < 3 || b[0] != 0x7F || b[1]&0xE0 != 0xE0 {
		return sound{}, errNoFrame
	}
	flags, at, size := b[1], 2, 0
	for {
		if at == len(b) {
			return sound{}, errShort
		}
		size += int(b[at])
		at++
		if b[at-1] != 255 {
			break
		}
	}
	for _, trim := range []byte{startTrim, endTrim} {
		if flags&trim != 0 {
			at += 2
		}
	}
	if flags&extension != 0 {
		if at >= len(b) {
			return sound{}, errShort
		}
		at += 1 + int(b[at])
	}
	if at+size > len(b) {
		return sound{}, errShort
	}
	payload := b[at : at+size]
	const rate = 48000
	return sound{size: at + size, payload: payload, samples: int(mcopus.PacketDuration2(payload)), rate: rate}, nil
}
