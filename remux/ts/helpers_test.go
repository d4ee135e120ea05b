package ts

import (
	"bytes"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/flv/flvtest"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// footage is what a sample file of package flv holds: frames in order, each
// with the layout in force, which names all tracks from the start.
func footage(t testing.TB, name string) []*av.Frame {
	t.Helper()
	layout := &av.Layout{Ready: true}
	var frames []*av.Frame
	for _, p := range flvtest.Packets(t, "../flv/testdata/"+name) {
		if p.Track != nil {
			layout.Tracks = slices.DeleteFunc(layout.Tracks, func(old *av.Track) bool { return old.ID == p.Track.ID })
			layout.Tracks = append(layout.Tracks, p.Track)
		}
		if p.Frame != nil {
			f := *p.Frame
			f.Layout = layout
			frames = append(frames, &f)
		}
	}
	slices.SortFunc(layout.Tracks, func(a, b *av.Track) int { return a.ID - b.ID })
	if len(frames) == 0 {
		t.Fatal("no frames in " + name)
	}
	return frames
}

// mp3Frames returns frames of MPEG-1 Layer III with 128 kbit/s at 44.1 kHz.
func mp3Frames(t testing.TB) []*av.Frame {
	t.Helper()
	const size = 144 * 128000 / 44100
	l := &av.Layout{Ready: true, Tracks: []*av.Track{{ID: 1, Kind: av.Audio, Codec: av.MP3, Profile: "Layer III", SampleRate: 44100, Channels: 2}}}
	var frames []*av.Frame
	for i := range 20 {
		payload := append(unhex(t, "fffb9064"), bytes.Repeat([]byte{byte(i)}, size-4)...)
		dts := int64(i) * 26 * millisecond
		frames = append(frames, &av.Frame{Track: l.Tracks[0], Layout: l, DTS: dts, PTS: dts, Payload: payload})
	}
	return frames
}

// starts reports whether viewers may begin at f.
func starts(f *av.Frame) bool {
	return f.Key || f.Layout.First(av.Video) == nil
}

// mux writes frames with a new Muxer.
func mux(t testing.TB, frames []*av.Frame) []byte {
	t.Helper()
	return muxWith(t, new(Muxer), frames)
}

func muxWith(t testing.TB, m *Muxer, frames []*av.Frame) []byte {
	t.Helper()
	var out []byte
	for _, f := range frames {
		var err error
		if out, err = m.AppendFrame(out, f, f.Layout, starts(f)); err != nil {
			t.Fatal(err)
		}
	}
	if len(out)%packetSize != 0 {
		t.Fatalf("%d bytes are no whole packets", len(out))
	}
	return out
}

// demux reads all of a stream, in which nothing may be wrong.
func demux(t testing.TB, stream []byte) (frames []*av.Frame, tracks []*av.Track) {
	t.Helper()
	d := NewDemuxer(bytes.NewReader(stream))
	for {
		p, err := d.Next()
		if err == io.EOF {
			return frames, tracks
		}
		if err != nil {
			t.Fatal(err)
		}
		switch p.Kind {
		case IgnoredPacket:
			t.Errorf("ignored: %s", p.Why)
		case FramePacket:
			frames = append(frames, p.Frame)
		}
		if p.Track != nil {
			tracks = append(tracks, p.Track)
		}
	}
}

// packets cuts a stream into packets.
func packets(t testing.TB, stream []byte) []packet {
	t.Helper()
	var list []packet
	for b := range slices.Chunk(stream, packetSize) {
		if len(b) < packetSize || b[0] != syncByte {
			t.Fatalf("no packet: %x", b)
		}
		p, why := parsePacket(b)
		if why != "" {
			t.Fatal(why)
		}
		list = append(list, p)
	}
	return list
}
