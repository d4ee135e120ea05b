package flv

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/av"
)

// obsMetadata is what OBS Studio 29 sends.
var obsMetadata = amf0.ECMAArray{
	{Name: "duration", Value: 0.0}, {Name: "fileSize", Value: 0.0},
	{Name: "width", Value: 1280.0}, {Name: "height", Value: 720.0},
	{Name: "videocodecid", Value: 7.0}, {Name: "videodatarate", Value: 2500.0}, {Name: "framerate", Value: 30.0},
	{Name: "audiocodecid", Value: 10.0}, {Name: "audiodatarate", Value: 160.0},
	{Name: "audiosamplerate", Value: 48000.0}, {Name: "audiosamplesize", Value: 16.0}, {Name: "audiochannels", Value: 2.0},
	{Name: "stereo", Value: true}, {Name: "2.1", Value: false}, {Name: "5.1", Value: false},
	{Name: "encoder", Value: "obs-output module (libobs version 29.1.3)"},
}

func metadataOf(fields []amf0.Property) av.Metadata {
	var m av.Metadata
	for _, f := range fields {
		m = append(m, av.Field{Name: f.Name, Value: f.Value})
	}
	return m
}

func TestDecodeMetadata(t *testing.T) {
	both := [av.Kinds]bool{av.Video: true, av.Audio: true}
	for _, c := range []struct {
		name   string
		values []any
		want   av.Metadata
		hinted [av.Kinds]bool
	}{
		{"OBS", []any{"@setDataFrame", "onMetaData", obsMetadata}, metadataOf(obsMetadata), both},
		{"without the command", []any{"onMetaData", obsMetadata}, metadataOf(obsMetadata), both},
		{"as an object", []any{"onMetaData", amf0.Object{{Name: "hasVideo", Value: true}}},
			av.Metadata{{Name: "hasVideo", Value: true}}, [av.Kinds]bool{av.Video: true}},
		{"only scalars are kept", []any{"onMetaData", nil, amf0.ECMAArray{
			{Name: "a", Value: nil}, {Name: "keyframes", Value: amf0.Object{{Name: "times", Value: amf0.StrictArray{1.0}}}}, {Name: "title", Value: "x"}}},
			av.Metadata{{Name: "title", Value: "x"}}, [av.Kinds]bool{}},
		{"a huge string is left out", []any{"onMetaData", amf0.ECMAArray{
			{Name: "title", Value: strings.Repeat("x", maxMetadata)}, {Name: "width", Value: 64.0}}},
			av.Metadata{{Name: "width", Value: 64.0}}, [av.Kinds]bool{av.Video: true}},
		{"no fields at all", []any{"onMetaData", amf0.ECMAArray{}}, nil, [av.Kinds]bool{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := decodeOne(t, new(Demuxer), ScriptTag, 0, amf0.Append(nil, c.values...))
			if err != nil {
				t.Fatal(err)
			}
			if want := (Packet{Kind: MetadataPacket, Metadata: c.want, Hinted: c.hinted}); !reflect.DeepEqual(p, want) {
				t.Errorf("got  %+v\nwant %+v", p, want)
			}
		})
	}
}

func TestHints(t *testing.T) {
	for _, c := range []struct {
		name         string
		fields       amf0.Object
		video, audio bool
	}{
		{"nothing", nil, false, false},
		{"codec ids", amf0.Object{{Name: "videocodecid", Value: 7.0}, {Name: "audiocodecid", Value: 2.0}}, true, true},
		{"codec names", amf0.Object{{Name: "videocodecid", Value: "avc1"}, {Name: "audiocodecid", Value: "mp4a"}}, true, true},
		{"FourCCs", amf0.Object{{Name: "videocodecid", Value: 1752589105.0}, {Name: "audiocodecid", Value: 1332770163.0}}, true, true},
		{"FourCCs that are ignored", amf0.Object{{Name: "videocodecid", Value: 1332770163.0}, {Name: "audiocodecid", Value: 1752589105.0}}, false, false},
		{"HEVC by the informal id, G.711", amf0.Object{{Name: "videocodecid", Value: 12.0}, {Name: "audiocodecid", Value: 7.0}}, true, true},
		{"codec id that is no number", amf0.Object{{Name: "videocodecid", Value: math.NaN()}}, false, false},
		{"flags", amf0.Object{{Name: "hasVideo", Value: true}, {Name: "hasAudio", Value: 1.0}}, true, true},
		{"a flag beats the codec", amf0.Object{{Name: "hasAudio", Value: false}, {Name: "audiocodecid", Value: 10.0}}, false, false},
		{"codecs that are ignored", amf0.Object{{Name: "videocodecid", Value: 2.0}, {Name: "width", Value: 320.0}, {Name: "audiocodecid", Value: 11.0}, {Name: "hasAudio", Value: true}}, false, false},
		{"codec id 0 for none", amf0.Object{{Name: "audiocodecid", Value: 0.0}, {Name: "audiosamplerate", Value: 0.0}}, false, false},
		{"codec ids beyond the list", amf0.Object{{Name: "videocodecid", Value: 1e300}, {Name: "audiocodecid", Value: -1.0}}, false, false},
		{"nominal values", amf0.Object{{Name: "width", Value: 640.0}, {Name: "audiosamplerate", Value: 44100.0}}, true, true},
		{"nominal zeros", amf0.Object{{Name: "width", Value: 0.0}, {Name: "audiosamplerate", Value: 0.0}}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, want := hints(c.fields), ([av.Kinds]bool{av.Video: c.video, av.Audio: c.audio}); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestDecodeScript(t *testing.T) {
	cue := amf0.Append(nil, "onCuePoint", amf0.Object{{Name: "name", Value: "one"}})
	wrapped := append(amf0.Append(nil, "@setDataFrame"), cue...)
	for name, body := range map[string][]byte{"plain": cue, "wrapped": wrapped} {
		p, err := decodeOne(t, new(Demuxer), ScriptTag, 500, body)
		want := Packet{Kind: ScriptPacket, Frame: &av.Frame{Track: av.ScriptTrack, DTS: 500e6, PTS: 500e6, Payload: cue}}
		if err != nil || !reflect.DeepEqual(p, want) {
			t.Errorf("%s: got %+v, %v", name, p, err)
		}
	}
}

func TestDecodeScriptIgnores(t *testing.T) {
	for i, body := range [][]byte{
		{0xFF},
		amf0.Append(nil, 1.0),
		amf0.Append(nil, "@setDataFrame"),
		amf0.Append(nil, "@setDataFrame", nil),
		amf0.Append(nil, "@setDataFrame", "@setDataFrame", "onTextData"),
		append(amf0.Append(nil, "@setDataFrame"), 0xFF),
		append(amf0.Append(nil, "onTextData"), 0x02, 0xFF, 0xFF),
		amf0.Append(nil, "@clearDataFrame", "onMetaData"),
		amf0.Append(nil, "onMetaData"),
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			p, err := decodeOne(t, new(Demuxer), ScriptTag, 0, body)
			if err != nil || p.Kind != IgnoredPacket || p.Why == "" {
				t.Errorf("%x: %+v, %v", body, p, err)
			}
		})
	}
}
