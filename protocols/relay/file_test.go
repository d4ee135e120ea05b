package relay

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/remux/flv"
)

// TestFileTime: whatever times a file has, its tags come when they are due, from the
// first one on, and time goes on where they jump and where the file begins anew.
func TestFileTime(t *testing.T) {
	const later = 3_600_000 // what was recorded from a stream an hour old
	tests := []struct {
		name  string
		file  []uint32 // ms, of a header that is not media and then of pictures
		comes []uint32 // ms, of two rounds
	}{
		{"from 0", []uint32{0, 0, 40, 80}, []uint32{0, 0, 40, 80, 120, 120, 160, 200}},
		{"from later on", []uint32{later, later, later + 40}, []uint32{0, 0, 40, 80, 80, 120}},
		{"header at 0", []uint32{0, later, later + 40}, []uint32{0, 0, 40, 80, 120, 160}},
		{"begins anew", []uint32{0, 0, 40, 1080, 0, 1040}, []uint32{0, 0, 40, 1080, 2120, 3160, 4200, 4200, 4240, 5280, 6320, 7360}},
		{"a hole", []uint32{0, 0, 40, later, later + 40}, []uint32{0, 0, 40, 80, 120, 160, 160, 200, 240, 280}},
		{"not in order", []uint32{0, 20, 0, 60, 40}, []uint32{0, 20, 0, 60, 40, 100, 120, 100, 160, 140}},
		{"wraps", []uint32{1<<32 - 40, 1<<32 - 40, 0}, []uint32{0, 0, 40, 80, 80, 120}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := flv.AppendTag(flv.AppendFileHeader(nil, false, true), flv.ScriptTag, tt.file[0], nil)
			for _, at := range tt.file[1:] {
				data = flv.AppendTag(data, flv.VideoTag, at, []byte{0x17, 1, 0, 0, 0})
			}
			path := filepath.Join(t.TempDir(), "a.flv")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				source, err := Files{}.Open(t.Context(), "file:"+path, Options{})
				if err != nil {
					t.Fatal(err)
				}
				defer source.Close()
				began, newest := time.Now(), uint32(0)
				var got []uint32
				for range tt.comes {
					tag, err := source.(*tagSource).ReadTag()
					if err != nil {
						t.Fatal(err)
					}
					newest = max(newest, tag.Timestamp)
					if passed := time.Since(began); passed != time.Duration(newest)*time.Millisecond {
						t.Errorf("the tag at %d ms comes after %v", tag.Timestamp, passed)
					}
					got = append(got, tag.Timestamp)
				}
				if !slices.Equal(got, tt.comes) {
					t.Errorf("%v, want %v", got, tt.comes)
				}
			})
		})
	}
}
