// Package pace tells when viewers are served. Sending costs by the call more than
// by the byte, so under load sound waits for the next picture.
package pace

import (
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

const (
	// window is how often a Load measures.
	window = int64(200 * time.Millisecond)
	// soundWait is how long sound waits for a picture at most: the distance of
	// pictures at 25 a second.
	soundWait = int64(40 * time.Millisecond)
	// slowVideo is the distance of pictures from which on sound does not wait.
	slowVideo = int64(60 * time.Millisecond)
)

// Load measures the share of its time that a goroutine is busy. That goroutine
// owns it. Times are those of av.Now.
type Load struct {
	on, off     float64
	since, busy int64 // of the window being measured
	share       float64
	batching    bool
}

// NewLoad returns a Load that begins to measure at the time now. Above the share
// on, sound is to wait; below off, it is not any more.
func NewLoad(now int64, on, off float64) Load { return Load{on: on, off: off, since: now} }

// Add counts the time from begin to end as busy.
func (l *Load) Add(begin, end int64) {
	l.busy += end - begin
	span := end - l.since
	if span < window {
		return
	}
	share := float64(l.busy) / float64(span)
	l.share += (min(share, 1) - l.share) / 2 // one odd window does not decide
	l.since, l.busy = end, 0
	switch {
	case l.share > l.on:
		l.batching = true
	case l.share < l.off:
		l.batching = false
	}
}

// Share returns the share of the last windows, 0..1.
func (l *Load) Share() float64 { return l.share }

// Batching reports whether sound is to wait for pictures.
func (l *Load) Batching() bool { return l.batching }

// Rhythm remembers when the media of a stream came, and what of it waits to be
// sent. The zero Rhythm is that of a new stream. Who serves the viewers owns it.
type Rhythm struct {
	picture int64 // arrival of the newest picture
	gap     int64 // distance of the two newest pictures; 0 if there are none
	waiting int64 // arrival of the oldest frame that waits; 0 if none does
	sound   bool  // nothing but sound waits
}

// Note takes in a frame that came at the time arrival, which may be 0 if that is
// forgotten. From now on it waits.
func (r *Rhythm) Note(kind av.Kind, arrival int64) {
	if r.waiting == 0 {
		r.waiting, r.sound = max(arrival, 1), true
	}
	if kind == av.Audio {
		return
	}
	r.sound = false
	if kind == av.Video {
		if r.picture != 0 {
			r.gap = arrival - r.picture
		}
		r.picture = arrival
	}
}

// Due returns until when what waits is to wait for a picture, as it is at the time
// now: now, if there is nothing but sound in a stream or pictures are rare.
func (r *Rhythm) Due(now int64) int64 {
	steady := r.gap > 0 && r.gap <= slowVideo && now-r.picture <= 2*slowVideo
	if r.waiting != 0 && r.sound && steady {
		return r.waiting + soundWait
	}
	return now
}

// Waiting returns when the oldest frame that waits came; 0 if none does.
func (r *Rhythm) Waiting() int64 { return r.waiting }

// Served takes note that nothing waits any more.
func (r *Rhythm) Served() { r.waiting = 0 }
