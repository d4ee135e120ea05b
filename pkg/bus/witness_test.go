package bus

import (
	"fmt"
	"slices"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// witness writes down what it is told.
type witness struct{ told []string }

func (w *witness) LayoutKnown(l *av.Layout) {
	w.told = append(w.told, fmt.Sprintf("%d tracks", len(l.Tracks)))
}
func (w *witness) FrameKnown() { w.told = append(w.told, "frame") }

// A publisher's witness is told of its layout, once that is known, and of its first
// frame, also of one that takes over a stream with the same tracks.
func TestWitness(t *testing.T) {
	b := New(DefaultLimits())
	defer b.Close(reason.Shutdown)
	video := &av.Track{ID: 0, Kind: av.Video, Codec: av.H264, Config: []byte("video")}
	audio := &av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: []byte("audio")}
	for range 2 {
		w := new(witness)
		p, err := b.Publish("live/test", Claim{Owner: "me", Kill: func(reason.Reason) {}, Witness: w})
		if err != nil {
			t.Fatal(err)
		}
		frame := func(track *av.Track, key bool) {
			t.Helper()
			if err := p.Write(&av.Frame{Track: track, Key: key, Arrival: av.Now(), Payload: []byte("x")}); err != nil {
				t.Fatal(err)
			}
		}
		var kinds [av.Kinds]bool
		kinds[av.Video], kinds[av.Audio] = true, true
		for _, err := range []error{p.Hint(kinds), p.SetTrack(video)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		frame(video, false) // before a key frame nothing can begin
		frame(video, true)
		frame(video, true)
		if err := p.SetTrack(audio); err != nil {
			t.Fatal(err)
		}
		frame(audio, false)
		if want := []string{"frame", "2 tracks"}; !slices.Equal(w.told, want) {
			t.Errorf("told %q, want %q", w.told, want)
		}
	}
}
