package fmp4

import (
	"bytes"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
)

// Whatever comes in, the Demuxer ends, in bounds, and what it takes for sound can
// be written and read again.
func FuzzDemuxer(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		d := NewDemuxer(bytes.NewReader(b))
		for {
			frame, err := d.Next()
			if err != nil {
				break
			}
			if len(frame.Payload) == 0 && frame.Track.Codec != av.AV1 {
				t.Fatal("a frame without payload")
			}
			checkAgain(t, frame)
		}
		tracks, err := d.Tracks()
		if err != nil {
			return
		}
		for _, track := range tracks {
			// Not all that the Demuxer takes can be written: codec parsers differ.
			_, _ = AppendInit(nil, layoutOf(track))
		}
	})
}

// checkAgain writes a frame and reads it.
func checkAgain(t *testing.T, f *av.Frame) {
	if !Carries(f.Track) || f.DTS < 0 || len(f.Payload) == 0 {
		return
	}
	init, err := AppendInit(nil, layoutOf(f.Track))
	if err != nil {
		return
	}
	d := NewDemuxer(bytes.NewReader(AppendFragment(init, 1, Run{Track: f.Track, Frames: []*av.Frame{f}, End: f.DTS})))
	got, err := d.Next()
	if err != nil || !bytes.Equal(got.Payload, f.Payload) || got.Key != f.Key || got.Track.Codec != f.Track.Codec {
		t.Fatalf("%+v becomes %+v, %v", f, got, err)
	}
}
