package ac3

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseHeader(t *testing.T) {
	for _, c := range []struct {
		name  string
		codec av.Codec
		frame string
		want  Header
	}{
		{"AC-3 5.1 from ffmpeg", av.AC3, "0b779d830c40ebf8", Header{48000, 6}},
		{"AC-3 44.1 kHz stereo", av.AC3, "0b770000544040", Header{44100, 2}},
		{"AC-3 32 kHz mono with low frequencies", av.AC3, "0b7700008c4030", Header{32000, 2}},
		{"E-AC-3 stereo from ffmpeg", av.EAC3, "0b77003f3487c000", Header{48000, 2}},
		{"E-AC-3 24 kHz 5.1", av.EAC3, "0b77003fcf870000", Header{24000, 6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseHeader(c.codec, unhex(t, c.frame))
			if err != nil || got != c.want {
				t.Fatalf("got %+v, %v; want %+v", got, err, c.want)
			}
			want := &av.Track{ID: 1, Kind: av.Audio, Codec: c.codec, SampleRate: c.want.SampleRate, Channels: c.want.Channels}
			if track := got.Track(1, c.codec); !reflect.DeepEqual(track, want) {
				t.Errorf("track %+v", track)
			}
		})
	}
}

func TestHeaderErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		codec av.Codec
		frame string
	}{
		{"AC-3 empty", av.AC3, ""},
		{"AC-3 cut after the sync information", av.AC3, "0b779d830c40"},
		{"AC-3 without sync word", av.AC3, "0b789d830c40eb"},
		{"AC-3 reserved frequency", av.AC3, "0b779d83cc40eb"},
		{"AC-3 reserved size", av.AC3, "0b779d832640eb"},
		{"E-AC-3 called AC-3", av.AC3, "0b77003f3487c000"},
		{"E-AC-3 cut off", av.EAC3, "0b77003f3487c0"},
		{"E-AC-3 reserved frequency", av.EAC3, "0b77003ff487c000"},
		{"AC-3 called E-AC-3", av.EAC3, "0b779d830c40ebf8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := ParseHeader(c.codec, unhex(t, c.frame)); err == nil || got != (Header{}) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Fuzz(func(t *testing.T, enhanced bool, frame []byte) {
		codec := av.AC3
		if enhanced {
			codec = av.EAC3
		}
		h, err := ParseHeader(codec, frame)
		if err == nil && (h.SampleRate < 16000 || h.SampleRate > 48000 || h.Channels < 1 || h.Channels > 6) {
			t.Fatalf("impossible header %+v", h)
		}
	})
}
