package av1

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/internal/bits/bitstest"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTrackFromConfig(t *testing.T) {
	for _, c := range []struct {
		name, config, profile string
		width, height         int
		fps                   float64
	}{
		{"from ffmpeg with SVT-AV1, 64x48", "81000c00 0a0b 02000005157fbc02f80040", "Main 2.0", 64, 48, 0},
		{"without a sequence header", "812d9000", "High 5.1 high tier", 0, 0, 0},
		{"OBU without size", "81000c00 08 02000005157fbc02f80040", "Main 2.0", 64, 48, 0},
		{"OBU with extension, after another", "81000c00 7a01ff 0e080b 02000005157fbc02f80040", "Main 2.0", 64, 48, 0},
		{"no level", "815f0000", "Professional", 0, 0, 0},
		// Timing 1/25 s, a decoder model with delays of 8 bits, one operating
		// point with level 8, tier, model and display delay; then 640x360.
		{"timing and decoder model", "81090c00" +
			sequenceOBU("000 0 0 1", strings.Repeat("0", 31)+"1", strings.Repeat("0", 27)+"11001", "1 1",
				"1 00111", strings.Repeat("0", 32), "00000 00000",
				"1 00000", "000000000000 01000 1", "1 11111111 00000000 0", "1 0000",
				"1001 1000 1001111111 101100111"), "Main 4.1", 640, 360, 25},
		{"still picture", "81000c00" + sequenceOBU("000 1 1 00000 0101 0101 111111 101111", strings.Repeat("0", 10)), "Main 2.0", 64, 48, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := unhex(t, c.config)
			got, err := TrackFromConfig(2, config)
			if err != nil {
				t.Fatal(err)
			}
			want := &av.Track{ID: 2, Kind: av.Video, Codec: av.AV1, Config: config, Profile: c.profile, Width: c.width, Height: c.height, FrameRate: c.fps}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

// sequenceOBU returns a sequence header with these bits, in hexadecimal.
func sequenceOBU(bits ...string) string {
	b := bitstest.Pack(bits...)
	return hex.EncodeToString(append([]byte{0x0A, byte(len(b))}, b...))
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"empty", "", "0 bytes, need at least 4"},
		{"version 2", "82000c00", "0x82 at offset 0"},
		{"forbidden bit", "81000c00 8a00", "OBU at offset 4: obu_forbidden_bit"},
		{"cut in the extension", "81000c00 0e", "truncated in the extension header"},
		{"size cut off", "81000c00 0a80", "obu_size is truncated"},
		{"size too long", "81000c00 0a808080808080808001", "too long"},
		{"OBU beyond the record", "81000c00 0a0b02", "obu_size is 11, 1 bytes remain"},
		{"huge OBU", "81000c00 0affffffffffffff7f02", "bytes remain"},
		{"empty sequence header", "81000c00 0a00", "truncated in seq_profile"},
		{"cut in the size", "81000c00" + sequenceOBU("000 1 1 00000 0101 0101 111111"), "sequence header: truncated in max_frame_height_minus_1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := TrackFromConfig(0, unhex(t, c.config))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestTrimTemporalDelimiters(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"with", "1200 3201ff", "3201ff"},
		{"with two", "1200 1200 3201ff", "3201ff"},
		{"without", "3201ff", "3201ff"},
		{"with extension", "160000 3201ff", "3201ff"},
		{"alone", "1200", ""},
		{"cut off", "12", "12"},
		{"that is none", "120155", "120155"},
		{"empty", "", ""},
	} {
		if got := TrimTemporalDelimiters(unhex(t, c.in)); !bytes.Equal(got, unhex(t, c.want)) {
			t.Errorf("%s: %x, want %s", c.name, got, c.want)
		}
	}
}

func FuzzTrackFromConfig(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		tu := TrimTemporalDelimiters(b)
		if !bytes.HasSuffix(b, tu) {
			t.Fatalf("%x trimmed to %x", b, tu)
		}
		track, err := TrackFromConfig(0, b)
		if err != nil {
			return
		}
		const maxSide = 1 << 16
		if (track.Width == 0) != (track.Height == 0) || track.Width > maxSide || track.Height > maxSide || track.FrameRate < 0 || track.FrameRate > 1000 || track.Profile == "" {
			t.Fatalf("impossible track %+v", track)
		}
		c, err := ParseConfig(b)
		if err != nil || len(c.Sequence) > len(b) || (c.Sequence == nil) != (track.Width == 0) {
			t.Fatalf("%+v, %v", c, err)
		}
		if colour := c.Colour(); c.Sequence == nil && colour != unknownColour {
			t.Fatalf("colour %+v of nothing", colour)
		}
	})
}
