package hlsclient

import (
	"math"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// wrap is after how long timestamps of MPEG-TS begin anew: 2^33 units of 90 kHz
// (ISO/IEC 13818-1, 2.4.3.6), in nanoseconds.
const wrap = int64(1<<33) * 100_000 / 9

// timeline brings the frames of all segments of a rendition onto one, as far as
// the playlist says how they follow each other.
type timeline struct {
	begun  bool
	epoch  uint64
	passed time.Duration // segments that ended, since the first frame
	first  int64         // DTS of the first frame
	newest int64         // of the last one
	offset int64         // of the segments since the last discontinuity
	fresh  bool          // offset is still to be found
}

// begin takes note of a segment that begins, and reports whether it is the first
// behind a discontinuity.
func (t *timeline) begin(s *Segment) bool {
	t.fresh = t.begun && s.Epoch != t.epoch
	t.epoch = s.Epoch
	return t.fresh
}

// end takes note of a segment that has ended.
func (t *timeline) end(s *Segment) {
	if t.begun {
		t.passed += s.Duration
	}
}

// place moves a frame to where it belongs.
func (t *timeline) place(f *av.Frame, format Format) {
	switch {
	case !t.begun:
		t.begun, t.first, t.newest = true, f.DTS, f.DTS
	case t.fresh:
		t.offset = t.first + int64(t.passed) - f.DTS
	}
	t.fresh = false
	move := t.offset
	if format == TS { // after a discontinuity the demuxer begins to unwrap anew
		turns := math.Round(float64(f.DTS+move-t.newest) / float64(wrap))
		move -= int64(turns) * wrap
	}
	f.DTS, f.PTS = f.DTS+move, f.PTS+move
	t.newest = f.DTS
}
