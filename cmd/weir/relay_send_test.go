package main

import (
	"slices"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/relay"
	"github.com/weirmedia/weir/remux/flv"
)

// sentTags notes the times of the media that it is given, in milliseconds.
type sentTags struct{ times []uint32 }

func (s *sentTags) WriteTag(t flv.TagType, timestamp uint32, body []byte) error {
	return s.WriteParts(t, timestamp, body)
}

func (s *sentTags) WriteParts(_ flv.TagType, timestamp uint32, _ ...[]byte) error {
	s.times = append(s.times, timestamp)
	return nil
}

func (s *sentTags) Close() error { return nil }

// TestForwardBeginsAtZero: sound that belongs before the first picture, and comes after
// it, has no time by RTMP: unsigned, -20 ms would be 49 days.
func TestForwardBeginsAtZero(t *testing.T) {
	video := &av.Track{ID: 1, Kind: av.Video, Codec: av.VP9}
	audio := &av.Track{ID: 2, Kind: av.Audio, Codec: av.MP3, SampleRate: 44100, Channels: 2}
	layout := &av.Layout{Tracks: []*av.Track{video, audio}, Ready: true}
	var sent sentTags
	target := &rtmpTarget{tagWriter: &sent}
	var prelude int
	for i, f := range []struct {
		track *av.Track
		at    time.Duration
	}{{video, 5000}, {audio, 4980}, {audio, 5006}, {video, 5040}} {
		at := int64(f.at * time.Millisecond)
		frame := &av.Frame{Track: f.track, Key: true, DTS: at, PTS: at, Payload: []byte{1}}
		if _, err := target.Write(frame, layout); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			prelude = len(sent.times) - 1
		}
	}
	if got, want := sent.times[prelude:], []uint32{0, 6, 40}; !slices.Equal(got, want) {
		t.Errorf("the times are %d, want %d", got, want)
	}
}

// TestForwardLeavesOutFrames: a frame that RTP cannot carry is left out, and those behind
// it are sent.
func TestForwardLeavesOutFrames(t *testing.T) {
	down := startServer(t, nil)
	track := &av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: unhex(audioConfig), SampleRate: 48000, Channels: 2}
	layout := &av.Layout{Tracks: []*av.Track{track}, Ready: true}
	target, err := rtspSource{}.Send(t.Context(), "rtsp://"+down.app.rtsp.String()+"/live/a", layout, relay.Options{Timeout: patience})
	must(t, err)
	defer target.Close()
	for i, size := range []int{100, 1 << 13, 100} { // an AU header has 13 bits for it
		at := int64(i) * int64(20*time.Millisecond)
		n, err := target.Write(&av.Frame{Track: track, Key: true, DTS: at, PTS: at, Payload: make([]byte, size)}, layout)
		if err != nil || (n == size) != (size == 100) {
			t.Errorf("frame %d: %d bytes, %v", i, n, err)
		}
	}
	eventually(t, "the others arrive", func() bool {
		s := down.bus.Stream("live/a")
		return s != nil && s.Info().FramesIn == 2
	})
}
