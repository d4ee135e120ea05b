package aac

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTrackFromConfig(t *testing.T) {
	for _, c := range []struct {
		name, config, profile string
		rate, channels        int
	}{
		{"LC 44.1 kHz stereo", "1210", "LC", 44100, 2},
		{"LC 48 kHz 5.1", "11b0", "LC", 48000, 6},
		{"LC 48 kHz 7.1", "11b8", "LC", 48000, 8},
		{"ffmpeg: sync extension without SBR", "119056e500", "LC", 48000, 2},
		{"ffmpeg: program config element, quad", "118004c4040021100d4c61766335392e33372e31303056e500", "LC", 48000, 4},
		{"program config element left to the frames", "1180", "LC", 48000, 0},
		{"padding after the configuration", "121000000000", "LC", 44100, 2},
		{"escaped sampling frequency", "178057e410", "LC", 45000, 2},
		{"HE-AAC, hierarchical", "2b118800", "HE-AAC", 48000, 2},
		{"HE-AAC v2, hierarchical", "eb098800", "HE-AAC v2", 48000, 2},
		{"HE-AAC, backward compatible", "131056e598", "HE-AAC", 48000, 2},
		{"HE-AAC v2, backward compatible", "130856e59d4880", "HE-AAC v2", 48000, 2},
		{"sync extension cut off", "131056e5", "LC", 24000, 2},
		{"Main", "0a10", "Main", 44100, 2},
		{"LD", "ba1000", "LD", 44100, 2},
		{"ELD", "f8e85000", "ELD", 44100, 2},
		{"reserved channel configuration", "1248", "LC", 44100, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := unhex(t, c.config)
			got, err := TrackFromConfig(1, config)
			if err != nil {
				t.Fatal(err)
			}
			want := &av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: config, Profile: c.profile, SampleRate: c.rate, Channels: c.channels}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestFrameLength(t *testing.T) {
	for config, want := range map[string]int{"1210": 1024, "1214": 960, "ba1000": 512, "ba1400": 480} {
		c, err := ParseConfig(unhex(t, config))
		if err != nil || c.FrameLength != want {
			t.Errorf("%s: frame length %d, %v; want %d", config, c.FrameLength, err, want)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"empty", "", "audioObjectType at bit 0"},
		{"one byte", "12", "samplingFrequency at bit 5"},
		{"cut in the escaped frequency", "1780", "samplingFrequency at bit 9"},
		{"cut in the SBR frequency", "2b11", "extensionSamplingFrequency at bit 13"},
		{"cut after SBR", "2b1188", "extensionFlag at bit 24"},
		{"cut in the core coder delay", "1212", "coreCoderDelay at bit 15"},
		{"reserved frequency index", "1690", "reserved index 13"},
		{"0 Hz", "1780000010", "0 Hz"},
		{"null object", "0210", "object type 0 is not AAC"},
		{"ALS", "f8880000", "object type 36 is not AAC"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := TrackFromConfig(1, unhex(t, c.config))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err != nil {
			if c != (Config{}) {
				t.Fatalf("%+v beside error %v", c, err)
			}
			return
		}
		if c.SampleRate <= 0 || c.OutputRate <= 0 || c.FrameLength <= 0 || c.Channels < 0 || c.Channels > 128 || c.Profile() == "" {
			t.Fatalf("impossible configuration %+v", c)
		}
		padded, err := ParseConfig(append(b[:len(b):len(b)], make([]byte, 4)...))
		if err != nil {
			t.Fatalf("padding makes a difference: %v", err)
		}
		if padded.ObjectType != c.ObjectType || padded.SampleRate != c.SampleRate {
			t.Fatalf("padding makes a difference: %+v, %+v", c, padded)
		}
	})
}
