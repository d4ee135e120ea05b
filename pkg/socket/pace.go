package socket

import (
	"runtime"
	"sync/atomic"
	"time"
)

const (
	// slowAt and quickAt are reads per second and processor between which a Pace
	// switches on and off. Waiting for 20 ms turns the 68 messages a second of
	// usual video with sound into some 45 reads, so that a Pace that is on at
	// slowAt stays on.
	slowAt, quickAt = 4000, 2000
	// paceWindow is how long reads are counted.
	paceWindow = int64(100 * time.Millisecond)
	// paceSlots is how many times a paced reader can be due within an interval.
	// Readers that are due together cost the scheduler one look at the clock.
	paceSlots = 4
)

// Pace makes many connections be read less often while many reads are made: one
// that was read is read again after the interval, with all that came meanwhile.
// Below some thousand reads a second it does nothing. Safe for concurrent use.
type Pace struct {
	interval int64
	since    atomic.Int64 // of the window being counted
	reads    atomic.Int64
	on       atomic.Bool
}

// NewPace returns a pace whose interval is a time in which nobody misses the
// media, such as 20 ms. 0 never paces.
func NewPace(interval time.Duration) *Pace { return &Pace{interval: int64(interval)} }

// slow reports whether reads are to wait at present.
func (p *Pace) slow() bool { return p.on.Load() }

// count counts a read at now.
func (p *Pace) count(now int64) {
	p.reads.Add(1)
	since := p.since.Load()
	if now-since < paceWindow || p.interval == 0 || !p.since.CompareAndSwap(since, now) {
		return
	}
	rate := p.reads.Swap(0) * int64(time.Second) / (now - since) / int64(runtime.GOMAXPROCS(0))
	p.on.Store(rate > slowAt || rate > quickAt && p.on.Load())
}

// untilNext returns how long a connection that was read at last has to wait.
func (p *Pace) untilNext(last, now int64) time.Duration {
	due := last + p.interval
	due -= due % (p.interval / paceSlots)
	return time.Duration(due - now)
}
