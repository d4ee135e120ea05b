package inorder_test

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h265"
	"github.com/weirmedia/weir/pkg/inorder"
)

// SPS of x265 with bframes=0 and bframes=3.
const (
	h265Plain   = "42010101600000030090000003000003001ea02083165ba4a4c2f0168080000003008000000c84"
	h265BFrames = "42010101600000030090000003000003001ea0208316595952930bc05a020000030002000003003210"
)

func h265Track(t *testing.T, sps string) *av.Track {
	t.Helper()
	nal, err := hex.DecodeString(sps)
	if err != nil {
		t.Fatal(err)
	}
	config, err := h265.BuildConfig(nil, [][]byte{nal}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &av.Track{Kind: av.Video, Codec: av.H265, Config: config}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name  string
		track *av.Track
		want  error
	}{
		{"H.265 with B-frames", h265Track(t, h265BFrames), inorder.ErrH265Reordered},
		{"H.265 without", h265Track(t, h265Plain), nil},
		{"H.264 with B-frames", source(t), nil}, // which may be left out
		{"sound", &av.Track{Kind: av.Audio, Codec: av.Opus}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := inorder.Check(tt.track); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
	if inorder.Check(&av.Track{Codec: av.H265, Config: []byte{1}}) == nil {
		t.Error("a configuration that cannot be read passes")
	}
}
