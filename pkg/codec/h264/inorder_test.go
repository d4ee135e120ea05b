package h264

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// Everything but the reordering stays as it was.
func TestInOrder(t *testing.T) {
	for name, text := range map[string]string{
		"x264 High with B-frames":     "6764001facd9405005bb016a02020280000003008000001e078c18cb",
		"Baseline without VUI":        "6742c01eda0280bfe540",
		"Main without VUI":            "674d401eda0280bfe540",
		"camera, High, HRD and VUI":   "67640029acd940780227e5c05a808080a0000003002000000651e30632c0",
		"scaling matrix, High 4:2:2":  "677a0029b6cd940780227e27016a020202800000030080000019078c1889",
		"Constrained Baseline Chrome": "6742c01f8c8d40501e90080f08846a",
	} {
		nal, err := hex.DecodeString(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var before, after h264.SPS
		if err := before.Unmarshal(nal); err != nil {
			t.Errorf("%s: the sample: %v", name, err)
			continue
		}
		out, err := InOrder(nal)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := after.Unmarshal(out); err != nil {
			t.Errorf("%s: %x: %v", name, out, err)
			continue
		}
		if after.VUI == nil || after.VUI.BitstreamRestriction == nil || after.VUI.BitstreamRestriction.MaxNumReorderFrames != 0 {
			t.Errorf("%s: %+v", name, after.VUI)
			continue
		}
		after.VUI.BitstreamRestriction = nil
		if before.VUI == nil {
			before.VUI = &h264.SPS_VUI{}
		}
		before.VUI.BitstreamRestriction = nil
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%s:\n%+v %+v\n%+v %+v", name, before, before.VUI, after, after.VUI)
		}
		if again, err := InOrder(out); err != nil || !bytes.Equal(again, out) {
			t.Errorf("%s: again: %x, want %x, %v", name, again, out, err)
		}
	}
}

func FuzzInOrder(f *testing.F) {
	for _, text := range []string{"6764001facd9405005bb016a02020280000003008000001e078c18cb", "674d401eda0280bfe540"} {
		nal, _ := hex.DecodeString(text)
		f.Add(nal)
	}
	f.Fuzz(func(t *testing.T, nal []byte) {
		out, err := InOrder(nal)
		if err != nil {
			return
		}
		var s h264.SPS
		if err := s.Unmarshal(out); err != nil {
			t.Fatalf("%x became %x: %v", nal, out, err)
		}
	})
}
