package transcode

import (
	"fmt"
	"slices"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
)

// View is a stream with its audio transcoded.
type View struct{ *bus.View }

// Acquire returns v with its audio as f, but for audio in one of the codecs to
// keep. It is encoded once for all who ask for the same, on a goroutine of its
// own; release gives the view back and may be called repeatedly. Some time after
// the last release (bus.Limits.Linger) it is gone. Safe for concurrent use.
//
// It fails if f is nothing that can be made. What the audio of the stream is
// matters later: see Problems.
func Acquire(v *bus.View, f Format, keep ...av.Codec) (view View, release func(), err error) {
	if err := f.Check(&av.Track{Kind: av.Audio, Codec: av.G711A, Channels: mono}); err != nil {
		return View{}, nil, err
	}
	keep = slices.Compact(slices.Sorted(slices.Values(keep)))
	key := fmt.Sprintf("audio as %v, %d bit/s, keep %v", f.Codec, f.Bitrate, keep)
	d, release, err := v.Derive(key, func() bus.Transform { return NewTransform(f.New, keep...) })
	if err != nil {
		return View{}, nil, err
	}
	return View{d}, release, nil
}

// Problems returns which tracks of the stream are missing now, and why. A track
// is known to be missing when the view's Layouts lack it. Safe for concurrent use.
func (v View) Problems() []Problem {
	if t, ok := v.Through().(*Transform); ok {
		return t.Problems()
	}
	return nil
}
