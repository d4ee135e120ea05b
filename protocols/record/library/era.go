package library

import "time"

// era is a time, by the clock, in which segments began.
type era struct {
	from, to time.Time // [from, to); zero for without bound
	clock    time.Time // what the clock that was in force then shows now
	least    time.Duration
}

// eras returns times in the order in which they were, as far as that can be told; the last
// has what is in none before. Nobody may have set the clock. If somebody did, before weir
// began or since, as on machines that begin with a wrong time, what weir recorded itself is
// known and the newest. What lies ahead of the clock is older than that, and what weir did
// not record itself is as old as weir has been running, at least.
func (w *sweeper) eras() []era {
	const tick = time.Millisecond // of a start in the index
	begun := w.library.opened.Truncate(tick)
	running := w.now.Sub(w.library.begun)
	unset := w.library.opened.Add(running) // what the clock would show
	asNow := w.now.Round(0).Add(-running)  // when weir began, as the clock is now

	first, second := begun, asNow // of the two times in which weir recorded itself
	end, last := unset.Add(tick), w.now.Add(tick)
	if asNow.Before(begun) {
		first, second, end, last = asNow, begun, last, end
	}
	return []era{
		{time.Time{}, first, w.now, running},
		{end, second, w.now, running}, // empty unless the clock was set
		{last, time.Time{}, w.now, running},
		{begun, unset.Add(tick), unset, 0},
		{time.Time{}, time.Time{}, w.now, 0},
	}
}

// keys returns the range of keys of a stream's segments of that time.
func (e *era) keys(stream string) (lo, hi string) {
	lo, hi = streamKeys(stream)
	if !e.from.IsZero() {
		lo = startKey(stream, e.from)
	}
	if !e.to.IsZero() {
		hi = startKey(stream, e.to)
	}
	return lo, hi
}

// age returns how long ago a segment of that time ended.
func (e *era) age(s *Segment) time.Duration { return max(e.clock.Sub(s.End()), e.least) }

// candidate is a segment that may be removed.
type candidate struct {
	Segment
	era int
	age time.Duration
}

// before reports whether c was recorded before other.
func (c *candidate) before(other *candidate) bool {
	if c.era != other.era {
		return c.era < other.era
	}
	return c.Start.Before(other.Start)
}
