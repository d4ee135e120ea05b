package bench

import (
	"bytes"
	"math"
	"testing"

	"github.com/weirmedia/weir/pkg/codec/h264"
)

// unit joins NAL units with prefixes of size bytes.
func unit(size int, nals ...string) []byte {
	var b []byte
	for _, nal := range nals {
		b = append(appendLength(b, len(nal), size), nal...)
	}
	return b
}

func TestMarkerRoundTrip(t *testing.T) {
	for _, want := range []Stamp{{}, {1, 1}, {1 << 40, 1_700_000_000_123_456_789}, {math.MaxUint64, math.MaxInt64}, {5, math.MinInt64}} {
		for _, size := range []int{1, 2, 4} {
			au := unit(size, "\x09\xf0", "\x06\x05\x01\x00\x80", "", "\x65slice", "\x65more")
			marked, at, ok := insertMarker(au, size)
			if !ok {
				t.Fatalf("prefixes of %d bytes: not marked", size)
			}
			putStamp(marked[at:], want)
			if got, ok := findStamp(marked, size); !ok || got != want {
				t.Errorf("prefixes of %d bytes: %v, %t, want %v", size, got, ok, want)
			}
			if err := h264.CheckNALs(marked, size); err != nil {
				t.Error(err)
			}
			if bytes.Contains(marked[at-stampOffset:at+stampSize], []byte{0}) {
				t.Errorf("%v: a zero byte in the marker", want)
			}
			var types []uint8
			for nal := range h264.NALs(marked, size) {
				types = append(types, h264.NALType(nal))
			}
			if string(types) != "\x09\x06\x06\x05\x05" {
				t.Errorf("NAL units %v: the marker is not just before the first slice", types)
			}
		}
	}
}

func TestInsertMarkerLeavesAlone(t *testing.T) {
	for name, au := range map[string][]byte{
		"nothing":     nil,
		"no slice":    unit(4, "\x09\xf0", "\x06\x05\x01\x00\x80"),
		"a broken AU": {0, 0, 0, 9, 0x65, 1},
	} {
		if _, _, ok := insertMarker(au, 4); ok {
			t.Errorf("%s was marked", name)
		}
	}
}

func TestFindStampIgnoresOthers(t *testing.T) {
	for name, au := range map[string][]byte{
		"no SEI":               unit(4, "\x65slice"),
		"another SEI":          unit(4, "\x06\x05\x10abcdefghijklmnop\x80", "\x65slice"),
		"cut inside the stamp": unit(4, "\x06\x05\x24"+markerID+"\x81\x82", "\x65slice"),
		"behind the slice":     unit(4, "\x65slice", string(appendMarker(nil))),
		"inside the slice":     unit(4, "\x65"+markerID+"0123456789abcdefghijklmnop"),
	} {
		if s, ok := findStamp(au, 4); ok {
			t.Errorf("%s: %v", name, s)
		}
	}
}

// FuzzMarker: whatever the access unit, marking keeps its NAL units, and what
// was marked is found.
func FuzzMarker(f *testing.F) {
	f.Fuzz(func(t *testing.T, au []byte, short bool, number uint64, time int64) {
		size := 4
		if short {
			size = 2
		}
		findStamp(au, size)
		marked, at, ok := insertMarker(au, size)
		if !ok {
			return
		}
		want := Stamp{number, time}
		putStamp(marked[at:], want)
		var before, after []string
		for nal := range h264.NALs(au, size) {
			before = append(before, string(nal))
		}
		for nal := range h264.NALs(marked, size) {
			if string(nal) != string(marked[at-stampOffset:at-stampOffset+markerSize]) {
				after = append(after, string(nal))
			}
		}
		if len(before) != len(after) {
			t.Fatalf("%d NAL units became %d", len(before), len(after))
		}
		for i := range before {
			if before[i] != after[i] {
				t.Fatalf("NAL unit %d changed", i)
			}
		}
		if _, had := findStamp(au, size); had { // the first one counts
			return
		}
		if got, ok := findStamp(marked, size); !ok || got != want {
			t.Fatalf("%v, %t, want %v", got, ok, want)
		}
	})
}
