package vpx

import (
	"bytes"
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

func TestTrackFromConfig(t *testing.T) {
	for _, c := range []struct {
		name    string
		codec   av.Codec
		config  string
		profile string
	}{
		{"VP9 from ffmpeg", av.VP9, "000a82020202 0000", "profile 0 1.0"},
		{"VP9 with 10 bits", av.VP9, "0233a2010101 0000", "profile 2 5.1"},
		{"VP8 without level", av.VP8, "010082020202 0000", "profile 1"},
		{"nothing", av.VP8, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := unhex(t, c.config)
			got, err := TrackFromConfig(0, c.codec, config)
			want := &av.Track{Kind: av.Video, Codec: c.codec, Config: config, Profile: c.profile}
			if len(config) == 0 {
				want.Config = nil
			}
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, want)
			}
		})
	}
}

func TestTrimFullBox(t *testing.T) {
	const record = "000a82020202 0000"
	for in, want := range map[string]string{
		"01000000" + record: record,
		record:              record,
		"01000000":          "01000000", // too short to be both
		"":                  "",
	} {
		if got := TrimFullBox(unhex(t, in)); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%s becomes %x", in, got)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"cut off", "000a8202020200", "7 bytes, need at least 8"},
		{"profile 4", "040a820202020000", "profile 4 at offset 0"},
		{"bit depth 9", "000a920202020000", "bit depth 9 at offset 2"},
		{"data beyond the record", "000a820202020001", "has 1 bytes, 0 remain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := TrackFromConfig(0, av.VP9, unhex(t, c.config))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestSize(t *testing.T) {
	for _, c := range []struct {
		name          string
		codec         av.Codec
		frame         string
		width, height int
		err           string
	}{
		{"VP8", av.VP8, "3001009d012a 4001f000", 320, 240, ""},
		{"VP8 to be scaled", av.VP8, "3001009d012a 4041f080", 320, 240, ""},
		{"VP8 inter frame", av.VP8, "3101009d012a 4001f000", 0, 0, "not a key frame"},
		{"VP8 empty", av.VP8, "", 0, 0, "not a key frame"},
		{"VP8 cut off", av.VP8, "3001009d012a 4001f0", 0, 0, "9 bytes, need 10"},
		{"VP8 without start code", av.VP8, "300100ffffff 4001f000", 0, 0, "start code ffffff at offset 3"},
		{"VP8 without width", av.VP8, "3001009d012a 0000f000", 0, 0, "picture size 0"},
		{"VP9 from ffmpeg", av.VP9, "824983420003f002f63638", 64, 48, ""},
		{"VP9 inter frame", av.VP9, "860040921cfc5e", 0, 0, "not a key frame"},
		{"VP9 show existing frame", av.VP9, "88", 0, 0, "not a key frame"},
		{"VP9 cut off", av.VP9, "824983420003f0", 0, 0, "vp9 frame header"},
		{"VP9 without sync code", av.VP9, "824983430003f002f63638", 0, 0, "frame_sync_byte_2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			width, height, err := Size(c.codec, unhex(t, c.frame))
			if width != c.width || height != c.height || (err == nil) != (c.err == "") || (err != nil && !strings.Contains(err.Error(), c.err)) {
				t.Errorf("%d x %d, %v", width, height, err)
			}
		})
	}
}

func FuzzSize(f *testing.F) {
	f.Fuzz(func(t *testing.T, vp8 bool, frame []byte) {
		codec := av.VP9
		if vp8 {
			codec = av.VP8
		}
		width, height, err := Size(codec, frame)
		if (err == nil) != (width > 0 && height > 0) || width > 1<<16 || height > 1<<16 {
			t.Fatalf("%d x %d, %v", width, height, err)
		}
	})
}

func FuzzParseConfig(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		trimmed := TrimFullBox(b)
		if !bytes.HasSuffix(b, trimmed) {
			t.Fatalf("%x trimmed to %x", b, trimmed)
		}
		c, err := ParseConfig(trimmed)
		if err != nil {
			return
		}
		if c.Profile > 3 || c.BitDepth < 8 || c.BitDepth > 12 {
			t.Fatalf("%+v", c)
		}
		if again := TrimFullBox(append([]byte{1, 0, 0, 0}, trimmed...)); !bytes.Equal(again, trimmed) {
			t.Fatalf("%x comes back as %x", trimmed, again)
		}
	})
}
