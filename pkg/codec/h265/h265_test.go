package h265

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/internal/bits/bitstest"
)

// record is 64x48 Main 1.0, 25 fps, from ffmpeg with x265.
const (
	recordHead = "0101600000009000000000001ef000fcfdf8f800000f"
	vps        = "40010c01ffff01600000030090000003000003001e9590 09"
	sps        = "42010101600000030090000003000003001ea020831659592e4caf016808000003000800000300c840"
	pps        = "4401c171a112"
	record     = recordHead + "03 20 0001 0018" + vps + "21 0001 0029" + sps + "22 0001 0006" + pps
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseConfig(t *testing.T) {
	c, err := ParseConfig(unhex(t, record))
	if err != nil {
		t.Fatal(err)
	}
	want := Config{Profile: 1, Level: 30, LengthSize: 4, VPS: [][]byte{unhex(t, vps)}, SPS: [][]byte{unhex(t, sps)}, PPS: [][]byte{unhex(t, pps)}}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v\nwant %+v", c, want)
	}
}

// withSPS returns a record with one SPS, both in hexadecimal.
func withSPS(t testing.TB, head, sps string) string {
	return head + "01 21 0001 00" + hex.EncodeToString([]byte{byte(len(unhex(t, sps)))}) + sps
}

// profileTierLevel is general profile, tier and level: Main 1.0.
const profileTierLevel = "01 60000000 900000000000 1e"

// spsOf returns an SPS without sub-layers that ends after the picture size.
func spsOf(chroma, width, height uint64, window string) string {
	return hex.EncodeToString(bitstest.Pack(bitstest.Hex("4201 01"+profileTierLevel),
		bitstest.Golomb(0), bitstest.Golomb(chroma), bitstest.Golomb(width), bitstest.Golomb(height), window))
}

func window(left, right, top, bottom uint64) string {
	return "1" + bitstest.Golomb(left) + bitstest.Golomb(right) + bitstest.Golomb(top) + bitstest.Golomb(bottom)
}

func TestTrackFromConfig(t *testing.T) {
	for _, c := range []struct {
		name, config, profile string
		width, height         int
		fps                   float64
	}{
		{"from ffmpeg", record, "Main 1.0", 64, 48, 25},
		{"high tier, version 0", "00 22 20000000 900000000000 99 f000 fc fd fa fa 0000 0f" + withSPS(t, "", sps), "Main 10 5.1 high tier", 64, 48, 25},
		{"SEI in an array", recordHead + "02 27 0001 0003 4e0190 21 0001 0029" + sps, "Main 1.0", 64, 48, 25},
		{"cropped, cut after the size, average frame rate", withSPS(t, "01 04 08000000 000000000000 96 f000 fc fd f8 f8 1df8 0f",
			spsOf(1, 1920, 1088, window(0, 0, 0, 4))), "Range Extensions 5.0", 1920, 1080, 29.96875},
		{"cropped 4:2:2", withSPS(t, recordHead, spsOf(2, 64, 48, window(1, 1, 1, 0))), "Main 1.0", 60, 47, 0},
		{"two layers, of which the lower has profile and level of its own", withSPS(t, recordHead,
			"4201 02"+profileTierLevel+"c000"+profileTierLevel+"a0208316"), "Main 1.0", 64, 48, 0},
		{"unknown profile", "01 1f" + withSPS(t, recordHead[4:], sps), "profile 31 1.0", 64, 48, 25},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := unhex(t, c.config)
			got, err := TrackFromConfig(4, config)
			if err != nil {
				t.Fatal(err)
			}
			want := &av.Track{ID: 4, Kind: av.Video, Codec: av.H265, Config: config, Profile: c.profile, Width: c.width, Height: c.height, FrameRate: c.fps}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"empty", "", "0 bytes, need at least 23"},
		{"cut in the fixed part", recordHead, "22 bytes, need at least 23"},
		{"version 2", "02" + record[2:], "version 2 at offset 0"},
		{"length size 3", recordHead[:42] + "0e 00", "NAL length size 3 at offset 21"},
		{"no arrays", recordHead + "00", "no SPS"},
		{"cut in an array", recordHead + "01 2100", "array 0: truncated in type and count at offset 23"},
		{"cut in a length", recordHead + "01 210001 00", "length of NAL unit 0 at offset 26"},
		{"unit beyond the record", recordHead + "01 210001 0003 4201", "NAL unit 0 at offset 26 has 3 bytes, 2 remain"},
		{"empty unit", recordHead + "01 210001 0000", "NAL unit 0 at offset 26 is empty"},
		{"SPS of another type", withSPS(t, recordHead, pps), "not an SPS"},
		{"SPS cut in profile and level", withSPS(t, recordHead, "420101"), "truncated in general profile, tier and level"},
		{"SPS cut in the size", withSPS(t, recordHead, "420101"+profileTierLevel+"a02083"), "truncated in pic_height_in_luma_samples"},
		{"chroma format 4", withSPS(t, recordHead, spsOf(4, 64, 48, "0")), "chroma_format_idc 4 is beyond"},
		{"cropped to nothing", withSPS(t, recordHead, spsOf(1, 64, 48, window(16, 16, 0, 0))), "picture size 0 x 48 is not possible"},
		{"cropped to less", withSPS(t, recordHead, spsOf(1, 64, 48, window(0, 0, 0, 1<<31))), "is not possible"},
		{"too wide", withSPS(t, recordHead, spsOf(1, 65536, 48, "0")), "picture size 65536 x 48"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := TrackFromConfig(0, unhex(t, c.config))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func FuzzTrackFromConfig(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err != nil {
			return
		}
		size := 0
		for _, list := range [][][]byte{c.VPS, c.SPS, c.PPS} {
			for _, nal := range list {
				size += len(nal)
			}
		}
		if len(c.SPS) == 0 || size > len(b) {
			t.Fatalf("%d SPS, units of %d bytes from %d", len(c.SPS), size, len(b))
		}
		track, err := TrackFromConfig(0, b)
		if err != nil {
			return
		}
		if track.Width < 1 || track.Height < 1 || track.Width > maxSide || track.Height > maxSide || track.FrameRate < 0 || track.FrameRate > 1000 || track.Profile == "" {
			t.Fatalf("impossible track %+v", track)
		}
		for _, nal := range c.SPS {
			if Reordered(nal) < 0 {
				t.Fatalf("a negative number of pictures for %x", nal)
			}
		}
	})
}

func TestReordered(t *testing.T) {
	for _, tt := range []struct {
		name, sps string
		want      int
	}{
		{"x265 with bframes=0", "42010101600000030090000003000003001ea02083165ba4a4c2f0168080000003008000000c84", 0},
		{"x265 with bframes=3", "42010101600000030090000003000003001ea0208316595952930bc05a020000030002000003003210", 2},
		{"cut off", "42010101600000030090", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Reordered(unhex(t, tt.sps)); got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}
