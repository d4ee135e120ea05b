package ts

const (
	millisecond = 1_000_000 // ns
	second      = 1000 * millisecond

	// timeShift is added to all times, so that neither the clock of a stream
	// that begins at 0 nor B-frames before 0 begin with a wrap, which some
	// players mistake for a jump.
	timeShift = second

	// clockLead is how far the clock is behind the DTS of the frame that it
	// comes with. A frame must be there before the clock reaches its DTS, and
	// must not wait long: players that keep to the clock show it so much later.
	// The clock runs on for up to maxClockGap until its next value, and the
	// other tracks may be as far behind the one with the clock: publishers
	// interleave by whole video frames.
	clockLead = 2 * maxClockGap

	// maxClockGap is the longest time between two PCRs (2.7.2).
	maxClockGap = 100 * millisecond

	// quietClock is after how much time of another track the clock gets a packet
	// of its own. With frames of 23 ms the gap is then at most 96 ms.
	quietClock = 50 * millisecond
)

// clock makes the PCRs of a program. They never go back.
type clock struct {
	running bool
	at      int64 // the last PCR, ns
	// The track that measures the time since: the first that has a frame after
	// the PCR. Its DTS is only compared with itself, as tracks may be shifted.
	witness uint16
	since   int64
}

// own returns the PCR, in ns, for a frame of the track with the clock.
func (c *clock) own(dts int64) int64 {
	at := dts - clockLead
	if c.running && at <= c.at {
		const step = 1000 // ns; the clock went on by the time of another track
		at = c.at + step
	}
	*c = clock{running: true, at: at}
	return at
}

// other returns the PCR that is due at a frame of another track.
func (c *clock) other(pid uint16, dts int64) (at int64, due bool) {
	switch {
	case !c.running:
		c.own(dts)
		return c.at, true
	case c.witness == 0:
		c.witness, c.since = pid, dts
	case c.witness == pid && dts-c.since >= quietClock:
		c.at, c.since = c.at+dts-c.since, dts
		return c.at, true
	}
	return 0, false
}

// pcr converts a time of the stream, in ns, to units of 27 MHz.
func pcr(ns int64) uint64 {
	const unit, per = 1000, 27        // ns and clock ticks in them
	const wrap = 300 << timestampBits // the whole of base and extension
	whole, rest := (ns+timeShift)/unit, (ns+timeShift)%unit
	t := (whole*per + rest*per/unit) % wrap
	if t < 0 {
		t += wrap
	}
	return uint64(t)
}
