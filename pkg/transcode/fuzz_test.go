package transcode

import (
	"errors"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

var (
	fuzzedFrom = []av.Codec{av.AAC, av.Opus, av.G711A, av.G711U}
	fuzzedTo   = []av.Codec{av.Opus, av.AAC, av.G711A, av.G711U}
)

// FuzzTranscode feeds a transcoder with a configuration and frames, each after
// its length and how much time lies before it in units of 5 ms. ways chooses the
// codecs.
func FuzzTranscode(f *testing.F) {
	f.Fuzz(func(t *testing.T, ways byte, config, frames []byte) {
		track := &av.Track{ID: 1, Kind: av.Audio, Codec: fuzzedFrom[ways&3], Config: config, Channels: int(ways >> 4)}
		format := Format{Codec: fuzzedTo[ways>>2&3]}
		x, err := format.New(track)
		if err != nil {
			expectTyped(t, err)
			return
		}
		if out := x.Track(); out.ID != 1 || out.Kind != av.Audio || out.Codec != format.Codec || out.SampleRate == 0 || out.Channels < 1 || out.Channels > 2 {
			t.Fatalf("impossible track %+v", out)
		}
		last, pts := int64(-1), int64(0)
		for n := 0; len(frames) >= 2 && n < 20; n++ {
			size := min(int(frames[0]), len(frames)-2)
			pts += int64(int8(frames[1])) * 5e6
			in := &av.Frame{Track: track, DTS: pts, PTS: pts, Payload: frames[2 : 2+size]}
			frames = frames[2+size:]
			err := x.Transcode(in, func(o *av.Frame) {
				if o.DTS <= last || len(o.Payload) == 0 || len(o.Payload) > 1<<14 {
					t.Fatalf("frame of %d bytes at %d after %d", len(o.Payload), o.DTS, last)
				}
				last = o.DTS
			})
			if err != nil {
				expectTyped(t, err)
				return
			}
		}
	})
}

// expectTyped fails unless err says its reason, and t too if that is a panic.
func expectTyped(t *testing.T, err error) {
	t.Helper()
	var e *reason.Error
	if !errors.As(err, &e) {
		t.Fatalf("error without a reason: %v", err)
	}
	if e.Reason == reason.InternalError {
		t.Fatal(err)
	}
}
