package mp3

import (
	"reflect"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
)

func TestParseHeader(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame []byte
		want  Header
	}{
		{"MPEG-1 44.1 kHz joint stereo", []byte{0xFF, 0xFB, 0x90, 0x64}, Header{44100, 2, 1152}},
		{"MPEG-1 48 kHz mono with CRC", []byte{0xFF, 0xFA, 0x54, 0xC4}, Header{48000, 1, 1152}},
		{"MPEG-2 22.05 kHz mono", []byte{0xFF, 0xF3, 0x40, 0xC4, 0}, Header{22050, 1, 576}},
		{"MPEG-2.5 8 kHz stereo", []byte{0xFF, 0xE3, 0x48, 0x04}, Header{8000, 2, 576}},
		{"free format", []byte{0xFF, 0xFB, 0x08, 0x04}, Header{32000, 2, 1152}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseHeader(c.frame)
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestParseHeaderErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{"short", []byte{0xFF, 0xFB, 0x90}, "3 bytes"},
		{"ID3 tag", []byte("ID3\x04"), "no syncword"},
		{"reserved version", []byte{0xFF, 0xEB, 0x90, 0}, "reserved version"},
		{"layer II", []byte{0xFF, 0xFD, 0x90, 0}, "layer bits 10"},
		{"ADTS", []byte{0xFF, 0xF1, 0x50, 0x80}, "layer bits 00"},
		{"bitrate index 15", []byte{0xFF, 0xFB, 0xF0, 0}, "bitrate"},
		{"reserved frequency", []byte{0xFF, 0xFB, 0x9C, 0}, "sampling frequency"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseHeader(c.frame)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestTrack(t *testing.T) {
	got := Header{SampleRate: 44100, Channels: 2, Samples: 1152}.Track(1)
	want := &av.Track{ID: 1, Kind: av.Audio, Codec: av.MP3, Profile: "Layer III", SampleRate: 44100, Channels: 2}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err != nil {
			return
		}
		if h.SampleRate < 8000 || h.SampleRate > 48000 || h.Channels < 1 || h.Channels > 2 || (h.Samples != 576 && h.Samples != 1152) {
			t.Fatalf("impossible header %+v", h)
		}
	})
}
