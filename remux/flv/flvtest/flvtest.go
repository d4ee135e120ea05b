// Package flvtest reads the sample files of package flv for the tests of others.
package flvtest

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/flv"
)

// Packets returns what the FLV file at path holds, in order.
func Packets(t testing.TB, path string) (all []flv.Packet) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, d := flv.NewReader(file), new(flv.Demuxer)
	for {
		tag, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		packets, err := d.Decode(tag.Type, tag.Timestamp, tag.Body)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, packets...)
	}
}

// Frames returns the audio and video of the FLV file at path, in order. It fails
// the test if there is none.
func Frames(t testing.TB, path string) (frames []*av.Frame) {
	t.Helper()
	for _, p := range Packets(t, path) {
		if p.Kind == flv.FramePacket {
			frames = append(frames, p.Frame)
		}
	}
	if len(frames) == 0 {
		t.Fatalf("%s has no frames", path)
	}
	return frames
}
