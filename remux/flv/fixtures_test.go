package flv

import (
	"bytes"
	"io"
	"reflect"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
)

// demuxed is what tags hold, with the tracks as the last frames have them.
type demuxed struct {
	tracks map[int]*av.Track
	frames []frameWant
	file   []byte // muxed again
}

// demux demuxes tags and muxes what they hold as a server would: a prelude
// whenever the tracks change.
func demux(t *testing.T, tags []Tag) demuxed {
	t.Helper()
	d, m := new(Demuxer), &Muxer{everything}
	out := demuxed{tracks: make(map[int]*av.Track), file: AppendFileHeader(nil, true, true)}
	known := make(map[int]*av.Track)
	var layout *av.Layout
	for _, tag := range tags {
		packets, err := d.Decode(tag.Type, tag.Timestamp, tag.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packets {
			if p.Track != nil {
				known[p.Track.ID], layout = p.Track, nil
			}
			if p.Frame == nil {
				continue
			}
			if layout == nil {
				layout = &av.Layout{Ready: true}
				for id := range 2 * maxTracks {
					if track := known[id]; track != nil {
						layout.Tracks = append(layout.Tracks, track)
					}
				}
				if out.file, err = m.AppendPrelude(out.file, layout, p.Frame.DTS); err != nil {
					t.Fatal(err)
				}
			}
			p.Frame.Layout = layout
			out.tracks[p.Frame.Track.ID] = p.Frame.Track
			out.frames = append(out.frames, frameOf(p.Frame))
			if out.file, err = m.AppendFrame(out.file, p.Frame, layout, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

// Files from ffmpeg 9 are understood, and what is made of them is understood
// in the same way.
func TestEnhancedFixtures(t *testing.T) {
	for _, c := range []struct {
		name   string
		frames int
		tracks []av.Track // Config and SideInfo left out
	}{
		{"hevc.flv", 15, []av.Track{{Codec: av.H265, Profile: "Main 1.0", Width: 64, Height: 48, FrameRate: 25}}},
		{"hdr.flv", 8, []av.Track{{Codec: av.H265, Profile: "Main 10 1.0", Width: 64, Height: 48, FrameRate: 25}}},
		{"av1.flv", 15, []av.Track{{Codec: av.AV1, Profile: "Main 2.0", Width: 64, Height: 48}}},
		{"vp9.flv", 15, []av.Track{{Codec: av.VP9, Profile: "profile 0 1.0", Width: 64, Height: 48}}},
		{"opus.flv", 11, []av.Track{{ID: 1, Kind: av.Audio, Codec: av.Opus, SampleRate: 48000, Channels: 2}}},
		{"flac.flv", 10, []av.Track{{ID: 1, Kind: av.Audio, Codec: av.FLAC, Profile: "16 bits", SampleRate: 48000, Channels: 2}}},
		{"ac3.flv", 7, []av.Track{{ID: 1, Kind: av.Audio, Codec: av.AC3, SampleRate: 48000, Channels: 6}}},
		{"eac3.flv", 7, []av.Track{{ID: 1, Kind: av.Audio, Codec: av.EAC3, SampleRate: 48000, Channels: 2}}},
		{"alaw.flv", 2, []av.Track{{ID: 1, Kind: av.Audio, Codec: av.G711A, SampleRate: 8000, Channels: 1}}},
		{"multitrack.flv", 46, []av.Track{
			{Codec: av.H264, Profile: "High 1.0", Width: 64, Height: 48, FrameRate: 25},
			{ID: 1, Kind: av.Audio, Codec: av.AAC, Profile: "LC", SampleRate: 48000, Channels: 1},
			{ID: 2, Codec: av.H264, Profile: "High 1.0", Width: 32, Height: 32, FrameRate: 25},
			{ID: 3, Kind: av.Audio, Codec: av.AAC, Profile: "LC", SampleRate: 44100, Channels: 1},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			first := demux(t, fixture(t, c.name))
			if len(first.frames) != c.frames || len(first.tracks) != len(c.tracks) {
				t.Errorf("%d frames, %d tracks", len(first.frames), len(first.tracks))
			}
			for _, want := range c.tracks {
				got := *first.tracks[want.ID]
				got.Config, got.SideInfo = nil, nil
				if !reflect.DeepEqual(got, want) {
					t.Errorf("got  %+v\nwant %+v", got, want)
				}
			}
			tags, err := readAll(bytes.NewReader(first.file))
			if err != io.EOF {
				t.Fatal(err)
			}
			second := demux(t, tags)
			if !reflect.DeepEqual(second.frames, first.frames) || !reflect.DeepEqual(second.tracks, first.tracks) {
				t.Errorf("a second time: %d frames, tracks %v", len(second.frames), second.tracks)
			}
			if !bytes.Equal(second.file, first.file) {
				t.Error("the files differ")
			}
			if video := first.tracks[0]; video != nil && video.Codec != av.H264 && !bytes.Contains(video.SideInfo, []byte("colorInfo")) {
				t.Errorf("side information %x", video.SideInfo)
			}
		})
	}
}
