package fanout

import (
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/pace"
)

// Sending costs by the call more than by the byte, so a loaded loop sends less
// often: above batchAt of its time, sound waits for the next picture; above
// spreadAt, passes over a log's viewers get rarer. Below, all goes at once.
const (
	batchAt = 0.15
	// unbatchAt is where batching ends: it saves about two thirds of the calls,
	// so a loop that batches at this share would stay below batchAt without.
	unbatchAt = 0.04
	spreadAt  = 0.50
)

// rhythm is what a group remembers to decide when its viewers are served.
type rhythm struct {
	pace.Rhythm
	passed int64 // when they last were
	held   bool  // the group is in loop.held
}

// due returns when the viewers of a group with rhythm r are to be served; what
// is not after now means at once.
func (l *loop) due(r *rhythm, now int64) int64 {
	limits := l.limits.Load()
	switch interval := int64(limits.Interval); {
	case interval > 0:
		return r.passed + interval
	case !l.load.Batching():
		return now
	}
	due := r.Due(now)
	if share := l.load.Share(); share > spreadAt {
		spread := (share - spreadAt) / (1 - spreadAt) * float64(limits.MaxInterval)
		due = max(due, r.passed+int64(spread))
	}
	return due
}

// look pulls a group that was woken and serves or holds it.
func (l *loop) look(g *group) {
	g.dirty.Store(false)
	g.pull()
	if now := av.Now(); g.edge.ended || l.due(&g.rhythm, now) <= now {
		l.pass(g)
	} else if !g.rhythm.held {
		g.rhythm.held = true
		l.held = append(l.held, g)
	}
}

// serveHeld serves the held groups whose time has come and sets the timer for
// the others.
func (l *loop) serveHeld() {
	if len(l.held) == 0 {
		return
	}
	now, next := av.Now(), int64(0)
	kept := l.held[:0]
	for _, g := range l.held {
		switch due := l.due(&g.rhythm, now); {
		case g.rhythm.Waiting() == 0 || len(g.viewers) == 0: // served meanwhile
			g.rhythm.held = false
		case due <= now:
			g.rhythm.held = false
			l.pass(g)
		default:
			kept = append(kept, g)
			if next == 0 || due < next {
				next = due
			}
		}
	}
	clear(l.held[len(kept):])
	l.held = kept
	if next != 0 {
		l.timer.Reset(time.Duration(next - now))
	}
}
