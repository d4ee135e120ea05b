package ts

// ticks converts a time in nanoseconds to units of 90 kHz, rounded to the
// nearest. All tracks are rounded alike, so that they move against one another
// by 11 us at most, and times of whole milliseconds not at all.
func ticks(ns int64) int64 {
	const unit, per = 100_000, 9 // ns and ticks in them
	whole, rest := ns/unit, ns%unit
	if rest < 0 {
		whole, rest = whole-1, rest+unit
	}
	return whole*per + (rest*per+unit/2)/unit
}

// nanoseconds converts units of 90 kHz to a time that ticks converts back.
func nanoseconds(ticks int64) int64 {
	const unit, per = 100_000, 9
	return ticks/per*unit + ticks%per*unit/per
}

// timestampBits is how many bits a PTS or DTS has: they wrap every 26.5 hours.
const timestampBits = 33

// signed33 reads the lower 33 bits of v as a signed number.
func signed33(v int64) int64 { return v << (64 - timestampBits) >> (64 - timestampBits) }

// unwrapper unwraps timestamps: each is taken to be less than 2^32 ticks (13
// hours) from the one before, in either direction. All tracks share one, or they
// would drift apart if one wrapped while the other was silent.
type unwrapper struct {
	started bool
	last    int64
}

// maxTicks bounds unwrapped times. Hostile timestamps, each 13 hours ahead,
// would else overflow int64 nanoseconds; 100 years are enough for honest ones.
const maxTicks = 100 * 366 * 24 * 3600 * 90_000

// advance returns the unwrapped time of a timestamp of 33 bits, in ticks.
func (u *unwrapper) advance(timestamp int64) int64 {
	t := timestamp
	if u.started {
		t = u.last + signed33(timestamp-u.last)
	}
	if t > maxTicks || t < -maxTicks {
		t = timestamp // a jump like that of a restarted encoder
	}
	*u = unwrapper{started: true, last: t}
	return t
}
