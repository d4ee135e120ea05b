package paramset

import (
	"encoding/hex"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
)

func TestClassOf(t *testing.T) {
	for _, tt := range []struct {
		codec av.Codec
		first byte
		want  Class
	}{
		{av.H264, 0x67, SPS}, {av.H264, 0x68, PPS}, {av.H264, 0x09, Delimiter}, {av.H264, 0x65, Other}, {av.H264, 0x06, Other},
		{av.H265, 0x40, VPS}, {av.H265, 0x42, SPS}, {av.H265, 0x44, PPS}, {av.H265, 0x46, Delimiter}, {av.H265, 0x26, Other}, {av.H265, 0x4E, Other},
	} {
		if got := ClassOf(tt.codec, []byte{tt.first, 1}); got != tt.want {
			t.Errorf("%s %#x: %d, want %d", tt.codec, tt.first, got, tt.want)
		}
	}
	if Needed(av.H264) != SPS|PPS || Needed(av.H265) != VPS|SPS|PPS {
		t.Error("decoding needs other sets")
	}
}

func TestSets(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	sps, pps := unhex("6764000dacd941519e226c0440000003004000000f03c50a6580"), unhex("68ebe3cb22c0")
	var s Sets
	for range 2 {
		s.Add(SPS, sps)
		s.Add(Other, pps)
	}
	if len(s.SPS) != 1 || len(s.PPS) != 0 || s.Complete(av.H264) {
		t.Errorf("%+v", s)
	}
	if _, err := (Sets{PPS: [][]byte{pps}}).Track(0, av.H264); err == nil {
		t.Error("a track without an SPS")
	}
	whole := s.Over(Sets{SPS: [][]byte{{0x67}}, PPS: [][]byte{pps}})
	track, err := whole.Track(4, av.H264)
	if err != nil || track.ID != 4 || track.Width != 322 || track.Height != 182 || !whole.Complete(av.H264) || whole.Complete(av.H265) {
		t.Errorf("%+v, %v", track, err)
	}
	own := whole.Clone()
	if !own.Equal(whole) || own.Equal(s) {
		t.Error("a copy differs")
	}
	sps[3]++
	if own.Equal(whole) {
		t.Error("a copy changes with what it was made of")
	}
	for i := range byte(2 * maxSets) {
		own.Add(PPS, []byte{0x68, i})
	}
	if len(own.PPS) != maxSets {
		t.Errorf("%d sets of a class, want at most %d", len(own.PPS), maxSets)
	}
}
