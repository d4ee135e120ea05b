package bench

import (
	"context"
	"time"
)

// load is what a process uses while it is measured. It is not safe for
// concurrent use.
type load struct {
	usage func() (cpu time.Duration, memory int64, err error)
	err   error // of the first reading that failed: nothing is known since

	first, last reading
	peak        float64 // of one core, between two readings
	maxMemory   int64
}

// peakInterval is how long two readings must be apart to count for the peak:
// processor time is told in steps of 10 ms.
const peakInterval = 500 * time.Millisecond

type reading struct {
	at  time.Time
	cpu time.Duration
}

// start begins to measure, and forgets what was measured before.
func (l *load) start(now time.Time) {
	l.sample(now)
	l.first, l.peak, l.maxMemory = l.last, 0, 0
}

// sample takes a reading and returns the share of one core since the last one.
func (l *load) sample(now time.Time) float64 {
	if l.err != nil {
		return 0
	}
	cpu, memory, err := l.usage()
	if err != nil {
		l.err = err
		return 0
	}
	next := reading{now, cpu}
	share := next.share(l.last)
	l.maxMemory = max(l.maxMemory, memory)
	if now.Sub(l.last.at) >= peakInterval {
		l.peak = max(l.peak, share)
	}
	l.last = next
	return share
}

// mean returns the share of one core from start to the last reading.
func (l *load) mean() float64 { return l.last.share(l.first) }

func (r reading) share(since reading) float64 {
	elapsed := r.at.Sub(since.at)
	if since.at.IsZero() || elapsed <= 0 {
		return 0
	}
	return float64(r.cpu-since.cpu) / float64(elapsed)
}

// watchInterval is how often the watch looks at the clock: often enough for a
// percentile of a short run, rarely enough to cost nothing.
const watchInterval = 10 * time.Millisecond

// watch measures how late timers are until ctx ends: whatever this program does
// at the time, and whatever else this machine does, makes them late.
func watch(ctx context.Context, late *histogram) {
	for {
		due := time.Now().Add(watchInterval)
		if !sleep(ctx, watchInterval) {
			return
		}
		late.add(time.Since(due))
	}
}
