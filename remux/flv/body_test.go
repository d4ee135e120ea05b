package flv

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// tracksOf returns the tracks that d knows, by id.
func tracksOf(d *Demuxer) map[int]*av.Track {
	out := make(map[int]*av.Track)
	for _, s := range d.sources {
		out[s.id] = s.track
	}
	return out
}

// layoutOf returns the tracks of ids, in this order.
func layoutOf(t testing.TB, ids ...int) *av.Layout {
	t.Helper()
	tracks, l := tracksOf(wellConfigured(t)), &av.Layout{Ready: true}
	for _, id := range ids {
		l.Tracks = append(l.Tracks, tracks[id])
	}
	return l
}

// Golden bytes of every frame header, in the form for the first track of its
// kind and in the form for others.
func TestAppendBodyHeader(t *testing.T) {
	const ms = 1_000_000
	video, audio := layoutOf(t, 0, 2, 4, 6, 8), layoutOf(t, 1, 3, 5, 7, 9, 11)
	alaw := &av.Track{ID: 13, Kind: av.Audio, Codec: av.G711A, SampleRate: 8000, Channels: 1}
	mulaw := &av.Track{ID: 15, Kind: av.Audio, Codec: av.G711U, SampleRate: 8000, Channels: 2}
	audio.Tracks = append(audio.Tracks, alaw, mulaw)
	for _, c := range []struct {
		name          string
		layout        *av.Layout
		track         int // in the layout
		frame         av.Frame
		single, multi string // multi is empty if the frame is left out
	}{
		{"H.265 key frame", video, 0, av.Frame{DTS: ms, PTS: 81 * ms, Key: true}, "91" + hvc1 + "000050", "91" + hvc1 + "000050"},
		{"H.265 inter frame", video, 0, av.Frame{DTS: ms, PTS: ms}, "a3" + hvc1, "a3" + hvc1},
		{"H.264 key frame", video, 1, av.Frame{DTS: ms, PTS: 81 * ms, Key: true}, "1701 000050", "96 01" + avc1 + "01 000050"},
		{"H.264, negative composition time", video, 1, av.Frame{DTS: 41 * ms, PTS: ms}, "2701 ffffd8", "a6 01" + avc1 + "01 ffffd8"},
		{"H.264 without composition time", video, 1, av.Frame{DTS: ms, PTS: ms}, "2701 000000", "a6 03" + avc1 + "01"},
		{"AV1", video, 2, av.Frame{Key: true}, "91" + av01, "96 01" + av01 + "02"},
		{"AV1, whatever PTS", video, 2, av.Frame{PTS: ms}, "a1" + av01, "a6 01" + av01 + "02"},
		{"VP9", video, 3, av.Frame{}, "a1" + vp09, "a6 01" + vp09 + "03"},
		{"VP8", video, 4, av.Frame{Key: true}, "91" + vp08, "96 01" + vp08 + "04"},
		{"Opus", audio, 0, av.Frame{}, "91" + opus4, "91" + opus4},
		{"AAC", audio, 1, av.Frame{}, "af01", "95 01" + mp4a + "01"},
		{"FLAC", audio, 2, av.Frame{}, "91" + flac4, "95 01" + flac4 + "02"},
		{"MP3", audio, 3, av.Frame{}, "2a", "95 01" + dotMP3 + "03"},
		{"AC-3", audio, 4, av.Frame{}, "91" + ac3FourCC, "95 01" + ac3FourCC + "04"},
		{"E-AC-3", audio, 5, av.Frame{}, "91" + ec3FourCC, "95 01" + ec3FourCC + "05"},
		{"G.711 A-law", audio, 6, av.Frame{}, "72", ""},
		{"G.711 mu-law stereo", audio, 7, av.Frame{}, "83", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := c.frame
			f.Track = c.layout.Tracks[c.track]
			check := func(l *av.Layout, multitrack bool, want string) {
				t.Helper()
				f.Layout = l
				got, at, ok := AppendBodyHeader([]byte("x"), &f, f.Layout, Options{Multitrack: multitrack})
				if !bytes.Equal(got[1:], unhex(t, want)) || ok != (want != "") || (ok && at != Milliseconds(f.DTS)) || len(got) > 1+MaxHeaderSize {
					t.Errorf("multitrack %v: got %x, %v, want %s", multitrack, got[1:], ok, want)
				}
			}
			check(nil, true, c.single)
			check(&av.Layout{Tracks: []*av.Track{f.Track}}, true, c.single)
			check(c.layout, true, c.multi)
			if c.track == 0 {
				check(c.layout, false, c.single)
			} else {
				check(c.layout, false, "")
			}
		})
	}
}

func TestLongestHeader(t *testing.T) {
	l := layoutOf(t, 0, 2)
	f := &av.Frame{Track: l.Tracks[1], Layout: l, DTS: 1, PTS: 1e9}
	if got, _, _ := AppendBodyHeader(nil, f, f.Layout, everything); len(got) != MaxHeaderSize {
		t.Errorf("%x has %d bytes", got, len(got))
	}
}

func TestAppendNanoseconds(t *testing.T) {
	const ms = 1_000_000
	video, audio := layoutOf(t, 0, 2), layoutOf(t, 1, 3)
	for _, c := range []struct {
		name   string
		layout *av.Layout
		track  int
		frame  av.Frame
		want   string
		at     uint32
	}{
		{"none", video, 0, av.Frame{DTS: 7 * ms, PTS: 7 * ms}, "a3" + hvc1, 7},
		{"some", video, 0, av.Frame{DTS: 7*ms + 999_999, PTS: 7*ms + 999_999}, "a7 02 0f423f 03" + hvc1, 7},
		{"with composition time", video, 0, av.Frame{DTS: 7*ms + 1, PTS: 9*ms + 1, Key: true}, "97 02 000001 01" + hvc1 + "000002", 7},
		{"before 0", video, 0, av.Frame{DTS: -1, PTS: -1}, "a7 02 0f423f 03" + hvc1, 0xFFFFFFFF},
		{"of another track", video, 1, av.Frame{DTS: 7*ms + 1, PTS: 7*ms + 1}, "a7 02 000001 06 03" + avc1 + "01", 7},
		{"Opus", audio, 0, av.Frame{DTS: 7*ms + 500_000}, "97 02 07a120 01" + opus4, 7},
		{"sound of another track", audio, 1, av.Frame{DTS: 7*ms + 500_000}, "97 02 07a120 05 01" + mp4a + "01", 7},
		{"old form", &av.Layout{}, 0, av.Frame{DTS: 7*ms + 500_000, Track: audio.Tracks[1]}, "af01", 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := c.frame
			f.Layout = c.layout
			if f.Track == nil {
				f.Track = c.layout.Tracks[c.track]
			}
			got, at, ok := AppendBodyHeader(nil, &f, f.Layout, everything)
			if !ok || at != c.at || !bytes.Equal(got, unhex(t, c.want)) {
				t.Errorf("got %x at %d, want %s at %d", got, at, c.want, c.at)
			}
		})
	}
}

func TestFirstTrackIsTheFirstThatCanBeCarried(t *testing.T) {
	h265, h264, unknown := layoutOf(t, 0).Tracks[0], layoutOf(t, 2).Tracks[0], &av.Track{ID: 0, Kind: av.Video}
	far := *h264
	far.ID = 2 * 256
	for _, c := range []struct {
		name   string
		layout []*av.Track
		track  *av.Track
		want   string
	}{
		{"track 0 is missing", []*av.Track{h264}, h264, "2701000000"},
		{"track 0 cannot be carried", []*av.Track{unknown, h264}, h264, "2701000000"},
		{"cannot be carried", []*av.Track{unknown, h264}, unknown, ""},
		{"a track id beyond 8 bits", []*av.Track{h265, &far}, &far, ""},
	} {
		got, _, ok := AppendBodyHeader(nil, &av.Frame{Track: c.track}, &av.Layout{Tracks: c.layout}, everything)
		if !bytes.Equal(got, unhex(t, c.want)) || ok != (c.want != "") {
			t.Errorf("%s: %x, %v", c.name, got, ok)
		}
	}
}

// Golden bytes of all that precedes frames, without and with multitrack.
func TestPreludeBodies(t *testing.T) {
	l := layoutOf(t, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11)
	hdr, surround := amf0.Append(nil, "colorInfo", amf0.Object{}), unhex(t, "01 06 0000060f")
	for i, side := range map[int][]byte{0: hdr, 3: surround, 9: surround} {
		track := *l.Tracks[i]
		track.SideInfo = side
		l.Tracks[i] = &track
	}
	side := "0200 09 636f6c6f72496e666f 03 000009"
	single := []string{
		"v 90" + hvc1 + hevcRecord, "v d4" + hvc1 + side,
		"a 90" + opus4 + opusHeader,
	}
	multi := []string{
		"v 90" + hvc1 + hevcRecord, "v d4" + hvc1 + side,
		"v 96 00" + avc1 + "01" + avcRecord,
		"v 96 00" + av01 + "02" + av1Record,
		"v 96 00" + vp09 + "03 01000000" + vp9Record,
		"a 90" + opus4 + opusHeader,
		"a 95 00" + mp4a + "01" + asc, "a 95 04" + mp4a + "01 01060000060f",
		"a 95 00" + flac4 + "02" + flacConfig,
		"a 95 04" + ac3FourCC + "04 01060000060f",
	}
	for name, c := range map[string]struct {
		options Options
		want    []string
	}{"single": {Options{}, single}, "multitrack": {everything, multi}} {
		bodies, err := PreludeBodies(l, 0, c.options)
		if err != nil {
			t.Fatal(err)
		}
		want := []Body{{av.Data, AppendMetadataBody(nil, l, 0, c.options)}}
		for _, w := range c.want {
			kind := av.Video
			if w[0] == 'a' {
				kind = av.Audio
			}
			want = append(want, Body{kind, unhex(t, w[1:])})
		}
		if !reflect.DeepEqual(bodies, want) {
			t.Errorf("%s:\ngot  %x\nwant %x", name, bodies, want)
		}
	}
	if _, err := PreludeBodies(&av.Layout{Tracks: []*av.Track{{}}}, 0, everything); reason.Of(err, "") != reason.Unsupported {
		t.Errorf("nothing to carry: %v", err)
	}
}

// A track whose codec has an old number is sent by it, and so is not described
// beyond what old players know.
func TestOldFormHasNoSideInfo(t *testing.T) {
	track := *audioTrack(t)
	track.SideInfo = unhex(t, "01 02 00000003")
	bodies, err := PreludeBodies(&av.Layout{Tracks: []*av.Track{&track}}, 0, everything)
	if err != nil || len(bodies) != 2 || !bytes.Equal(bodies[1].Bytes, unhex(t, "af00"+asc)) {
		t.Errorf("%x, %v", bodies, err)
	}
}

func TestMetadataOfEnhancedCodecs(t *testing.T) {
	for id, want := range map[int]float64{
		0: 1752589105, 2: 7, 4: 1635135537, 6: 1987063865, 8: 1987063864, // hvc1, av01, vp09, vp08
		1: 1332770163, 3: 10, 5: 1716281667, 7: 2, 9: 1633889587, 11: 1700998451, // Opus, fLaC, ac-3, ec-3
	} {
		l := layoutOf(t, id)
		fields := metadataFields(t, l, Options{})
		name := "videocodecid"
		if id%2 == 1 {
			name = "audiocodecid"
		}
		if got := fields.Number(name); got != want {
			t.Errorf("%s of %s: %v, want %v", name, l.Tracks[0].Codec, got, want)
		}
		if !hints(fields)[l.Tracks[0].Kind] {
			t.Errorf("%v does not announce %s", fields, l.Tracks[0].Codec)
		}
	}
	for codec, want := range map[av.Codec]float64{av.G711A: 7, av.G711U: 8} {
		l := &av.Layout{Tracks: []*av.Track{{ID: 1, Kind: av.Audio, Codec: codec, SampleRate: 8000, Channels: 1}}}
		if got := metadataFields(t, l, Options{}).Number("audiocodecid"); got != want {
			t.Errorf("%s: %v", codec, got)
		}
	}
}

func metadataFields(t testing.TB, l *av.Layout, o Options) amf0.Object {
	t.Helper()
	values, err := amf0.Decode(AppendMetadataBody(nil, l, 0, o))
	if err != nil || len(values) != 2 {
		t.Fatalf("%v, %v", values, err)
	}
	return amf0.Object(values[1].(amf0.ECMAArray))
}

func TestMetadataOfTracks(t *testing.T) {
	l := layoutOf(t, 0, 1, 2, 3, 4)
	fields := metadataFields(t, l, everything)
	video, _ := fields.Get("videoTrackIdInfoMap")
	audio, _ := fields.Get("audioTrackIdInfoMap")
	wantVideo := amf0.Object{
		{Name: "1", Value: amf0.Object{{Name: "videocodecid", Value: 1635148593.0}, {Name: "width", Value: 64.0}, {Name: "height", Value: 48.0}, {Name: "framerate", Value: 25.0}}},
		{Name: "2", Value: amf0.Object{{Name: "videocodecid", Value: 1635135537.0}, {Name: "width", Value: 64.0}, {Name: "height", Value: 48.0}}},
	}
	wantAudio := amf0.Object{
		{Name: "1", Value: amf0.Object{{Name: "audiocodecid", Value: 1836069985.0}, {Name: "channels", Value: 2.0}, {Name: "samplerate", Value: 44100.0}}},
	}
	if !reflect.DeepEqual(video, wantVideo) || !reflect.DeepEqual(audio, wantAudio) {
		t.Errorf("video %v\naudio %v", video, audio)
	}
	for _, f := range append(metadataFields(t, l, Options{}), metadataFields(t, layoutOf(t, 0, 1), everything)...) {
		if strings.HasSuffix(f.Name, "InfoMap") {
			t.Errorf("%s is there", f.Name)
		}
	}
}

func TestFourCC(t *testing.T) {
	if got := FourCCOf(av.Opus); got != 0x4F707573 || got.String() != "Opus" {
		t.Errorf("Opus is %#x, %q", uint32(got), got)
	}
	if FourCCOf(av.G711A) != 0 || FourCC(0).Codec(av.Video) != av.Unknown {
		t.Error("there is a FourCC for what has none")
	}
	for kind, want := range map[av.Kind]int{av.Video: 5, av.Audio: 6, av.Data: 0} {
		list := FourCCs(kind)
		if len(list) != want {
			t.Errorf("%s: %v", kind, list)
		}
		for _, f := range list {
			if c := f.Codec(kind); c == av.Unknown || FourCCOf(c) != f || !Carries(c) {
				t.Errorf("%s is %s", f, c)
			}
		}
	}
}

func TestEnhancedFramesDoNotAllocate(t *testing.T) {
	m, dst, l := &Muxer{everything}, make([]byte, 0, 4096), layoutOf(t, 0, 1, 2, 3)
	for _, track := range l.Tracks {
		f := &av.Frame{Track: track, Layout: l, DTS: 33_366_667, PTS: 40e6, Payload: make([]byte, 2000)}
		allocs := testing.AllocsPerRun(100, func() {
			if out, err := m.AppendFrame(dst, f, f.Layout, false); err != nil || len(out) < len(f.Payload) {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", track.Codec, allocs)
		}
	}
}

func TestLeftOut(t *testing.T) {
	l := &av.Layout{Tracks: []*av.Track{
		{ID: 0, Kind: av.Video, Codec: av.H264}, {ID: 1, Kind: av.Audio, Codec: av.Unknown},
		{ID: 3, Kind: av.Audio, Codec: av.AAC}, {ID: 5, Kind: av.Audio, Codec: av.Opus},
	}}
	for multitrack, want := range map[bool][]string{false: {"FLV cannot carry", "only the first track"}, true: {"FLV cannot carry"}} {
		got := Options{Multitrack: multitrack}.LeftOut(l)
		if len(got) != len(want) {
			t.Fatalf("multitrack %v: got %+v", multitrack, got)
		}
		for i, o := range got {
			if o.Kind != av.Audio || !strings.HasPrefix(o.Why, want[i]) {
				t.Errorf("multitrack %v: got %+v", multitrack, o)
			}
		}
	}
}
