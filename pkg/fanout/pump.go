package fanout

import (
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/bus"
)

// pump drives one viewer on a goroutine of its own, with blocking writes: for
// TLS, and for systems where the loops cannot send.
type pump struct {
	viewer *Viewer
	counts *LoopCounts
	signal chan struct{}
	live   *atomic.Int64
	log    *Log // that it is woken by
	// follower is of log's view and asks for this window; nil if log is.
	follower *bus.Follower
	window   time.Duration
}

var (
	_ driver    = (*pump)(nil)
	_ bus.Waker = (*pump)(nil)
)

func newPump(v *Viewer, counts *LoopCounts, live *atomic.Int64) *pump {
	return &pump{viewer: v, counts: counts, live: live, signal: make(chan struct{}, 1)}
}

// Wake implements bus.Waker.
func (p *pump) Wake() {
	select {
	case p.signal <- struct{}{}:
	default:
	}
}

// attend implements driver.
func (p *pump) attend(*Viewer) { p.Wake() }

func (p *pump) run() {
	v := p.viewer
	defer p.live.Add(-1)
	defer p.unfollow()
	for {
		e := p.pull()
		b := v.due(&e)
		if v.cursor.log != p.log {
			p.listen()
			continue
		}
		p.retain()
		if len(b) == 0 {
			if v.leaving != "" {
				v.finish(v.leaving, v.cause)
				return
			}
			<-p.signal
			continue
		}
		if err := p.write(b); err != nil {
			v.finish(failure(err), err)
			return
		}
		v.sent(len(b), &e, nil, &p.counts.Lag)
		v.cursor.behind = true // blocking hides how far behind the viewer is: look each time
	}
}

// write sends all of b, which ends between messages, in pieces, so that the
// deadline is about progress.
func (p *pump) write(b []byte) error {
	const piece = 64 << 10
	for len(b) > 0 {
		p.viewer.deadline(p.viewer.limits.Load().StallTimeout)
		n, err := p.viewer.conn.Write(b[:min(len(b), piece)])
		p.counts.Sends.Add(1)
		p.counts.Bytes.Add(uint64(n))
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (p *pump) pull() edge {
	if l := p.viewer.cursor.log; l != nil {
		return l.pull()
	}
	return edge{}
}

// listen has the pump woken by the log that its viewer reads now.
func (p *pump) listen() {
	p.unfollow()
	if p.log = p.viewer.cursor.log; p.log != nil {
		p.window = p.viewer.limits.Load().LagTime
		p.follower = p.log.view.Follow(p, p.window)
	}
}

// retain has frames kept for as long as the viewer may fall behind now.
func (p *pump) retain() {
	if window := p.viewer.limits.Load().LagTime; p.follower != nil && window != p.window {
		p.window = window
		p.follower.Retain(window)
	}
}

func (p *pump) unfollow() {
	if p.follower != nil {
		p.follower.Stop()
		p.follower = nil
	}
}
