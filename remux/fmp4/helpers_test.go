package fmp4

import (
	"bytes"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/flv/flvtest"
)

const ms = int64(1_000_000)

// Configurations from ffmpeg.
const (
	avcRecord  = "0164000affe100186764000aacd9447b011000000300100000030320f12259600100" + "0668ebe04d2c8bfdf8f8"
	avcRecord2 = "0142c00dffe100186742c00dd901519e226c0440000003004000000f03c50a92" + "01000568cb83cb20"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Tracks with what tests of times and fragments need of them.
func videoTrack(t testing.TB) *av.Track {
	return &av.Track{ID: 0, Kind: av.Video, Codec: av.H264, Config: unhex(t, avcRecord), Width: 64, Height: 48, FrameRate: 25}
}

func audioTrack(t testing.TB) *av.Track {
	return &av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: unhex(t, "1210"), SampleRate: 44100, Channels: 2}
}

func layoutOf(tracks ...*av.Track) *av.Layout { return &av.Layout{Tracks: tracks, Ready: true} }

// clip is what a file holds. Its tracks are those of the last frames.
type clip struct {
	layout *av.Layout
	frames []*av.Frame
}

// starts reports whether viewers may begin at f, as the bus has it for video.
func (c clip) starts(f *av.Frame) bool { return f.Key && c.layout.Leads(f.Track) }

// fixtures are clips of every codec, with the name of their codecs.
var fixtures = map[string]string{
	"bframes": "avc1.64000a mp4a.40.2", "hevc": "hvc1.1.6.L30.90", "hdr": "hvc1.2.4.L30.90", "av1": "av01.0.00M.08",
	"vp9": "vp09.00.10.08", "opus": "opus", "flac": "fLaC", "ac3": "ac-3", "eac3": "ec-3", "mp3": "mp4a.40.34",
	"multitrack": "avc1.64000a mp4a.40.2 avc1.64000a mp4a.40.2",
}

// fixture reads a clip that package flv has for its tests.
func fixture(t testing.TB, name string) clip {
	t.Helper()
	c, tracks := clip{layout: layoutOf()}, make(map[int]*av.Track)
	for _, p := range flvtest.Packets(t, "../flv/testdata/"+name+".flv") {
		if p.Track != nil {
			tracks[p.Track.ID] = p.Track
		}
		if p.Kind == flv.FramePacket {
			c.frames = append(c.frames, p.Frame)
		}
	}
	for _, track := range tracks {
		c.layout.Tracks = append(c.layout.Tracks, track)
	}
	slices.SortFunc(c.layout.Tracks, func(a, b *av.Track) int { return a.ID - b.ID })
	return c
}

// mux returns the prelude of c and what m makes of its frames.
func mux(t testing.TB, m *Muxer, c clip) (prelude, media []byte) {
	t.Helper()
	prelude, err := m.AppendPrelude(nil, c.layout, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range c.frames {
		if media, err = m.AppendFrame(media, f, c.layout, c.starts(f)); err != nil {
			t.Fatal(err)
		}
	}
	return prelude, media
}

// demux returns all that is in b, which must end well.
func demux(t testing.TB, b []byte) clip {
	t.Helper()
	d := NewDemuxer(bytes.NewReader(b))
	tracks, err := d.Tracks()
	if err != nil {
		t.Fatal(err)
	}
	c := clip{layout: layoutOf(tracks...)}
	for {
		f, err := d.Next()
		if err == io.EOF {
			return c
		}
		if err != nil {
			t.Fatal(err)
		}
		c.frames = append(c.frames, f)
	}
}

// of returns the frames of the track with an id.
func (c clip) of(id int) []*av.Frame {
	var out []*av.Frame
	for _, f := range c.frames {
		if f.Track.ID == id {
			out = append(out, f)
		}
	}
	return out
}
