package opus

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
)

const head = "4f70757348656164"

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
		name, header string
		want         Header
	}{
		{"from ffmpeg", head + "01 02 3801 80bb0000 0000 00", Header{Channels: 2, PreSkip: 312, InputRate: 48000}},
		{"mono from 44.1 kHz with gain", head + "01 01 000f 44ac0000 00ff 00", Header{Channels: 1, PreSkip: 3840, InputRate: 44100, Gain: -256}},
		{"5.1", head + "01 06 3801 80bb0000 0000 01 04 02 000401020305", Header{Channels: 6, PreSkip: 312, InputRate: 48000, Family: 1}},
		{"silent channel", head + "01 02 0000 00000000 0000 ff 01 00 00ff", Header{Channels: 2, Family: 255}},
		{"later minor version", head + "0f 02 0000 00000000 0000 00", Header{Channels: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := unhex(t, c.header)
			if got, err := ParseHeader(config); err != nil || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
			track, err := TrackFromConfig(3, config)
			want := &av.Track{ID: 3, Kind: av.Audio, Codec: av.Opus, Config: config, SampleRate: 48000, Channels: c.want.Channels}
			if err != nil || !reflect.DeepEqual(track, want) {
				t.Errorf("track %+v, %v", track, err)
			}
		})
	}
}

func TestHeaderErrors(t *testing.T) {
	for _, c := range []struct{ name, header, want string }{
		{"cut off", head + "01 02 3801 80bb0000 0000", "18 bytes, need at least 19"},
		{"comment header", "4f70757354616773 0000000000000000000000", `starts with "OpusTags"`},
		{"version 16", head + "10 02 3801 80bb0000 0000 00", "version 0x10 at offset 8"},
		{"no channels", head + "01 00 3801 80bb0000 0000 00", "no channels at offset 9"},
		{"three channels in family 0", head + "01 03 3801 80bb0000 0000 00", "3 channels at offset 9"},
		{"mapping cut off", head + "01 06 3801 80bb0000 0000 01 04 02 0004010203", "has 7 bytes, need 8"},
		{"no streams", head + "01 01 3801 80bb0000 0000 01 00 00 00", "0 streams"},
		{"more coupled than streams", head + "01 01 3801 80bb0000 0000 01 01 02 00", "1 streams, 2 of them coupled"},
		{"channel from nowhere", head + "01 01 3801 80bb0000 0000 01 01 00 01", "channel 0 comes from 1 of 1 at offset 21"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := ParseHeader(unhex(t, c.header)); err == nil || !strings.Contains(err.Error(), c.want) || got != (Header{}) {
				t.Errorf("got %+v, error %v, want one with %q", got, err, c.want)
			}
		})
	}
}

func TestBuildHeader(t *testing.T) {
	for channels := 1; channels <= 8; channels++ {
		config := BuildHeader(channels)
		want := Header{Channels: channels, InputRate: 48000}
		if channels > 2 {
			want.Family = 1
		}
		if h, err := ParseHeader(config); err != nil || h != want || !HasUsualMapping(config) {
			t.Errorf("%d channels: %+v, %v", channels, h, err)
		}
	}
	for _, channels := range []int{0, 9} {
		if _, err := ParseHeader(BuildHeader(channels)); err == nil {
			t.Errorf("%d channels have a header", channels)
		}
	}
}

func TestHasUsualMapping(t *testing.T) {
	for header, want := range map[string]bool{
		head + "01 02 3801 80bb0000 0000 00":                          true,
		head + "01 02 3801 80bb0000 0000 01 01 01 0001":               true,
		head + "01 06 3801 80bb0000 0000 01 04 02 000401020305":       true,
		head + "01 06 3801 80bb0000 0000 01 04 02 000102030405":       false,
		head + "01 02 3801 80bb0000 0000 ff 02 00 0001":               false,
		head + "01 09 3801 80bb0000 0000 01 09 00 000102030405060708": false,
	} {
		if got := HasUsualMapping(unhex(t, header)); got != want {
			t.Errorf("%s: %v", header, got)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err != nil {
			if h != (Header{}) {
				t.Fatalf("%+v beside error %v", h, err)
			}
			return
		}
		if h.Channels < 1 || h.Channels > 255 || (h.Family == 0 && h.Channels > 2) || h.PreSkip < 0 || h.InputRate < 0 {
			t.Fatalf("impossible header %+v", h)
		}
		if padded, err := ParseHeader(append(b[:len(b):len(b)], 0, 0)); err != nil || padded != h {
			t.Fatalf("padding makes a difference: %+v, %v", padded, err)
		}
	})
}
