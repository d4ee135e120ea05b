package flv

import (
	"encoding/binary"

	"github.com/weirmedia/weir/pkg/av"
)

// MaxHeaderSize is the largest number of bytes that AppendBodyHeader appends:
// an enhanced header with nanoseconds, track id and composition time.
const MaxHeaderSize = 15

// Options say what goes out that only some players of Enhanced RTMP understand.
// The zero value has none of it.
type Options struct {
	// Multitrack makes the tracks that are not the first of their kind go out,
	// in multitrack form.
	Multitrack bool
	// Nanoseconds makes the times of frames exact that go out by Enhanced RTMP:
	// what milliseconds cannot say follows as a ModEx. Without it all times are
	// rounded to milliseconds.
	Nanoseconds bool
}

// form is how a track goes out.
type form uint8

const (
	leftOut     form = iota
	singleTrack      // as if the stream had no other track of the kind
	multitrack       // with its track id
)

// formOf returns the form of track t of layout l. The first track of each kind
// that FLV can carry goes out as the only one; so does every track if there is
// no layout. The others go out if o says so and Enhanced RTMP names their codec.
func (o Options) formOf(l *av.Layout, t *av.Track) form {
	if !Carries(t.Codec) {
		return leftOut
	}
	if first := carried(l, t.Kind); first == nil || first.ID == t.ID {
		return singleTrack
	}
	const maxNumber = 255 // of a track, 8 bits
	if o.Multitrack && FourCCOf(t.Codec) != 0 && trackNumber(t) > 0 && trackNumber(t) <= maxNumber {
		return multitrack
	}
	return leftOut
}

// Carries reports whether track t of layout l goes out.
func (o Options) Carries(l *av.Layout, t *av.Track) bool { return o.formOf(l, t) != leftOut }

// LeftOut returns the tracks of l that do not go out.
func (o Options) LeftOut(l *av.Layout) (tracks []av.Omission) {
	for _, t := range l.Tracks {
		switch {
		case !Carries(t.Codec):
			tracks = append(tracks, av.Omit(t, "FLV cannot carry the codec"))
		case o.formOf(l, t) == leftOut:
			tracks = append(tracks, av.Omit(t, "only the first track of a kind goes out, unless a player asks for more"))
		}
	}
	return tracks
}

// trackNumber is the track id of Enhanced RTMP.
func trackNumber(t *av.Track) int { return t.ID / 2 }

// carried returns l's first track of kind k that FLV can carry, or nil.
func carried(l *av.Layout, k av.Kind) *av.Track {
	if l == nil {
		return nil
	}
	for _, t := range l.Tracks {
		if t.Kind == k && Carries(t.Codec) {
			return t
		}
	}
	return nil
}

// AppendBodyHeader appends the bytes of a tag body that precede f.Payload and
// returns the tag's timestamp in milliseconds modulo 2^32. It returns false, and
// dst as it was, if f is to be left out: if FLV cannot carry its codec, or if its
// track is not the first of its kind in l, the layout in force, and o does not
// ask for others. Without a layout every track is the first.
// The composition time is PTS - DTS rounded to milliseconds and limited to 24
// bits. It appends at most MaxHeaderSize bytes and does not allocate if dst has
// room.
func AppendBodyHeader(dst []byte, f *av.Frame, l *av.Layout, o Options) (out []byte, timestamp uint32, ok bool) {
	form := o.formOf(l, f.Track)
	switch {
	case form == leftOut:
		return dst, 0, false
	case form == singleTrack && legacy(f.Track.Codec):
		return appendLegacyHeader(dst, f), Milliseconds(f.DTS), true
	case !o.Nanoseconds:
		return appendFrameHeader(dst, f, form, 0), Milliseconds(f.DTS), true
	}
	// The offset is added, so the timestamp is rounded down, before 0 as well.
	nanos := (f.DTS%nanosecondsPerMillisecond + nanosecondsPerMillisecond) % nanosecondsPerMillisecond
	return appendFrameHeader(dst, f, form, uint32(nanos)), Milliseconds(f.DTS - nanos), true
}

// appendLegacyHeader appends what FLV had before Enhanced RTMP.
func appendLegacyHeader(dst []byte, f *av.Frame) []byte {
	switch f.Track.Codec {
	case av.H264:
		dst = append(dst, frameTypeOf(f)<<4|codecAVC, avcNALUs)
		return appendUint24(dst, compositionTime(f))
	case av.AAC:
		return append(dst, aacHeader, aacRaw)
	case av.MP3, av.G711A, av.G711U:
		return append(dst, soundHeader(f.Track))
	}
	return dst
}

// appendFrameHeader appends the enhanced header of a frame; nanos are to be
// added to its timestamp.
func appendFrameHeader(dst []byte, f *av.Frame, form form, nanos uint32) []byte {
	h := exHeader{frameType: frameTypeOf(f), packet: packetCodedFrames, form: form, nanos: nanos}
	offset := uint32(0)
	if c := f.Track.Codec; c == av.H264 || c == av.H265 {
		if offset = compositionTime(f); offset == 0 {
			h.packet = packetCodedFramesX
		}
	}
	dst = h.append(dst, f.Track)
	if offset != 0 {
		dst = appendUint24(dst, offset)
	}
	return dst
}

// exHeader is an ExVideoTagHeader or ExAudioTagHeader, with the track id if
// form is multitrack.
type exHeader struct {
	frameType, packet byte
	form              form
	nanos             uint32
}

func (h exHeader) append(dst []byte, t *av.Track) []byte {
	first, multi := byte(videoExHeader)|h.frameType<<4, byte(packetVideoMultitrack)
	if t.Kind == av.Audio {
		first, multi = soundExHeader<<4, packetAudioMultitrack
	}
	packet := h.packet
	if h.form == multitrack {
		packet = multi
	}
	if h.nanos != 0 {
		const size = 3
		dst = append(dst, first|packetModEx, size-1)
		dst = appendUint24(dst, h.nanos)
		first = modExTimestampNano << 4
	}
	dst = append(dst, first|packet)
	if h.form == multitrack {
		dst = append(dst, multitrackOne<<4|h.packet)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(FourCCOf(t.Codec)))
	if h.form == multitrack {
		dst = append(dst, byte(trackNumber(t)))
	}
	return dst
}

func frameTypeOf(f *av.Frame) byte {
	if f.Key {
		return frameKey
	}
	return frameInter
}

// compositionTime returns PTS - DTS as a signed number of 24 bits.
func compositionTime(f *av.Frame) uint32 {
	const lowest, highest = -1 << 23, 1<<23 - 1
	return uint32(max(lowest, min(highest, roundMilliseconds(f.PTS-f.DTS)))) & 0xFFFFFF
}

func appendUint24(dst []byte, v uint32) []byte {
	return append(dst, byte(v>>16), byte(v>>8), byte(v))
}

// soundHeader returns the first byte of MP3 and G.711 bodies. SoundRate can only
// say 5.5, 11, 22 and 44 kHz, and 8 kHz has formats of its own; for other rates
// it says 44 kHz, and players take the rate from the frame.
func soundHeader(t *av.Track) byte {
	rate := byte(3)
	switch {
	case t.Codec != av.MP3, t.SampleRate == 8000:
		rate = 0
	case t.SampleRate == 11025:
		rate = 1
	case t.SampleRate == 22050:
		rate = 2
	}
	b := soundFormat(t)<<4 | rate<<2 | sound16Bit
	if t.Channels != 1 {
		b |= soundStereo
	}
	return b
}
