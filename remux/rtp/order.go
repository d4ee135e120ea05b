package rtp

import "slices"

const (
	// maxReorder is the largest decoded picture buffer (ITU-T H.264, A.3.1).
	maxReorder = 16
	// orderJump is how far a PTS must be from all before to belong to another
	// clock rather than to another order.
	orderJump = 3 * second
	// defaultStep is between the DTS of frames whose rate is unknown, at a start.
	defaultStep = second / 100
)

// order derives DTS, which RTP does not carry, from the order of PTS: the DTS of
// a frame is the smallest of the newest PTS, as many as frames may be displaced
// by. That is as late as possible, never after the PTS, and where there are no
// B-frames the PTS itself. How far frames are displaced comes from the SPS, or is
// learnt where that does not tell.
type order struct {
	depth  int
	step   int64
	recent []int64 // ascending; their DTS are not given out
	began  bool
	last   int64 // the newest DTS
	newest int64 // the greatest PTS
}

// expect sets how many frames may be displaced, and the rate in frames per
// second, 0 if it is unknown.
func (o *order) expect(depth int, rate float64) {
	o.depth = max(o.depth, min(depth, maxReorder))
	o.step = defaultStep
	if rate >= 1 {
		o.step = int64(float64(second) / rate)
	}
}

// dts returns the DTS of the frame with this PTS, in decoding order.
func (o *order) dts(pts int64) int64 {
	if o.began && (pts > o.newest+orderJump || pts < o.newest-orderJump) {
		o.began, o.recent = false, o.recent[:0]
	}
	if !o.began {
		o.began, o.newest = true, pts
		o.last = pts - int64(o.depth+1)*o.step
	}
	o.newest = max(o.newest, pts)
	at, _ := slices.BinarySearch(o.recent, pts)
	o.recent = slices.Insert(o.recent, at, pts)
	next := min(o.last+o.step, o.recent[0])
	if len(o.recent) > o.depth {
		next = o.recent[0]
		o.recent = slices.Delete(o.recent, 0, 1)
	}
	if next < o.last && o.depth < maxReorder {
		o.depth++ // it came later than we thought possible
	}
	o.last = max(o.last, next)
	return o.last
}
