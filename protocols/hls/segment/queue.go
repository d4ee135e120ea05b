package segment

import (
	"slices"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// usualGap stands for the distance of frames where nothing is known of it, in ns.
const usualGap = int64(40 * time.Millisecond)

// queue holds the frames of one track that are in no part yet. How long a frame
// lasts is known once the next has come, so the newest always waits.
type queue struct {
	track  *av.Track
	frames []*av.Frame
	gap    int64 // between the two newest frames
}

func (q *queue) push(f *av.Frame) {
	if f.Track != q.track { // another configuration of it, from before the layout settled
		own := *f
		own.Track = q.track
		f = &own
	}
	if n := len(q.frames); n > 0 {
		q.gap = f.DTS - q.frames[n-1].DTS
	}
	q.frames = append(q.frames, f)
}

// dropBefore drops the frames before t.
func (q *queue) dropBefore(t int64) {
	n := 0
	for n < len(q.frames) && q.frames[n].DTS < t {
		n++
	}
	q.frames = slices.Delete(q.frames, 0, n)
}

// end returns the DTS at which the newest frame ends, as far as one can tell: no
// other has come.
func (q *queue) end() int64 {
	gap := q.gap
	if gap == 0 {
		gap = usualGap
	}
	return q.frames[len(q.frames)-1].DTS + gap
}

// take returns the frames before border whose end is known, and leaves the rest;
// with all, it takes every frame.
func (q *queue) take(border int64, all bool) (r run, ok bool) {
	n := 0
	if all {
		n = len(q.frames)
	} else {
		for n+1 < len(q.frames) && q.frames[n].DTS < border {
			n++
		}
	}
	if n == 0 {
		return run{}, false
	}
	r = run{track: q.track, frames: q.frames[:n:n]}
	if n < len(q.frames) {
		r.end = q.frames[n].DTS
	} else {
		r.end = q.end()
	}
	q.frames = append([]*av.Frame(nil), q.frames[n:]...) // r keeps the old array
	return r, true
}

// lastUpTo returns the DTS of the newest frame at or before t.
func (q *queue) lastUpTo(t int64) (dts int64, ok bool) {
	for i := len(q.frames) - 1; i >= 0; i-- {
		if q.frames[i].DTS <= t {
			return q.frames[i].DTS, true
		}
	}
	return 0, false
}
