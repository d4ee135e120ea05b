package flv

import (
	"bytes"
	"fmt"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/aac"
	"github.com/weirmedia/weir/pkg/codec/ac3"
	"github.com/weirmedia/weir/pkg/codec/av1"
	"github.com/weirmedia/weir/pkg/codec/flac"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/codec/h265"
	"github.com/weirmedia/weir/pkg/codec/mp3"
	"github.com/weirmedia/weir/pkg/codec/opus"
	"github.com/weirmedia/weir/pkg/codec/vpx"
)

// source is one track of a publisher and what is known of it.
type source struct {
	id int
	// track is nil until there is a configuration. It is never changed: a new
	// configuration makes a new one.
	track *av.Track
	// sent is the configuration as the publisher sent it.
	sent []byte
	// sideInfo may come before the track.
	sideInfo []byte
	// lengthSize is the length of the prefixes of H.264 and H.265 NAL units.
	lengthSize int
}

func (s *source) isVideo() bool { return s.id%2 == VideoTrackID }

func (s *source) has(c av.Codec) bool { return s.track != nil && s.track.Codec == c }

// startsAt finds out from a video payload whether decoding can start there.
func (s *source) startsAt(payload []byte) bool {
	switch s.track.Codec {
	case av.H264:
		return h264.IsIDR(payload, s.lengthSize)
	case av.H265:
		return h265.IsIRAP(payload, s.lengthSize)
	case av.AV1:
		return av1.HasSequenceHeader(payload)
	case av.VP8, av.VP9:
		_, _, err := vpx.Size(s.track.Codec, payload)
		return err == nil
	}
	return false
}

// configure makes a track from a configuration of codec c; false if it is the
// one in force already.
func (s *source) configure(c av.Codec, config []byte) (changed bool, err error) {
	if s.has(c) && bytes.Equal(s.sent, config) {
		return false, nil
	}
	if len(config) > maxConfig {
		return false, fmt.Errorf("%s configuration: %d bytes, limit %d", c, len(config), maxConfig)
	}
	sent := bytes.Clone(config)
	track, lengthSize, err := s.parse(c, sent)
	if err != nil {
		return false, err
	}
	if (c == av.VP8 || c == av.VP9) && s.has(c) {
		// Only key frames know the size; the next one will correct it.
		track.Width, track.Height = s.track.Width, s.track.Height
	}
	track.SideInfo = s.sideInfo
	s.track, s.sent, s.lengthSize = track, sent, lengthSize
	return true, nil
}

// parse reads the configuration of codec c, which the track keeps.
func (s *source) parse(c av.Codec, config []byte) (t *av.Track, lengthSize int, err error) {
	switch c {
	case av.H264:
		if t, err = h264.TrackFromConfig(s.id, config); err != nil {
			return nil, 0, err
		}
		record, err := h264.ParseConfig(config)
		return t, record.LengthSize, err
	case av.H265:
		if t, err = h265.TrackFromConfig(s.id, config); err != nil {
			return nil, 0, err
		}
		record, err := h265.ParseConfig(config)
		return t, record.LengthSize, err
	case av.AV1:
		t, err = av1.TrackFromConfig(s.id, config)
	case av.VP8, av.VP9:
		t, err = vpx.TrackFromConfig(s.id, c, vpx.TrimFullBox(config))
	case av.AAC:
		t, err = aac.TrackFromConfig(s.id, config)
	case av.Opus:
		if len(config) == 0 {
			config = opus.BuildHeader(s.channels())
		}
		t, err = opus.TrackFromConfig(s.id, config)
	case av.FLAC:
		if config, err = flac.Normalise(config); err == nil {
			t, err = flac.TrackFromConfig(s.id, config)
		}
	}
	return t, 0, err
}

// channels is for Opus without a header of its own, which has one or two.
func (s *source) channels() int {
	const countAt, mono = 1, 1 // in MultichannelConfig
	if len(s.sideInfo) > countAt && s.sideInfo[countAt] == mono {
		return 1
	}
	return 2
}

// setSideInfo keeps what Enhanced RTMP says beyond the configuration; false if
// nothing follows from it yet.
func (s *source) setSideInfo(b []byte) (changed bool) {
	if bytes.Equal(s.sideInfo, b) {
		return false
	}
	s.sideInfo = bytes.Clone(b)
	if s.track == nil {
		return false
	}
	track := *s.track
	track.SideInfo = s.sideInfo
	s.track = &track
	return true
}

// prepare makes sure that the track is that of u. Codecs that repeat their
// configuration in their frames get a new one when it changes. If the frame is
// to be ignored, why says so.
func (s *source) prepare(u unit) (changed bool, why string) {
	switch u.codec {
	case av.MP3:
		h, err := mp3.ParseHeader(u.payload)
		if err != nil {
			return false, "MP3 frame without a Layer III header"
		}
		if s.sounds(u.codec, h.SampleRate, h.Channels) {
			return false, ""
		}
		return s.replace(h.Track(s.id)), ""
	case av.AC3, av.EAC3:
		h, err := ac3.ParseHeader(u.codec, u.payload)
		if err != nil {
			return false, "AC-3 or E-AC-3 frame without a header"
		}
		if s.sounds(u.codec, h.SampleRate, h.Channels) {
			return false, ""
		}
		return s.replace(h.Track(s.id, u.codec)), ""
	case av.G711A, av.G711U:
		const rate = 8000 // whatever SoundRate says, which cannot say it
		if s.sounds(u.codec, rate, u.channels) {
			return false, ""
		}
		return s.replace(&av.Track{ID: s.id, Kind: av.Audio, Codec: u.codec, SampleRate: rate, Channels: u.channels}), ""
	case av.VP8, av.VP9:
		if u.key {
			return s.preparePicture(u.codec, u.payload)
		}
	}
	if !s.has(u.codec) {
		return false, whyNoConfig
	}
	return false, ""
}

// preparePicture takes the size from the key frames of VP8 and VP9. They can
// do without a configuration.
func (s *source) preparePicture(c av.Codec, payload []byte) (changed bool, why string) {
	width, height, err := vpx.Size(c, payload)
	if err != nil {
		return false, "VP8 or VP9 key frame without a header"
	}
	if !s.has(c) {
		return s.replace(&av.Track{ID: s.id, Kind: av.Video, Codec: c, Width: width, Height: height}), ""
	}
	if s.track.Width == width && s.track.Height == height {
		return false, ""
	}
	track := *s.track
	track.Width, track.Height = width, height
	s.track = &track
	return true, ""
}

func (s *source) sounds(c av.Codec, rate, channels int) bool {
	return s.has(c) && s.track.SampleRate == rate && s.track.Channels == channels
}

// replace puts a track in force that came without configuration. It returns
// true, for there is a new track.
func (s *source) replace(t *av.Track) bool {
	t.SideInfo = s.sideInfo
	s.track, s.sent = t, nil
	return true
}

// check returns the payload of a frame of the track as av wants it.
func (s *source) check(payload []byte) ([]byte, error) {
	switch s.track.Codec {
	case av.H264, av.H265:
		if err := h264.CheckNALs(payload, s.lengthSize); err != nil {
			return nil, fmt.Errorf("video frame: %w", err)
		}
	case av.AV1:
		return av1.TrimTemporalDelimiters(payload), nil
	}
	return payload, nil
}
