package rtp

import "github.com/weirmedia/weir/pkg/av"

const (
	// slewRate is by how much of the time that passes a track is moved towards
	// where its sender reports want it: 5 ms a second is neither heard nor seen.
	slewRate = 0.005
	// origin is the time of the first frame of a session, so that DTS derived
	// from PTS are not negative.
	origin = second
	// maxStartError is how far reports may want a track that has not begun from
	// where its arrival puts it: it then begins there. Networks delay tracks by
	// less against each other; clocks that are not synchronised are off by more.
	maxStartError = second / 2
	// maxError is how far reports may want a track away from where it is to be
	// believed at all.
	maxError = 10 * second
)

// Clock puts the tracks of one session, each with RTP times of its own, on one
// timeline. Tracks begin where their arrival puts them. Sender reports (RFC 3550,
// 6.4.1) tell how RTP times belong together; tracks are then moved slowly until
// they lie as at the source, and follow if their clocks drift against each other.
// The first track that has a report stays where it is.
type Clock struct {
	began     bool
	start     int64 // arrival of the first frame
	reference *Timing
}

// Timing is the part of a Clock that belongs to one track.
type Timing struct {
	clock    *Clock
	began    bool
	offset   int64 // session time = media time + offset
	last     int64 // media time of the newest frame
	reported bool
	ntp      int64 // of the newest report, in nanoseconds
	media    int64 // the media time that it names
	ignored  uint64
}

// Track returns the Timing of another track.
func (c *Clock) Track() *Timing { return &Timing{clock: c} }

// Report takes in a sender report: at the NTP time ntp (seconds since 1900 in
// 32.32 bits; 0 means that the sender has no clock) the media time was media, as
// Demuxer.Time tells it.
func (t *Timing) Report(ntp uint64, media int64) {
	if ntp == 0 {
		return
	}
	t.reported, t.media = true, media
	t.ntp = int64(ntp>>32)*second + int64((ntp&0xFFFFFFFF)*uint64(second)>>32)
	if t.clock.reference == nil {
		t.clock.reference = t
	}
}

// Ignored counts frames whose place by sender reports was beyond belief.
func (t *Timing) Ignored() uint64 { return t.ignored }

// Place moves f, whose times are media times of its track and whose Arrival is
// set, to the timeline of the session.
func (t *Timing) Place(f *av.Frame) {
	c := t.clock
	if !c.began {
		c.began, c.start = true, f.Arrival
	}
	if !t.began {
		t.began, t.last = true, f.DTS
		t.offset = origin + f.Arrival - c.start - f.DTS
		if wanted, ok := t.wanted(); ok && abs(wanted-t.offset) <= maxStartError {
			t.offset = wanted
		}
	} else {
		t.slew(f.DTS - t.last)
		t.last = f.DTS
	}
	f.DTS += t.offset
	f.PTS += t.offset
}

// slew moves the track towards where the reports want it, after a time that
// passed.
func (t *Timing) slew(passed int64) {
	wanted, ok := t.wanted()
	if !ok || passed <= 0 {
		return
	}
	off := wanted - t.offset
	if abs(off) > maxError {
		t.ignored++
		return
	}
	most := int64(float64(min(passed, second)) * slewRate)
	t.offset += max(-most, min(off, most))
}

// wanted returns the offset that puts the track beside the reference as at the
// source. ok is false if that is unknown.
func (t *Timing) wanted() (offset int64, ok bool) {
	r := t.clock.reference
	if r == nil || r == t || !t.reported || !r.began {
		return 0, false
	}
	return r.media + r.offset + (t.ntp - r.ntp) - t.media, true
}

func abs(n int64) int64 { return max(n, -n) }
