package bus

import (
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

const (
	// refreshInterval bounds how often a publisher is asked for a key frame: each
	// costs as much as some ten other frames.
	refreshInterval = 500 * time.Millisecond
	// freshStart is how old the newest start point of a view may be for a viewer
	// who joins: encoders that nobody asks send one every two seconds or so.
	freshStart = int64(2500 * time.Millisecond)
)

// AskKeyFrame asks the publisher for a key frame now, unless it was asked just
// before, and reports whether it can be asked.
func (s *Stream) AskKeyFrame() bool {
	s.mu.Lock()
	p := s.pub
	if p == nil || p.refresh == nil {
		s.mu.Unlock()
		return false
	}
	now := av.Now()
	due := p.refreshed == 0 || now-p.refreshed >= int64(refreshInterval)
	if due {
		p.refreshed = now
	}
	s.mu.Unlock()
	if due {
		p.refresh()
	}
	return true
}

// Welcome is called when a viewer begins: if the newest start point is old, or if
// there is none, the publisher is asked for one.
func (v *View) Welcome() {
	v.mu.Lock()
	pos, ok := v.ring.newestStart()
	old := !ok
	if ok {
		newest := v.ring.at(v.ring.head - 1)
		old = newest.frame.DTS-v.ring.at(pos).frame.DTS > freshStart
	}
	v.mu.Unlock()
	if old {
		v.stream.AskKeyFrame()
	}
}
