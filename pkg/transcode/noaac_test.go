//go:build noaac

package transcode

import (
	"errors"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

func newAACSource(int, int) (encoder, *av.Track, error) { return nil, nil, aacBuilt() }

// Without AAC the reason is given, and the rest works.
func TestWithoutAAC(t *testing.T) {
	aac := &av.Track{Kind: av.Audio, Codec: av.AAC, Config: []byte{0x12, 0x10}}
	for _, err := range []error{Format{Codec: av.Opus}.Check(aac), Format{Codec: av.AAC}.Check(opusTrack(2))} {
		var e *reason.Error
		if !errors.As(err, &e) || e.Reason != reason.Unsupported || !strings.Contains(err.Error(), "built without AAC") {
			t.Errorf("error %v", err)
		}
	}
	f := newFeed(t, av.Opus, 48000, 2)
	x, err := Format{Codec: av.G711A}.New(f.track)
	if err != nil {
		t.Fatal(err)
	}
	if out := convert(t, x, f.frames(silent, 1e9)); len(out) < 45 {
		t.Errorf("%d frames", len(out))
	}
}
