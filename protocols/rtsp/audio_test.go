package rtsp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
)

// phone is so many frames of 20 ms of silence in G.711.
func phone(n int) (frames []*av.Frame) {
	track := &av.Track{ID: 1, Kind: av.Audio, Codec: av.G711U, SampleRate: 8000, Channels: 1}
	for i := range n {
		payload := make([]byte, 160)
		for i := range payload {
			payload[i] = 0xFF
		}
		at := int64(i) * int64(20*time.Millisecond)
		frames = append(frames, &av.Frame{Track: track, DTS: at, PTS: at, Payload: payload})
	}
	return frames
}

// Players get the sound that they choose; what they cannot choose is refused.
func TestPlayAudio(t *testing.T) {
	r := newRig(t, auth.Config{})
	sound := phone(50)
	r.feed("live/test", sound)
	for query, codec := range map[string]av.Codec{"": av.G711U, "?audio=copy": av.G711U, "?audio=opus": av.Opus} {
		p := r.play("live/test"+query, gortsplib.TransportTCP)
		for range 3 {
			select {
			case f := <-p.frames:
				if f.Track.Codec != codec {
					t.Fatalf("%q: %s, want %s", query, f.Track.Codec, codec)
				}
			case <-time.After(patience):
				t.Fatalf("%q: no sound", query)
			}
		}
	}
	_, err := r.tryPlay(r.url("live/test?audio=flac"), gortsplib.TransportTCP)
	if err == nil || !strings.Contains(err.Error(), "400") || !strings.Contains(err.Error(), "must be aac, opus or copy") {
		t.Errorf("refused with %v", err)
	}
}
