package rtmp

import (
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

const (
	// A publisher sends too fast if media ran fastClock times as fast as the wall
	// in fastWindows windows of fastWindow in a row: encoders' clocks are wrong by
	// far less, and files sent without pacing come at 10 times and more.
	fastClock   = 1.5
	fastWindow  = int64(10 * time.Second)
	fastWindows = 3
	// clockJump is how far timestamps must go at once to have been set anew
	// instead of having advanced.
	clockJump = int64(10 * time.Second)
)

// tempo finds publishers that send faster than real time. It measures by how
// much media is ahead of the wall, compared with when they began, and counts
// only what exceeds all before: an encoder that catches up after a stall of the
// network has been behind and comes back to where it was, and a burst at the
// beginning, as from a relay with a group of pictures in store, is over within a
// window.
type tempo struct {
	began   bool
	newest  int64 // DTS, of all tracks
	media   int64 // by how much it has advanced
	start   int64 // arrival of the first frame
	lead    int64 // of media before the wall, the most there was
	since   int64 // arrival at which the window began
	before  int64 // lead at that time
	windows int   // that were too fast, in a row
	told    bool
}

// fast takes in a frame with the publisher's times. It returns true once if
// media comes too fast. It is passed on as it is: the limits of the ring and of
// viewers' lag bound what it can cost.
func (t *tempo) fast(f *av.Frame) bool {
	if t.told {
		return false
	}
	if !t.began {
		*t = tempo{began: true, newest: f.DTS, start: f.Arrival, since: f.Arrival}
		return false
	}
	switch step := f.DTS - t.newest; {
	case step > clockJump, step < -clockJump:
		t.newest = f.DTS
	case step > 0:
		t.newest, t.media = f.DTS, t.media+step
	}
	t.lead = max(t.lead, t.media-(f.Arrival-t.start))
	wall := f.Arrival - t.since
	if wall < fastWindow {
		return false
	}
	if float64(t.lead-t.before) >= (fastClock-1)*float64(wall) {
		t.windows++
	} else {
		t.windows = 0
	}
	t.since, t.before = f.Arrival, t.lead
	t.told = t.windows == fastWindows
	return t.told
}
