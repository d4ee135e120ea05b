package h264

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
)

// Records written by ffmpeg with libx264, 322x182 at 30 fps.
const (
	high        = "0164000dffe1001a6764000dacd941519e226c0440000003004000000f03c50a658001000668ebe3cb22c0fdf8f800"
	high422     = "017a000dffe1001b677a000db6cd941519e222f0110000030001000003003c0f14299601000668ebe3cb22c0fefafa00"
	high444     = "01f4000dffe1001b67f4000d919b282a33c7c5e022000003000200000300781e28532c01000668ebe3c44844fff8f800"
	constrained = "0142c00dffe100186742c00dd901519e226c0440000003004000000f03c50a9201000568cb83cb20"
	interlaced  = "014d400dffe10019674d400deca0a8cf11360220000003002000000781e28532c001000568ebe3cb20"
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
		{"high", high, "High 1.3", 322, 182, 30},
		{"high 4:2:2 10 bit", high422, "High 4:2:2 1.3", 322, 182, 30},
		{"high 4:4:4", high444, "High 4:4:4 Predictive 1.3", 322, 182, 30},
		{"constrained baseline", constrained, "Constrained Baseline 1.3", 322, 182, 30},
		{"main interlaced", interlaced, "Main 1.3", 322, 182, 30},
		{"without the high profile extension", strings.TrimSuffix(high, "fdf8f800"), "High 1.3", 322, 182, 30},
		{"with trailing bytes", high + "00000000", "High 1.3", 322, 182, 30},
		{"with a cut VUI", "01 42c00d ff e1 000d 6742c00dd901519e226c044000 01 0005 68cb83cb20", "Constrained Baseline 1.3", 322, 182, 0},
		{"without PPS", "0142c00dffe100186742c00dd901519e226c0440000003004000000f03c50a9200", "Constrained Baseline 1.3", 322, 182, 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := unhex(t, c.config)
			got, err := TrackFromConfig(3, config)
			if err != nil {
				t.Fatal(err)
			}
			want := &av.Track{ID: 3, Kind: av.Video, Codec: av.H264, Config: config, Profile: c.profile, Width: c.width, Height: c.height, FrameRate: c.fps}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"empty", "", "0 bytes"},
		{"five bytes", "0142c00dff", "5 bytes"},
		{"Annex B", "000000016742c00d", "version 0 at offset 0"},
		{"length size 3", "0142c00dfee1", "length size 3 at offset 4"},
		{"no SPS", "0142c00dffe000", "count at offset 5 is 0"},
		{"cut in the SPS length", "0142c00dffe100", "length of SPS 0 at offset 6"},
		{"empty SPS", "0142c00dffe1000001000568cb83cb20", "SPS 0 at offset 6 is empty"},
		{"cut in the SPS", "0142c00dffe100186742c0", "SPS 0 at offset 6 has 24 bytes, 3 remain"},
		{"cut before the PPS count", "0142c00dffe100046742c00d", "PPS count at offset 12"},
		{"cut in the PPS", constrained[:len(constrained)-2], "PPS 0 at offset 33 has 5 bytes, 4 remain"},
		{"SPS too short to parse", "0142c00dffe100046742c00d00", "first SPS"},
		{"SPS is a PPS", "0142c00dffe1000568cb83cb2000", "first SPS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := TrackFromConfig(0, unhex(t, c.config))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestBuildConfig(t *testing.T) {
	for name, record := range map[string]string{"high": high, "high422": high422, "high444": high444, "constrained": constrained, "interlaced": interlaced} {
		want := unhex(t, record)
		c, err := ParseConfig(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := BuildConfig(c.SPS, c.PPS)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %x, %v; want %x", name, got, err, want)
		}
	}
}

func TestBuildConfigErrors(t *testing.T) {
	c, err := ParseConfig(unhex(t, high))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		sps, pps [][]byte
	}{
		{"no SPS", nil, c.PPS},
		{"32 SPS", slices.Repeat(c.SPS, 32), c.PPS},
		{"256 PPS", c.SPS, slices.Repeat(c.PPS, 256)},
		{"empty PPS", c.SPS, [][]byte{{}}},
		{"PPS too long", c.SPS, [][]byte{make([]byte, 0x10000)}},
		{"broken SPS", [][]byte{{0x67, 1}}, c.PPS},
	} {
		if b, err := BuildConfig(test.sps, test.pps); err == nil {
			t.Errorf("%s: built %x", test.name, b)
		}
	}
}

func TestNALs(t *testing.T) {
	for _, c := range []struct {
		name, au string
		size     int
		units    []string
		idr      bool
		err      *NALError
	}{
		{"none", "", 4, nil, false, nil},
		{"SEI and IDR", "00000002 0605 00000003 658880", 4, []string{"0605", "658880"}, true, nil},
		{"two-byte lengths", "0002 4188 0001 09", 2, []string{"4188", "09"}, false, nil},
		{"one-byte length", "02 6588", 1, []string{"6588"}, true, nil},
		{"empty unit between", "00000000 00000002 4188", 4, []string{"4188"}, false, nil},
		{"length beyond the frame", "00000002 0605 00000004 658880", 4, []string{"0605"}, false, &NALError{6, 4, 3}},
		{"length of 2^32-1", "ffffffff 6588", 4, nil, false, &NALError{0, 0xFFFFFFFF, 2}},
		{"cut length", "00000002 4188 0000", 4, []string{"4188"}, false, &NALError{6, -1, 2}},
		{"Annex B start code", "00000001 65 88", 4, []string{"65"}, true, &NALError{5, -1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			au := unhex(t, c.au)
			var units []string
			for nal := range NALs(au, c.size) {
				units = append(units, hex.EncodeToString(nal))
			}
			if !slices.Equal(units, c.units) {
				t.Errorf("units %v, want %v", units, c.units)
			}
			if got := IsIDR(au, c.size); got != c.idr {
				t.Errorf("IsIDR %v", got)
			}
			var got *NALError
			if err := CheckNALs(au, c.size); err != nil && !errors.As(err, &got) {
				t.Fatalf("error %v", err)
			}
			if !reflect.DeepEqual(got, c.err) {
				t.Errorf("CheckNALs: %v, want %v", got, c.err)
			}
		})
	}
}

func TestNALsDoNotAllocate(t *testing.T) {
	au := unhex(t, "00000002 0605 00000003 418880")
	allocs := testing.AllocsPerRun(100, func() {
		if CheckNALs(au, 4) != nil || IsIDR(au, 4) {
			t.Fatal("wrong result")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err != nil {
			return
		}
		size := 0
		for _, nal := range slices.Concat(c.SPS, c.PPS) {
			size += len(nal)
		}
		if len(c.SPS) == 0 || size > len(b) {
			t.Fatalf("%d SPS, lists of %d bytes from %d", len(c.SPS), size, len(b))
		}
		track, err := TrackFromConfig(0, b)
		if err != nil {
			return
		}
		if track.Width < 1 || track.Height < 1 || track.Width > 1<<15 || track.Height > 1<<15 || track.FrameRate < 0 || track.Profile == "" {
			t.Fatalf("impossible track %+v", track)
		}
		built, err := BuildConfig(c.SPS, c.PPS)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseConfig(built)
		if err != nil || !reflect.DeepEqual(again.SPS, c.SPS) || !reflect.DeepEqual(again.PPS, c.PPS) {
			t.Fatalf("built %x: %v", built, err)
		}
	})
}

func FuzzNALs(f *testing.F) {
	f.Fuzz(func(t *testing.T, au []byte, lengthSize uint8) {
		size := 1 << (lengthSize % 3)
		n := 0
		for nal := range NALs(au, size) {
			if len(nal) == 0 {
				t.Fatal("empty unit")
			}
			n += len(nal)
		}
		if n > len(au) {
			t.Fatalf("units of %d bytes in %d", n, len(au))
		}
		var e *NALError
		if err := CheckNALs(au, size); errors.As(err, &e) {
			if e.Offset >= len(au) || CheckNALs(au[:e.Offset], size) != nil {
				t.Fatalf("%v: what comes before is not sound", e)
			}
		}
	})
}
