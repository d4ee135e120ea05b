package flac

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
)

const (
	// info is 48 kHz, stereo, 16 bits, from ffmpeg.
	info   = "0400 0400 000000 001098 0bb802f000000000 00000000000000000000000000000000"
	config = "664c6143 80 000022" + info
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNormalise(t *testing.T) {
	for name, in := range map[string]string{
		"as wanted":             config,
		"not the last block":    "664c6143 00 000022" + info + "84 000004 00000000",
		"without magic":         "00 000022" + info,
		"without block header":  info,
		"longer without header": info + "0000",
	} {
		got, err := Normalise(unhex(t, in))
		if err != nil || !bytes.Equal(got, unhex(t, config)) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
}

func TestTrackFromConfig(t *testing.T) {
	for _, c := range []struct {
		name, format   string
		profile        string
		rate, channels int
	}{
		{"48 kHz stereo", "0bb802f0", "16 bits", 48000, 2},
		{"44.1 kHz mono", "0ac440f0", "16 bits", 44100, 1},
		{"96 kHz 7.1, 24 bits", "17700f70", "24 bits", 96000, 8},
		{"655,350 Hz, 32 bits", "9fff61f0", "32 bits", 655350, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := unhex(t, strings.Replace(config, "0bb802f0", c.format, 1))
			got, err := TrackFromConfig(1, b)
			want := &av.Track{ID: 1, Kind: av.Audio, Codec: av.FLAC, Config: b, Profile: c.profile, SampleRate: c.rate, Channels: c.channels}
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"empty", "", "STREAMINFO at offset 0 has 0 bytes, need 34"},
		{"magic only", "664c6143", "truncated in the block header at offset 4"},
		{"another block first", "664c6143 04 000022" + info, "block type 4 at offset 4"},
		{"STREAMINFO cut off", config[:len(config)-2], "STREAMINFO at offset 8 has 33 bytes"},
		{"0 Hz", strings.Replace(config, "0bb802f0", "000002f0", 1), "0 Hz"},
		{"2 bits", strings.Replace(config, "0bb802f0", "0bb80210", 1), "2 bits per sample"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Normalise(unhex(t, c.config))
			if err == nil {
				_, err = TrackFromConfig(1, b)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	if _, err := ParseConfig(unhex(t, info)); err == nil {
		t.Error("a configuration that is not in the normal form is accepted")
	}
}

func FuzzNormalise(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Normalise(b)
		if err != nil {
			return
		}
		if len(c) != configSize {
			t.Fatalf("%d bytes", len(c))
		}
		if again, err := Normalise(c); err != nil || !bytes.Equal(again, c) {
			t.Fatalf("%x becomes %x, %v", c, again, err)
		}
		if s, err := ParseConfig(c); err == nil && (s.SampleRate < 1 || s.Channels < 1 || s.Channels > 8 || s.BitDepth < 4 || s.BitDepth > 32) {
			t.Fatalf("impossible %+v", s)
		}
	})
}
