package bus

import (
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

const (
	// maxForward is how far a track may run ahead of wall time between two of
	// its frames before that counts as a jump of the publisher's clock. Real
	// pauses in a source seldom exceed it; players stall for its length at most.
	maxForward = int64(3 * time.Second)
	// maxBackward is how far a track's DTS may fall back and still count as
	// disorder, which is clamped, rather than as a clock set back.
	maxBackward = int64(250 * time.Millisecond)
	// maxTrackOffset is how far the first frame of a track may lie from the
	// newest frame of the others. Late audio lies near them; another clock not.
	maxTrackOffset = int64(10 * time.Second)
)

// timeline moves publisher times to the stream's timeline. All tracks share
// one offset, so that what treats a jump never moves audio against video.
// The first publisher's times are kept as they are.
type timeline struct {
	offset    int64 // stream time = publisher time + offset
	previous  int64 // the offset used before: frames of the old clock may still arrive
	jumped    bool  // previous is valid
	began     bool
	rebase    bool  // the next frame is the first of another publisher
	newest    int64 // the greatest DTS given out
	newestAt  int64 // when that frame arrived
	tracks    []trackTime
	jumps     uint64 // clock jumps treated
	corrected uint64 // frames whose DTS was clamped
}

// trackTime is when the newest frame of a track was due and when it arrived.
type trackTime struct {
	id           int
	dts, arrival int64
}

// track returns what is known of the track with that id, nil if nothing is.
// There are two, mostly: looking at each is faster than a map.
func (t *timeline) track(id int) *trackTime {
	for i := range t.tracks {
		if t.tracks[i].id == id {
			return &t.tracks[i]
		}
	}
	return nil
}

// newPublisher makes the next frame continue the timeline where it stands.
func (t *timeline) newPublisher() { t.rebase = t.began }

// place sets f's times to stream time.
func (t *timeline) place(f *av.Frame) {
	if !t.began {
		t.began = true
		t.newest, t.newestAt = f.DTS, f.Arrival
	}
	offset := t.choose(f)
	f.DTS += offset
	f.PTS += offset
	last := t.track(f.Track.ID)
	if last == nil {
		t.tracks = append(t.tracks, trackTime{id: f.Track.ID, dts: f.DTS})
		last = &t.tracks[len(t.tracks)-1]
	}
	if f.DTS < last.dts {
		if f.PTS >= f.DTS { // do not show before decoding what was not so before
			f.PTS = max(f.PTS, last.dts)
		}
		f.DTS = last.dts
		t.corrected++
	}
	last.dts, last.arrival = f.DTS, f.Arrival
	if f.DTS >= t.newest {
		t.newest, t.newestAt = f.DTS, f.Arrival
	}
}

// choose returns the offset that puts f near where it must lie.
func (t *timeline) choose(f *av.Frame) int64 {
	switch {
	case t.rebase:
		t.rebase = false
		t.jumped = false
		t.offset = t.edge(f) - f.DTS
		return t.offset
	case t.near(f, t.offset):
		return t.offset
	case t.jumped && t.near(f, t.previous):
		t.offset, t.previous = t.previous, t.offset
		return t.offset
	}
	t.previous, t.jumped = t.offset, true
	t.offset = t.edge(f) - f.DTS
	t.jumps++
	return t.offset
}

// edge returns where on the timeline a frame arriving with f lies if nothing
// is known of its clock: wall time after the newest frame, never before it.
func (t *timeline) edge(f *av.Frame) int64 {
	return t.newest + max(f.Arrival-t.newestAt, int64(time.Millisecond))
}

func (t *timeline) near(f *av.Frame, offset int64) bool {
	dts := f.DTS + offset
	last := t.track(f.Track.ID)
	if last == nil {
		d := dts - t.newest
		return -maxTrackOffset <= d && d <= maxTrackOffset+f.Arrival-t.newestAt
	}
	d := dts - last.dts
	return -maxBackward <= d && d <= maxForward+f.Arrival-last.arrival
}
