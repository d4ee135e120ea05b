package rtsp

import (
	"testing"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/sdp"
)

// FuzzIntake: whatever a description says, each of its media is used or left out
// for a reason.
func FuzzIntake(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		var raw sdp.SessionDescription
		var d description.Session
		if raw.Unmarshal(b) != nil || d.Unmarshal(&raw) != nil {
			return
		}
		var in intake
		leftOut := in.open(d.Medias)
		used := 0
		for _, why := range leftOut {
			if why == "" {
				used++
			}
		}
		if len(leftOut) != len(d.Medias) || used != len(in.inlets) {
			t.Fatalf("%d media, %d left out or not, %d used, %d inlets", len(d.Medias), len(leftOut), used, len(in.inlets))
		}
		ids := map[int]bool{}
		for _, i := range in.inlets {
			if track := i.demuxer.Track(); track != nil {
				if ids[track.ID] {
					t.Fatalf("two tracks %d", track.ID)
				}
				ids[track.ID] = true
			}
		}
	})
}
