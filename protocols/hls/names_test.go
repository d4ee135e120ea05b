package hls

import (
	"testing"

	"github.com/weirmedia/weir/protocols/hls/segment"
)

const anEpoch = "abcdefghijklmnop"

func TestNames(t *testing.T) {
	for name, want := range map[string]resource{
		initName(anEpoch, 3):                     {anEpoch, initSection, 3, 0},
		segmentName(anEpoch, 77, segment.FMP4):   {anEpoch, wholeSegment, 77, 0},
		segmentName(anEpoch, 0, segment.TS):      {anEpoch, wholeSegment, 0, 0},
		partName(anEpoch, 77, 12, segment.FMP4):  {anEpoch, partialSegment, 77, 12},
		partName(anEpoch, 4294967295, 0, "fmp4"): {anEpoch, partialSegment, 4294967295, 0},
	} {
		if got, ok := parseResource(name); !ok || got != want {
			t.Errorf("%s: %+v %v, want %+v", name, got, ok, want)
		}
	}
}

// FuzzResource: what is understood is written the same way, so that a thing has
// one name only.
func FuzzResource(f *testing.F) {
	for _, name := range []string{
		anEpoch + "-7.m4s", anEpoch + "-7.3.ts", anEpoch + "-i-0.mp4", anEpoch + "-07.m4s", anEpoch + "-+7.m4s", anEpoch + "-7.m4s.ts", "-", "",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		r, ok := parseResource(name)
		if !ok {
			return
		}
		var fmp4, ts string
		switch r.kind {
		case initSection:
			fmp4 = initName(r.epoch, int(r.number))
		case wholeSegment:
			fmp4, ts = segmentName(r.epoch, r.number, segment.FMP4), segmentName(r.epoch, r.number, segment.TS)
		case partialSegment:
			fmp4, ts = partName(r.epoch, r.number, r.part, segment.FMP4), partName(r.epoch, r.number, r.part, segment.TS)
		}
		if name != fmp4 && name != ts {
			t.Errorf("%q was read as %+v, which is %q or %q", name, r, fmp4, ts)
		}
	})
}
