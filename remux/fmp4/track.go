package fmp4

import (
	"encoding/binary"
	"time"

	mcopus "github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/aac"
	"github.com/weirmedia/weir/pkg/codec/mp3"
)

// track is what a Muxer knows of a track.
type track struct {
	Durations
	held   []*av.Frame // not written yet, in decoding order
	single [1]*av.Frame
}

// Durations tells how long the newest frame of a track lasts, for which the frame
// after it is not known yet. It needs Set before all else.
type Durations struct {
	*av.Track
	samples int      // in every frame, 0 if that differs or is unknown
	seen    bool     // last is valid
	last    int64    // DTS of the newest frame
	gaps    [2]int64 // between the newest three frames, the newest first
}

// Set puts t in force, which has the ID of the track before it.
func (s *Durations) Set(t *av.Track) {
	if s.Track != t {
		s.Track, s.samples = t, fixedSamples(t)
	}
}

// Observe takes note of when f, the next frame, is.
func (s *Durations) Observe(f *av.Frame) {
	gap := s.usualGap()
	if s.seen {
		gap = max(0, f.DTS-s.last)
	} else {
		s.gaps[0] = gap
	}
	s.gaps = [2]int64{gap, s.gaps[0]}
	s.seen, s.last = true, f.DTS
}

// usualGap is the time between frames before any is seen.
func (s *Durations) usualGap() int64 {
	const usualRate = 25
	if s.FrameRate > 0 {
		return int64(float64(time.Second) / s.FrameRate)
	}
	return int64(time.Second) / usualRate
}

// Of returns how many nanoseconds f, the newest frame, will probably last: as its
// codec says, or else what lay between the frames before. Of the last two gaps it
// is the lesser: a pause of the publisher comes once, and a frame as long as the
// pause would let players believe that they have that much in store.
func (s *Durations) Of(f *av.Frame) int64 {
	samples := s.samples
	if samples == 0 {
		samples = samplesOf(s.Track, f.Payload)
	}
	if samples > 0 {
		return int64(samples) * int64(time.Second) / int64(Timescale(s.Track))
	}
	return min(s.gaps[0], s.gaps[1])
}

// fixedSamples returns how many samples, in the timescale, every frame of t has,
// 0 if they differ or if t does not say.
func fixedSamples(t *av.Track) int {
	switch t.Codec {
	case av.AAC:
		c, err := aac.ParseConfig(t.Config)
		if err != nil || c.SampleRate == 0 {
			return 0
		}
		return c.FrameLength * c.OutputRate / c.SampleRate
	case av.FLAC:
		const blockSizesAt = 8 // the least and the greatest, 16 bits each
		if len(t.Config) < blockSizesAt+4 {
			return 0
		}
		least, greatest := binary.BigEndian.Uint16(t.Config[blockSizesAt:]), binary.BigEndian.Uint16(t.Config[blockSizesAt+2:])
		if least == greatest {
			return int(least)
		}
	case av.AC3:
		return 1536
	}
	return 0
}

// samplesOf returns how many samples the frame of t with this payload has, 0 if
// it does not say.
func samplesOf(t *av.Track, payload []byte) int {
	switch t.Codec {
	case av.MP3:
		h, err := mp3.ParseHeader(payload)
		if err != nil {
			return 0
		}
		return h.Samples
	case av.EAC3:
		const blocksAt, blockSize = 4, 256 // fscod and numblkscod (ETSI TS 102 366, E.1.2.2)
		if len(payload) <= blocksAt {
			return 0
		}
		if rate := payload[blocksAt] >> 6; rate == 3 {
			return 6 * blockSize
		}
		return [...]int{1, 2, 3, 6}[payload[blocksAt]>>4&3] * blockSize
	case av.Opus:
		return int(mcopus.PacketDuration2(payload))
	case av.G711A, av.G711U:
		if t.SampleRate > 0 {
			return len(payload) / max(1, t.Channels)
		}
	}
	return 0
}
