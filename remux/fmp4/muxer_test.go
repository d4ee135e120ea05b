package fmp4

import (
	"bytes"
	"strings"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/mime"
	"github.com/weirmedia/weir/pkg/reason"
)

// unit is the longest that times may differ after rounding, in nanoseconds.
func unit(track *av.Track) int64 { return int64(1e9)/int64(Timescale(track)) + 1 }

// What this package writes it reads again: tracks, payloads and times.
func TestRoundTrip(t *testing.T) {
	for name, codecs := range fixtures {
		for _, perGOP := range []bool{false, true} {
			c := fixture(t, name)
			prelude, media := mux(t, &Muxer{Options: Options{PerGOP: perGOP}}, c)
			got := demux(t, append(prelude, media...))
			if len(got.layout.Tracks) != len(c.layout.Tracks) {
				t.Fatalf("%s: %d tracks", name, len(got.layout.Tracks))
			}
			var names []string
			for i, want := range c.layout.Tracks {
				codec, _ := mime.Codec(want)
				names = append(names, codec)
				checkTrack(t, name, got.layout.Tracks[i], want)
				checkFrames(t, name, got.of(want.ID), c.of(want.ID), perGOP)
			}
			if got := strings.Join(names, " "); got != codecs {
				t.Errorf("%s: codecs %s, want %s", name, got, codecs)
			}
		}
	}
}

func checkTrack(t *testing.T, name string, got, want *av.Track) {
	t.Helper()
	wanted := want.Config
	if want.Codec == av.H265 {
		wanted = completeArrays(wanted)
	}
	if got.ID != want.ID || got.Codec != want.Codec || !bytes.Equal(got.Config, wanted) || got.Profile != want.Profile ||
		got.Width != want.Width || got.Height != want.Height || got.SampleRate != want.SampleRate || got.Channels != want.Channels {
		t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, want)
	}
}

// checkFrames compares frames; with PerGOP the last GOP is missing.
func checkFrames(t *testing.T, name string, got, want []*av.Frame, perGOP bool) {
	t.Helper()
	if (!perGOP && len(got) != len(want)) || len(got) > len(want) {
		t.Errorf("%s: %d frames of %d", name, len(got), len(want))
		return
	}
	for i, g := range got {
		w := want[i]
		dts, pts := g.DTS-int64(Shift)-w.DTS, g.PTS-int64(Shift)-w.PTS
		if limit := unit(w.Track); dts > limit || dts < -limit || pts > limit || pts < -limit || g.Key != w.Key || !bytes.Equal(g.Payload, w.Payload) {
			t.Errorf("%s, track %d, frame %d: off by %d and %d ns, key %v, %d bytes", name, w.Track.ID, i, dts, pts, g.Key, len(g.Payload))
		}
	}
}

// fragments returns what another reader finds in media.
func fragments(t *testing.T, media []byte) fmp4.Parts {
	t.Helper()
	var parts fmp4.Parts
	if err := parts.Unmarshal(media); err != nil {
		t.Fatal(err)
	}
	return parts
}

func TestFragmentPerFrame(t *testing.T) {
	c := fixture(t, "bframes")
	_, media := mux(t, new(Muxer), c)
	parts := fragments(t, media)
	if len(parts) != len(c.frames) {
		t.Fatalf("%d fragments of %d frames", len(parts), len(c.frames))
	}
	for i, part := range parts {
		f, run := c.frames[i], part.Tracks[0]
		if part.SequenceNumber != uint32(i+1) || len(part.Tracks) != 1 || len(run.Samples) != 1 || run.BaseTime != units(f.DTS, Timescale(f.Track)) {
			t.Errorf("fragment %d: %+v", i, part)
		}
		want := uint32(3600) // 25 fps
		if f.Track.Kind == av.Audio {
			want = 1024
		}
		if got := run.Samples[0].Duration; got+1 < want || got > want+1 {
			t.Errorf("fragment %d lasts %d, want %d", i, got, want)
		}
	}
}

func TestDurationOfSingleFrames(t *testing.T) {
	const second = int64(1e9)
	flac := func(least, greatest string) *av.Track {
		return &av.Track{Kind: av.Audio, Codec: av.FLAC, SampleRate: 48000, Config: unhex(t, "664c6143 80000022"+least+greatest)}
	}
	audio := func(c av.Codec, rate int, config string) *av.Track {
		return &av.Track{Kind: av.Audio, Codec: c, SampleRate: rate, Config: unhex(t, config)}
	}
	slow := videoTrack(t)
	slow.FrameRate = 0
	for _, c := range []struct {
		name    string
		track   *av.Track
		payload string
		at      []int64 // ms
		want    int64   // ns, of the last
	}{
		{"AAC", audioTrack(t), "00", []int64{0, 23, 5000}, 1024 * second / 44100},
		{"AAC with 960 samples", audio(av.AAC, 44100, "1214"), "00", []int64{0}, 960 * second / 44100},
		{"HE-AAC", audio(av.AAC, 44100, "2b8a0800"), "00", []int64{0}, 2048 * second / 44100},
		{"MP3", audio(av.MP3, 44100, ""), "fffb9064", []int64{0}, 1152 * second / 44100},
		{"MP3 of MPEG-2", audio(av.MP3, 22050, ""), "fff320c4", []int64{0}, 576 * second / 22050},
		{"MP3, broken", audio(av.MP3, 22050, ""), "00", []int64{0, 30, 60}, 30 * ms},
		{"AC-3", audio(av.AC3, 48000, ""), "0b77", []int64{0}, 32 * ms},
		{"E-AC-3", audio(av.EAC3, 48000, ""), "0b77003f34", []int64{0}, 32 * ms},
		{"E-AC-3 of one block", audio(av.EAC3, 48000, ""), "0b77003f04", []int64{0}, 256 * second / 48000},
		{"E-AC-3 at half the rate", audio(av.EAC3, 24000, ""), "0b77003fc4", []int64{0}, 64 * ms},
		{"E-AC-3, cut off", audio(av.EAC3, 48000, ""), "0b77", []int64{0, 32, 64}, 32 * ms},
		{"Opus", audio(av.Opus, 48000, ""), "fc", []int64{0}, 20 * ms},
		{"Opus, three frames", audio(av.Opus, 48000, ""), "ff03", []int64{0}, 60 * ms},
		{"FLAC", flac("1200", "1200"), "00", []int64{0}, 96 * ms},
		{"FLAC of changing blocks", flac("0010", "1200"), "00", []int64{0, 90, 180}, 90 * ms},
		{"first frame", videoTrack(t), "00", []int64{0}, 40 * ms},
		{"first frame of unknown rate", slow, "00", []int64{0}, 40 * ms},
		{"second frame", slow, "00", []int64{0, 20}, 20 * ms},
		{"steady", slow, "00", []int64{0, 500, 1000}, 500 * ms},
		{"after a pause", slow, "00", []int64{0, 50, 100, 9000}, 50 * ms},
		{"after a pause, the next", slow, "00", []int64{0, 50, 100, 9000, 9050}, 50 * ms},
		{"two at one time", slow, "00", []int64{0, 50, 50}, 0},
	} {
		s := new(track)
		s.Set(c.track)
		var f *av.Frame
		for _, at := range c.at {
			f = &av.Frame{Track: c.track, DTS: at * ms, Payload: unhex(t, c.payload)}
			s.Observe(f)
		}
		if got := s.Of(f); got != c.want {
			t.Errorf("%s: %d ns, want %d", c.name, got, c.want)
		}
	}
}

func TestAppendFrameLeavesOut(t *testing.T) {
	video, audio := videoTrack(t), audioTrack(t)
	l := layoutOf(video, &av.Track{ID: 3, Kind: av.Audio, Codec: av.G711A, SampleRate: 8000})
	other := *video
	other.Codec = av.H265
	for name, f := range map[string]*av.Frame{
		"script data":                {Track: av.ScriptTrack, Payload: []byte{1}},
		"a track not in the layout":  {Track: audio, Payload: []byte{1}},
		"a codec that is not in it":  {Track: &other, Payload: []byte{1}},
		"what fMP4 does not express": {Track: l.Tracks[1], Payload: []byte{1}},
	} {
		for _, perGOP := range []bool{false, true} {
			m := &Muxer{Options: Options{PerGOP: perGOP}}
			got, err := m.AppendFrame([]byte("x"), f, l, true)
			if err != nil || string(got) != "x" || len(m.tracks) != 0 {
				t.Errorf("%s: %x, %v", name, got, err)
			}
		}
	}
}

func TestAppendChange(t *testing.T) {
	video, audio := videoTrack(t), audioTrack(t)
	resized := &av.Track{Codec: av.H264, Config: unhex(t, avcRecord2), Width: 322, Height: 182}
	other := *audio
	other.ID = 3
	hevc := fixture(t, "hevc").layout.Tracks[0]
	alaw := &av.Track{ID: 5, Kind: av.Audio, Codec: av.G711A, SampleRate: 8000}
	from := layoutOf(video, audio)
	for _, c := range []struct {
		name     string
		from, to *av.Layout
		init     bool // is there a new one
		want     reason.Reason
	}{
		{"the same", from, layoutOf(video, audio), false, ""},
		{"resolution", from, layoutOf(resized, audio), true, ""},
		{"a track that is not carried", from, layoutOf(video, audio, alaw), false, ""},
		{"the former was broken", layoutOf(&av.Track{Codec: av.H264}), layoutOf(video), true, ""},
		{"a track less", from, layoutOf(video), false, reason.Unsupported},
		{"a track more", from, layoutOf(video, audio, &other), false, reason.Unsupported},
		{"another track", from, layoutOf(video, &other), false, reason.Unsupported},
		{"another codec", from, layoutOf(hevc, audio), false, reason.Unsupported},
		{"broken", from, layoutOf(&av.Track{Codec: av.H264}, audio), false, reason.BadMedia},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := new(Muxer).AppendChange([]byte("x"), c.from, c.to, 0)
			if reason.Of(err, "") != c.want || (err != nil) != (c.want != "") {
				t.Fatalf("error %v, want reason %q", err, c.want)
			}
			want := []byte("x")
			if c.init {
				if want, err = AppendInit(want, c.to); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got  %x\nwant %x", got, want)
			}
		})
	}
	_, err := new(Muxer).AppendChange(nil, from, layoutOf(hevc), 0)
	if err == nil || !strings.Contains(err.Error(), "[H264 AAC] to [H265]") {
		t.Errorf("%v", err)
	}
}

func TestAppendFrameDoesNotAllocate(t *testing.T) {
	for _, perGOP := range []bool{false, true} {
		m, l := &Muxer{Options: Options{PerGOP: perGOP}}, layoutOf(videoTrack(t), audioTrack(t))
		dst := make([]byte, 0, 1<<20)
		frames := make([]*av.Frame, 100)
		for i := range frames {
			frames[i] = &av.Frame{Track: l.Tracks[i%2], PTS: 80 * ms, Payload: make([]byte, 2000)}
		}
		i := 0
		gop := func() {
			for range frames {
				f := frames[i%len(frames)]
				f.DTS += int64(len(frames)) * 20 * ms
				if _, err := m.AppendFrame(dst, f, l, i%50 == 0); err != nil {
					t.Fatal(err)
				}
				i++
			}
		}
		gop()
		if n := testing.AllocsPerRun(20, gop); n != 0 {
			t.Errorf("PerGOP %v: %v allocations", perGOP, n)
		}
	}
}

func BenchmarkAppendFrame(b *testing.B) {
	m, l, dst := new(Muxer), layoutOf(videoTrack(b)), make([]byte, 0, 1<<20)
	f := &av.Frame{Track: l.Tracks[0], Payload: make([]byte, 3000)}
	b.SetBytes(int64(len(f.Payload)))
	b.ReportAllocs()
	for b.Loop() {
		f.DTS += 40 * ms
		f.PTS = f.DTS
		if _, err := m.AppendFrame(dst, f, l, false); err != nil {
			b.Fatal(err)
		}
	}
}
