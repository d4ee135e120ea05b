package segment

import (
	"slices"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// pace is how far apart the frames are that the cuts follow.
type pace struct {
	frame int64 // ns between two of them; 0 while unknown
	part  int64 // the longest part; 0 while unknown
}

// measuredParts is how many parts of frames are looked at to find their
// distance. More make the start of low latency wait.
const measuredParts = 2

// set derives p from the frames that there are, for parts of about want ns and at
// most longest. A part has a whole number of frames. The clocks of most publishers
// count milliseconds, so that the same number of frames lasts a part of one longer
// or shorter: the longest part is rounded up to whole ones.
func (p *pace) set(frames []*av.Frame, want, longest int64) {
	p.part = want
	if p.frame = distance(frames); p.frame > 0 {
		n := max(1, (want+p.frame/2)/p.frame)
		p.part = n * p.frame
	}
	const ms = int64(time.Millisecond)
	p.part = min((p.part+ms-1)/ms*ms, longest)
}

// distance returns the usual distance of frames: the mean of those near the
// median, since some frames may be lost.
func distance(frames []*av.Frame) int64 {
	gaps := make([]int64, 0, len(frames))
	for i := 1; i < len(frames); i++ {
		if gap := frames[i].DTS - frames[i-1].DTS; gap > 0 {
			gaps = append(gaps, gap)
		}
	}
	if len(gaps) == 0 {
		return 0
	}
	slices.Sort(gaps)
	const near = int64(2 * time.Millisecond)
	median, sum, n := gaps[len(gaps)/2], int64(0), int64(0)
	for _, gap := range gaps {
		if median-near <= gap && gap <= median+near {
			sum += gap
			n++
		}
	}
	return sum / n
}
