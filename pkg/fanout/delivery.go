package fanout

import (
	"log/slog"
	"net"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/socket"
)

// Limits bounds how far viewers may fall behind.
type Limits struct {
	// LagBytes and LagTime are how much a viewer may have waiting before it
	// skips to the newest start point. LagTime is also how long the bus retains
	// frames of streams that are being watched.
	LagBytes int64
	LagTime  time.Duration
	// StallTimeout is how long a viewer may take no byte while some wait for
	// it. Then it is closed.
	StallTimeout time.Duration
	// Interval, if it is not 0, is the time between two passes over a stream's
	// viewers, whatever the load: the longer, the fewer calls, and the more
	// delay.
	Interval time.Duration
	// MaxInterval is the longest time between two passes that load may lead to.
	MaxInterval time.Duration
	// Unsent bounds the bytes that one socket holds and that were not yet put on
	// the wire, so that many viewers joining at once cannot fill the kernel's TCP
	// memory, and a slow viewer's backlog stays here, where it can be skipped.
	// Larger writes still go in one call when the socket is empty.
	Unsent int
	// SendBuffer, if it is not 0, bounds all that one socket holds, what is on its
	// way included (SO_SNDBUF). The kernel bounds it otherwise, by what the way to
	// the viewer needs.
	SendBuffer int
}

// defaultUnsent is a second of 1 Mbit/s. Of 200 viewers of 690 kbit/s that stopped
// reading 8 s ago, each had 124 KB in its socket, 417 KB with 1 MiB, and the
// kernel 75 MB for all, 133 MB with 1 MiB. To viewers that keep up it is
// indifferent: 1,000 took 19.6 to 22.6 % of a core with 16 KiB, 128 KiB and 1 MiB,
// the last least, in runs that differ by as much by chance; so they did with a
// SendBuffer of 64 KiB, which left the stopped ones at 125 KB (the kernel doubles
// it). Nagle's algorithm, which Go switches off, would save nothing either: the
// kernel's floor for 1,000 players was 16.0 % without and 16.5 % with it.
const defaultUnsent = 128 << 10

// DefaultLimits returns the limits that weir runs with unless told otherwise.
func DefaultLimits() Limits {
	return Limits{
		LagBytes: 8 << 20, LagTime: 10 * time.Second, StallTimeout: 10 * time.Second, MaxInterval: 100 * time.Millisecond,
		Unsent: defaultUnsent,
	}
}

// Delivery sends logs to viewers. Its methods are safe for concurrent use.
type Delivery struct {
	limits atomic.Pointer[Limits] // immutable; loops, viewers and logs share it
	loops  []*loop
	next   atomic.Uint64
	pumped atomic.Int64
	stats  *Stats
	log    *slog.Logger
}

// New starts a delivery with one loop for each processor that Go uses.
func New(limits Limits) *Delivery {
	n := runtime.GOMAXPROCS(0)
	d := &Delivery{stats: newStats(n + 1), log: slog.New(slog.DiscardHandler)}
	d.limits.Store(&limits)
	for i := range n {
		l := newLoop(&d.limits, &d.stats.Loops[i])
		d.loops = append(d.loops, l)
		go l.run()
	}
	return d
}

// SetLimits changes the limits: Unsent and SendBuffer for viewers that are added from
// now on, the others for all.
func (d *Delivery) SetLimits(limits Limits) { d.limits.Store(&limits) }

// Add takes over the writing side of conn. Until Closed is called nobody else
// may write to it, and nobody may close it but to cut the viewer off.
func (d *Delivery) Add(conn net.Conn, o ViewerOptions) *Viewer {
	v := &Viewer{conn: conn, raw: socket.Raw(conn), options: o, limits: &d.limits}
	if v.raw == nil {
		p := newPump(v, &d.stats.Loops[len(d.loops)], &d.pumped)
		v.driver = p
		d.pumped.Add(1)
		go p.run()
		return v
	}
	limits := d.limits.Load()
	socket.LimitUnsent(v.raw, limits.Unsent)
	if limits.SendBuffer > 0 {
		socket.LimitSendBuffer(v.raw, limits.SendBuffer)
	}
	l := d.shortest()
	l.count.Add(1)
	v.driver = l
	return v
}

// shortest returns the loop with the fewest viewers, taking turns among equals.
func (d *Delivery) shortest() *loop {
	first := d.next.Add(1)
	best := d.loops[first%uint64(len(d.loops))]
	for i := range d.loops {
		if l := d.loops[(first+uint64(i))%uint64(len(d.loops))]; l.count.Load() < best.count.Load() {
			best = l
		}
	}
	return best
}

// Viewers returns how many viewers the delivery serves.
func (d *Delivery) Viewers() int {
	n := d.pumped.Load()
	for _, l := range d.loops {
		n += l.count.Load()
	}
	return int(n)
}

// Stats returns the delivery's counters.
func (d *Delivery) Stats() *Stats { return d.stats }

// Close stops the loops. Viewers that are left get nothing any more: close
// them first.
func (d *Delivery) Close() {
	for _, l := range d.loops {
		close(l.quit)
		<-l.done
		for _, g := range l.byLog {
			for len(g.viewers) > 0 {
				l.remove(g.viewers[0], reason.Shutdown, nil)
			}
		}
	}
}
