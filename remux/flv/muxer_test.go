package flv

import (
	"bytes"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/aac"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/reason"
)

func videoTrack(t testing.TB) *av.Track {
	t.Helper()
	track, err := h264.TrackFromConfig(VideoTrackID, unhex(t, avcRecord))
	if err != nil {
		t.Fatal(err)
	}
	return track
}

func audioTrack(t testing.TB) *av.Track {
	t.Helper()
	track, err := aac.TrackFromConfig(AudioTrackID, unhex(t, asc))
	if err != nil {
		t.Fatal(err)
	}
	return track
}

func mp3Track(rate, channels int) *av.Track {
	return &av.Track{ID: 1, Kind: av.Audio, Codec: av.MP3, SampleRate: rate, Channels: channels}
}

func TestAppendFileHeader(t *testing.T) {
	for _, c := range []struct {
		audio, video bool
		flags        string
	}{{false, false, "00"}, {true, false, "04"}, {false, true, "01"}, {true, true, "05"}} {
		want := unhex(t, "464c5601"+c.flags+"00000009 00000000")
		if got := AppendFileHeader(nil, c.audio, c.video); !bytes.Equal(got, want) {
			t.Errorf("audio %v, video %v: %x", c.audio, c.video, got)
		}
	}
}

func TestAppendFrame(t *testing.T) {
	video, audio := videoTrack(t), audioTrack(t)
	const ms = 1_000_000
	for _, c := range []struct {
		name  string
		frame av.Frame
		want  string
	}{
		{"key frame", av.Frame{Track: video, DTS: 40 * ms, PTS: 120 * ms, Key: true, Payload: []byte{0, 0, 0, 1, 0x65}},
			"09 00000a 000028 00 000000 1701000050 0000000165 00000015"},
		{"negative composition time", av.Frame{Track: video, DTS: 100 * ms, PTS: 60 * ms, Payload: []byte{0, 0, 0, 1, 0x41}},
			"09 00000a 000064 00 000000 2701ffffd8 0000000141 00000015"},
		{"composition time beyond 24 bits", av.Frame{Track: video, PTS: math.MaxInt32 * ms},
			"09 000005 000000 00 000000 27017fffff 00000010"},
		{"time of 32 bits", av.Frame{Track: audio, DTS: 0xFEDCBA98 * ms, Payload: []byte{0x21, 0x18}},
			"08 000004 dcba98 fe 000000 af012118 0000000f"},
		{"time beyond 32 bits", av.Frame{Track: audio, DTS: (1<<32 + 5) * ms, Payload: []byte{0x21}},
			"08 000003 000005 00 000000 af0121 0000000e"},
		{"MP3 44.1 kHz stereo", av.Frame{Track: mp3Track(44100, 2), Payload: []byte{0xFF}}, "08 000002 000000 00 000000 2fff 0000000d"},
		{"MP3 48 kHz stereo", av.Frame{Track: mp3Track(48000, 2), Payload: []byte{0xFF}}, "08 000002 000000 00 000000 2fff 0000000d"},
		{"MP3 22.05 kHz mono", av.Frame{Track: mp3Track(22050, 1), Payload: []byte{0xFF}}, "08 000002 000000 00 000000 2aff 0000000d"},
		{"MP3 11.025 kHz mono", av.Frame{Track: mp3Track(11025, 1), Payload: []byte{0xFF}}, "08 000002 000000 00 000000 26ff 0000000d"},
		{"MP3 8 kHz mono", av.Frame{Track: mp3Track(8000, 1), Payload: []byte{0xFF}}, "08 000002 000000 00 000000 e2ff 0000000d"},
		{"script", av.Frame{Track: av.ScriptTrack, DTS: ms, Payload: []byte{2, 0, 1, 'a'}}, "12 000004 000001 00 000000 02000161 0000000f"},
		{"unknown codec", av.Frame{Track: &av.Track{}, Payload: []byte{1}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := new(Muxer).AppendFrame([]byte("x"), &c.frame, c.frame.Layout, false)
			if want := append([]byte("x"), unhex(t, c.want)...); err != nil || !bytes.Equal(got, want) {
				t.Errorf("got %x, %v\nwant %x", got, err, want)
			}
		})
	}
}

func TestAppendFrameTooLarge(t *testing.T) {
	f := &av.Frame{Track: audioTrack(t), Payload: make([]byte, MaxBodySize-1)}
	got, err := new(Muxer).AppendFrame([]byte("x"), f, f.Layout, false)
	if string(got) != "x" || reason.Of(err, "") != reason.Unsupported {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	f.Payload = f.Payload[1:]
	if got, err = new(Muxer).AppendFrame(nil, f, f.Layout, false); err != nil || len(got) != tagHeaderSize+MaxBodySize+previousTagSize {
		t.Errorf("the largest tag: %d bytes, %v", len(got), err)
	}
}

func TestMilliseconds(t *testing.T) {
	for ns, want := range map[int64]uint32{
		0: 0, 499_999: 0, 500_000: 1, 1_499_999: 1, -1: 0, -500_000: 0, -500_001: 0xFFFFFFFF, -1_000_000: 0xFFFFFFFF,
		(1<<32 - 1) * 1e6: 0xFFFFFFFF, 1 << 32 * 1e6: 0,
	} {
		if got := Milliseconds(ns); got != want {
			t.Errorf("%d ns: %d ms, want %d", ns, got, want)
		}
	}
	for _, shift := range []int64{0, 1, 499_999, 500_000, 777_777, 999_999, -1, -500_001} {
		for ms := range int64(100) {
			if got := Milliseconds((ms-50)*1e6+shift) - Milliseconds(shift); got != uint32(ms-50) {
				t.Errorf("%d ms shifted by %d ns: distance %d", ms-50, shift, int32(got))
			}
		}
	}
}

func TestAppendPrelude(t *testing.T) {
	video, audio := videoTrack(t), audioTrack(t)
	l := &av.Layout{Tracks: []*av.Track{video, audio}, Ready: true}
	got, err := new(Muxer).AppendPrelude(nil, l, 1234_400_000)
	if err != nil {
		t.Fatal(err)
	}
	want := AppendTag(nil, ScriptTag, 0, AppendMetadataBody(nil, l, 1234_400_000, Options{}))
	want = AppendTag(want, VideoTag, 1234, unhex(t, "1700000000"+avcRecord))
	want = AppendTag(want, AudioTag, 1234, unhex(t, "af00"+asc))
	if !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func TestAppendPreludeErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		layout av.Layout
		reason reason.Reason
	}{
		{"no tracks yet", av.Layout{}, ""},
		{"MP3 has no header", av.Layout{Tracks: []*av.Track{mp3Track(44100, 2)}}, ""},
		{"nothing that FLV carries", av.Layout{Tracks: []*av.Track{{Kind: av.Video}}}, reason.Unsupported},
		{"something that FLV carries", av.Layout{Tracks: []*av.Track{{Kind: av.Video}, audioTrack(t)}}, ""},
		{"configuration too large", av.Layout{Tracks: []*av.Track{{Kind: av.Video, Codec: av.H264, Config: make([]byte, MaxBodySize)}}}, reason.Unsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := new(Muxer).AppendPrelude([]byte("x"), &c.layout, 0)
			if reason.Of(err, "") != c.reason || (err == nil) != (c.reason == "") {
				t.Fatalf("error %v, want reason %q", err, c.reason)
			}
			if (err != nil) != (string(got) == "x") {
				t.Errorf("appended %d bytes beside error %v", len(got)-1, err)
			}
		})
	}
}

func TestAppendMetadataBody(t *testing.T) {
	video, audio := videoTrack(t), audioTrack(t)
	videoFields := []amf0.Property{
		{Name: "width", Value: 64.0}, {Name: "height", Value: 48.0}, {Name: "framerate", Value: 25.0}, {Name: "videocodecid", Value: 7.0},
	}
	audioFields := []amf0.Property{
		{Name: "audiocodecid", Value: 10.0}, {Name: "audiosamplerate", Value: 44100.0}, {Name: "audiosamplesize", Value: 16.0},
		{Name: "audiochannels", Value: 2.0}, {Name: "stereo", Value: true},
	}
	rest := func(names ...string) (out []amf0.Property) {
		for _, name := range names {
			v, _ := obsMetadata.Get(name)
			out = append(out, amf0.Property{Name: name, Value: v})
		}
		return out
	}
	concat := func(lists ...[]amf0.Property) amf0.ECMAArray {
		out := amf0.ECMAArray{}
		for _, l := range lists {
			out = append(out, l...)
		}
		return out
	}
	metadata := metadataOf(obsMetadata)
	silent := *videoTrack(t)
	silent.FrameRate = 0
	for _, c := range []struct {
		name   string
		layout av.Layout
		want   amf0.ECMAArray
	}{
		{"both tracks", av.Layout{Tracks: []*av.Track{video, audio}, Ready: true, Metadata: metadata},
			concat(videoFields, audioFields, rest("videodatarate", "audiodatarate", "2.1", "5.1", "encoder"))},
		{"video only", av.Layout{Tracks: []*av.Track{video}, Ready: true, Hinted: [av.Kinds]bool{av.Audio: true}, Metadata: metadata},
			concat(videoFields, rest("videodatarate", "2.1", "5.1", "encoder"))},
		{"audio only", av.Layout{Tracks: []*av.Track{audio}, Ready: true, Metadata: metadata},
			concat(audioFields, rest("audiodatarate", "2.1", "5.1", "encoder"))},
		{"audio still expected", av.Layout{Tracks: []*av.Track{video}, Hinted: [av.Kinds]bool{av.Audio: true}, Metadata: metadata},
			concat(videoFields, rest("videodatarate", "audiocodecid", "audiodatarate", "audiosamplerate", "audiosamplesize", "audiochannels", "stereo", "2.1", "5.1", "encoder"))},
		{"frame rate from the publisher", av.Layout{Tracks: []*av.Track{&silent}, Ready: true, Metadata: metadata},
			concat(videoFields[:2], videoFields[3:], rest("videodatarate", "framerate", "2.1", "5.1", "encoder"))},
		{"audio that FLV cannot carry", av.Layout{Tracks: []*av.Track{video, {ID: 1, Kind: av.Audio}}, Metadata: metadata, Hinted: [av.Kinds]bool{av.Audio: true}},
			concat(videoFields, rest("videodatarate", "2.1", "5.1", "encoder"))},
		{"MP3", av.Layout{Tracks: []*av.Track{mp3Track(8000, 1)}, Ready: true}, concat([]amf0.Property{
			{Name: "audiocodecid", Value: 14.0}, {Name: "audiosamplerate", Value: 8000.0}, {Name: "audiosamplesize", Value: 16.0},
			{Name: "audiochannels", Value: 1.0}, {Name: "stereo", Value: false}})},
		{"nothing", av.Layout{Ready: true}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := amf0.Decode(AppendMetadataBody(nil, &c.layout, 1500_000_000, Options{}))
			if err != nil || len(got) != 2 || got[0] != "onMetaData" {
				t.Fatalf("values %v, %v", got, err)
			}
			want := append(slices.Clip(c.want), amf0.Property{Name: "streamTime", Value: 1500.0})
			if fields := got[1].(amf0.ECMAArray); !reflect.DeepEqual(fields, want) {
				t.Errorf("got  %v\nwant %v", fields, want)
			}
		})
	}
}

func TestAppendFrameDoesNotAllocate(t *testing.T) {
	m, dst := new(Muxer), make([]byte, 0, 4096)
	for _, f := range []*av.Frame{
		{Track: videoTrack(t), PTS: 40e6, Payload: make([]byte, 2000)},
		{Track: audioTrack(t), Payload: make([]byte, 200)},
	} {
		allocs := testing.AllocsPerRun(100, func() {
			if out, err := m.AppendFrame(dst, f, f.Layout, false); err != nil || len(out) < len(f.Payload) {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", f.Track.Codec, allocs)
		}
	}
}

func BenchmarkAppendFrame(b *testing.B) {
	f := &av.Frame{Track: videoTrack(b), PTS: 40e6, Payload: make([]byte, 2500)}
	m, dst := new(Muxer), make([]byte, 0, 4096)
	b.SetBytes(int64(len(f.Payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.AppendFrame(dst, f, f.Layout, false); err != nil {
			b.Fatal(err)
		}
	}
}

// In the middle of a stream only what is new goes out.
func TestAppendChange(t *testing.T) {
	video, audio := videoTrack(t), audioTrack(t)
	from := &av.Layout{Tracks: []*av.Track{video}, Ready: true}
	to := &av.Layout{Tracks: []*av.Track{video, audio}, Ready: true}
	m := new(Muxer)
	const dts = 1234_000_000
	got, err := m.AppendChange([]byte("x"), from, to, dts)
	want := AppendTag([]byte("x"), ScriptTag, 0, AppendMetadataBody(nil, to, dts, Options{}))
	want = AppendTag(want, AudioTag, 1234, unhex(t, "af00"+asc))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("a track more: %v\ngot  %x\nwant %x", err, got, want)
	}
	if got, err := m.AppendChange([]byte("x"), to, to, dts); err != nil || string(got) != "x" {
		t.Errorf("nothing changed: %x, %v", got, err)
	}
	none := &av.Layout{Tracks: []*av.Track{{}}}
	if got, err := m.AppendChange([]byte("x"), to, none, dts); reason.Of(err, "") != reason.Unsupported || string(got) != "x" {
		t.Errorf("to what FLV cannot carry: %x, %v", got, err)
	}
	whole, _ := m.AppendPrelude(nil, to, dts)
	if got, err := m.AppendChange(nil, none, to, dts); err != nil || !bytes.Equal(got, whole) {
		t.Errorf("from what FLV cannot carry: %x, %v; want the whole prelude", got, err)
	}
}
