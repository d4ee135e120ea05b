package rtp

import (
	"bytes"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/aac"
	"github.com/weirmedia/weir/pkg/codec/ac3"
	"github.com/weirmedia/weir/pkg/codec/mp3"
)

// samplesAC3 is how many samples a syncframe has (ETSI TS 102 366, 4.1).
const samplesAC3 = 1536

// sounds makes frames of those that came with one RTP time: the first has it, the
// others follow each other.
func (d *Demuxer) sounds(parts [][]byte, pts int64) (frames []*av.Frame, why string) {
	samples := int64(0)
	for _, part := range parts {
		if len(part) == 0 {
			continue
		}
		n, rate, ok := d.describe(part)
		if !ok {
			why = whyConfig
			continue
		}
		time := pts + samples*second/rate
		samples += n
		frames = append(frames, &av.Frame{Track: d.track, DTS: time, PTS: time, Payload: bytes.Clone(part)})
	}
	return frames, why
}

// describe makes sure that the track is that of frame, and returns how many
// samples of which rate in Hz it has.
func (d *Demuxer) describe(frame []byte) (samples, rate int64, ok bool) {
	t := d.track
	switch d.codec {
	case av.AAC:
		c, err := aac.ParseConfig(t.Config)
		return int64(c.FrameLength), int64(c.SampleRate), err == nil && c.SampleRate > 0
	case av.MP3:
		h, err := mp3.ParseHeader(frame)
		if err != nil {
			return 0, 0, false
		}
		if t == nil || t.SampleRate != h.SampleRate || t.Channels != h.Channels {
			d.track = h.Track(d.id)
		}
		return int64(h.Samples), int64(h.SampleRate), true
	case av.AC3:
		h, err := ac3.ParseHeader(d.codec, frame)
		if err != nil {
			return 0, 0, false
		}
		if t == nil || t.SampleRate != h.SampleRate || t.Channels != h.Channels {
			d.track = h.Track(d.id, d.codec)
		}
		return samplesAC3, int64(h.SampleRate), true
	}
	return 0, d.rate, true // one frame in a packet
}
