package session

import (
	"slices"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

const (
	// keptEnded is how many sessions that have ended are remembered.
	keptEnded = 100
	// maxError bounds what is remembered of an error, in bytes: it may say what a
	// peer sent.
	maxError = 4 << 10
)

// End is a session that has ended, as it was then.
type End struct {
	Snapshot // its State is Ended
	At       time.Time
	Duration time.Duration
	Reason   reason.Reason
	Error    string // empty if the reason says it all
}

// history holds the newest ends. The registry's lock guards it.
type history struct {
	ends []End
	next int // index of the oldest, once there are keptEnded
}

func (h *history) add(e End) {
	if len(h.ends) < keptEnded {
		h.ends = append(h.ends, e)
		return
	}
	h.ends[h.next] = e
	h.next = (h.next + 1) % keptEnded
}

// Ended returns the sessions that have ended, the newest first. Of more than 100
// older ones are forgotten.
func (r *Registry) Ended() []End {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Concat(r.history.ends[r.history.next:], r.history.ends[:r.history.next])
	slices.Reverse(out)
	return out
}
