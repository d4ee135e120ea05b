package rtsp

import (
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// Sending costs by the call more than by the byte, so that under load sound waits
// for the next picture, as it does for protocols that are byte streams. What a
// feed can measure is its passes, which hand packets to the players' goroutines:
// a sixth to a quarter of what 500 players cost by TCP, 10 % of a core whether
// sound waits or not (docs/performance.md).
const (
	// batchAt is the share of a core above which sound waits, unbatchAt the one
	// below which it does not: about 150 and 75 players of 130 packets a second.
	batchAt   = 0.03
	unbatchAt = 0.015
	// paceWindow is how often the share is measured.
	paceWindow = int64(200 * time.Millisecond)
	// soundWait is how long sound waits for a picture at most: the distance of
	// pictures at 25 a second.
	soundWait = int64(40 * time.Millisecond)
	// slowVideo is the distance of pictures from which on sound does not wait.
	slowVideo = int64(60 * time.Millisecond)
)

// pace decides when players get what came. The feed's goroutine owns it.
type pace struct {
	since, busy int64 // of the window being measured
	batching    bool
	picture     int64 // arrival of the newest picture
	distance    int64 // of the two newest; 0 if there are none
	waiting     int64 // arrival of the oldest frame that waits; 0 if none does
	sound       bool  // nothing but sound waits
}

// note takes in a frame that was just read.
func (p *pace) note(f *av.Frame) {
	if p.waiting == 0 {
		p.waiting, p.sound = f.Arrival, true
	}
	if f.Track.Kind != av.Video {
		return
	}
	p.sound = false
	if p.picture != 0 {
		p.distance = f.Arrival - p.picture
	}
	p.picture = f.Arrival
}

// due returns when players are to get what waits; what is not after now means at
// once.
func (p *pace) due(now int64) int64 {
	steady := p.distance > 0 && p.distance <= slowVideo && now-p.picture <= 2*slowVideo
	if p.batching && p.waiting != 0 && p.sound && steady {
		return p.waiting + soundWait
	}
	return now
}

// passed takes note of a pass.
func (p *pace) passed(begin, end int64) {
	p.waiting = 0
	p.busy += end - begin
	span := end - p.since
	if span < paceWindow {
		return
	}
	switch share := float64(p.busy) / float64(span); {
	case share > batchAt:
		p.batching = true
	case share < unbatchAt:
		p.batching = false
	}
	p.since, p.busy = end, 0
}
