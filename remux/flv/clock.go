package flv

// clock unwraps timestamps: each is taken to be less than 2^30 ms (12 days) from
// the one before, in either direction, so that wraps and tags slightly out of
// order both come out right. It counts modulo 2^31, not 2^32: ffmpeg and others
// that take the field for signed wrap there, and a wrap of 32 bits is also one
// of 31. Audio and video share one clock, or they would drift apart if one
// wrapped while the other was silent.
type clock struct {
	started bool
	last    uint32
	ms      int64
}

// maxClock bounds unwrapped times. Some thousand hostile timestamps, each 12
// days ahead, would else overflow int64 nanoseconds; 100 years are enough for
// honest ones.
const maxClock = 100 * 366 * 24 * 3600 * 1000

// advance returns the unwrapped time of a media tag in milliseconds.
func (c *clock) advance(timestamp uint32) int64 {
	ms := c.at(timestamp)
	if ms > maxClock || ms < -maxClock {
		ms = int64(timestamp) // a jump like that of a restarted encoder
	}
	*c = clock{started: true, last: timestamp, ms: ms}
	return ms
}

// at returns the unwrapped time without advancing the clock. Script tags use
// it: many encoders stamp them 0, and a jump there and back could count as one
// wrap too many.
func (c *clock) at(timestamp uint32) int64 {
	if !c.started {
		return int64(timestamp)
	}
	return c.ms + int64(int32((timestamp-c.last)<<1)>>1)
}
