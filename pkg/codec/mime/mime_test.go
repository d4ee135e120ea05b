package mime

import (
	"bytes"
	"encoding/hex"
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

// Parameter sets of H.265 that follow the fixed part of a record.
const hevcSets = "01 21 0001 0004 42010101"

func TestCodec(t *testing.T) {
	for _, c := range []struct {
		name   string
		codec  av.Codec
		config string
		want   string // empty if there is none
	}{
		{"H.264 High 3.1", av.H264, "0164001fffe1 0004 6764001f 01 0004 68ebe04d", "avc1.64001f"},
		{"H.264 Constrained Baseline 3.1", av.H264, "0142c01fffe1 0004 6742c01f 00", "avc1.42c01f"},
		{"H.264, broken", av.H264, "0164001fffe0", ""},
		// The examples of ISO/IEC 14496-15, E.3 and of players' documents.
		{"H.265 Main 3.1", av.H265, "0101600000 00b00000000000 5d f000fcfdf8f800000f" + hevcSets, "hvc1.1.6.L93.B0"},
		{"H.265 Main 10, high tier", av.H265, "0122200000 00b00000000000 99 f000fcfdf8f800000f" + hevcSets, "hvc1.2.4.H153.B0"},
		{"H.265 from x265", av.H265, "0101600000 00900000000000 1e f000fcfdf8f800000f" + hevcSets, "hvc1.1.6.L30.90"},
		{"H.265 without constraints", av.H265, "0101600000 00000000000000 5d f000fcfdf8f800000f" + hevcSets, "hvc1.1.6.L93"},
		{"H.265, constraints with a gap", av.H265, "0104080000 009d08000000 00 5d f000fcfdf8f800000f" + hevcSets, "hvc1.4.10.L93.9D.8"},
		{"H.265, profile space", av.H265, "0181600000 00b00000000000 5d f000fcfdf8f800000f" + hevcSets, "hvc1.B1.6.L93.B0"},
		{"H.265, broken", av.H265, "01", ""},
		{"AV1 Main 3.0", av.AV1, "81040c00", "av01.0.04M.08"},
		{"AV1 Main 5.1, 10 bits", av.AV1, "810dcc00", "av01.0.13H.10"},
		{"AV1 Professional, 12 bits 4:2:2", av.AV1, "814d6800", "av01.2.13M.12.0.100.01.01.01.0"},
		{"AV1 monochrome", av.AV1, "81041c00", "av01.0.04M.08.1.110.01.01.01.0"},
		{"AV1 from SVT-AV1", av.AV1, "81000c00 0a0b02000005157fbc02f80040", "av01.0.00M.08"},
		{"AV1 from libaom, 10 bits HDR", av.AV1, "81004c00 0a0e02000005557fbc02f85091009040", "av01.0.00M.10.0.110.09.16.09.0"},
		{"AV1, other chroma position", av.AV1, "81040d00", "av01.0.04M.08.0.111.01.01.01.0"},
		{"AV1, broken", av.AV1, "01", ""},
		{"VP9 1.0", av.VP9, "000a82020202 0000", "vp09.00.10.08"},
		{"VP9 BT.709, vertical", av.VP9, "001f80010101 0000", "vp09.00.31.08"},
		{"VP9 10 bits HDR", av.VP9, "0233a2091009 0000", "vp09.02.51.10.01.09.16.09.00"},
		{"VP9 4:4:4, full range", av.VP9, "011f87020202 0000", "vp09.01.31.08.03.01.01.01.01"},
		{"VP9, broken", av.VP9, "091f87020202 0000", ""},
		{"AAC LC", av.AAC, "1210", "mp4a.40.2"},
		{"HE-AAC", av.AAC, "2b8a0800", "mp4a.40.5"},
		{"HE-AAC v2", av.AAC, "eb8a0800", "mp4a.40.29"},
		{"HE-AAC, backward compatible", av.AAC, "139056e5a0", "mp4a.40.5"},
		{"AAC, broken", av.AAC, "", ""},
		{"MP3", av.MP3, "", "mp4a.40.34"},
		{"Opus", av.Opus, "", "opus"},
		{"FLAC", av.FLAC, "", "fLaC"},
		{"AC-3", av.AC3, "", "ac-3"},
		{"E-AC-3", av.EAC3, "", "ec-3"},
		{"VP8 without configuration", av.VP8, "", "vp08.00.10.08"},
		{"VP8, broken", av.VP8, "091f87020202 0000", ""},
		{"G.711", av.G711A, "", ""},
		{"script data", av.ScriptData, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := Codec(&av.Track{Codec: c.codec, Config: unhex(t, c.config)})
			if got != c.want || ok != (c.want != "") {
				t.Errorf("got %q, %v, want %q", got, ok, c.want)
			}
		})
	}
}

func TestVPRecord(t *testing.T) {
	for _, c := range []struct {
		name          string
		width, height int
		rate          float64
		config        string
		want          string
	}{
		{"as it is", 1920, 1080, 60, "0233a2091009 0000", "0233a2091009 0000"},
		{"level unknown", 1280, 720, 30, "0200a2091009 0000", "021fa2091009 0000"},
		{"720p", 1280, 720, 30, "", "001f82020202 0000"},
		{"1080p of unknown rate", 1920, 1080, 0, "", "002882020202 0000"},
		{"1080p60", 1920, 1080, 60, "", "002982020202 0000"},
		{"small", 64, 48, 25, "", "000a82020202 0000"},
		{"nothing known", 0, 0, 0, "", "000a82020202 0000"},
		{"beyond all levels", 65535, 65535, 1000, "", "003e82020202 0000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			track := &av.Track{Codec: av.VP9, Width: c.width, Height: c.height, FrameRate: c.rate, Config: unhex(t, c.config)}
			before := bytes.Clone(track.Config)
			if got := VPRecord(track); !bytes.Equal(got, unhex(t, c.want)) {
				t.Errorf("got %x, want %s", got, c.want)
			}
			if !bytes.Equal(track.Config, before) {
				t.Error("the track was changed")
			}
		})
	}
}
