package hlsclient

import (
	"fmt"
	"time"
)

// Piece is what a player loads at once: a part or a whole segment.
type Piece struct {
	// Segment is the one that the piece is of. It is that of the playlist that the
	// piece was in: an open one grows in later playlists.
	Segment *Segment
	// Part is the number of the part, -1 if the piece is the whole segment.
	Part     int
	URI      string
	Range    Range
	Duration time.Duration
	// Gap says that there is nothing at URI.
	Gap bool
	// Last says that the piece ends the segment. Of a part it is not known before
	// the segment is complete: then a Piece without URI follows.
	Last bool
}

// Follower decides what a player of one media playlist loads: it is told each
// version of the playlist that was loaded. The zero value is ready. It does no
// input or output, and is not safe for concurrent use.
type Follower struct {
	// Plain takes no notice of parts, as players do that know nothing of them.
	Plain bool

	// Missed counts segments that left the playlist before they were loaded,
	// Restarts how often the playlist began anew with lower numbers.
	Missed   uint64
	Restarts int

	begun bool
	next  uint64 // number of the segment to go on with
	part  int    // part of it to go on with
	idle  int    // versions in a row with nothing new
	list  *Media
}

// Update takes a version of the playlist and returns what is new in it, in the
// order in which to play it. The first time that is what a player begins with:
// of a live stream the segment that lies as far from the end as the server
// wants players to be, and all behind it.
func (f *Follower) Update(m *Media) []Piece {
	if f.begun && m.End() < f.next {
		f.begun = false
		f.Restarts++
	}
	f.list = m
	if !f.begun {
		f.next, f.part = f.start(m), 0
	}
	f.begun = f.begun || len(m.Segments) > 0
	if m.Sequence > f.next {
		f.Missed += m.Sequence - f.next
		f.next, f.part = m.Sequence, 0
	}
	var out []Piece
	for i := f.next - m.Sequence; i < uint64(len(m.Segments)); i++ {
		s := &m.Segments[i]
		if s.Open && !f.lowLatency() {
			break
		}
		out = f.segment(out, s)
	}
	if f.idle++; len(out) > 0 {
		f.idle = 0
	}
	return out
}

// lowLatency reports whether parts are played.
func (f *Follower) lowLatency() bool { return !f.Plain && f.list.LowLatency() }

// segment appends what is to be loaded of s.
func (f *Follower) segment(out []Piece, s *Segment) []Piece {
	switch {
	case f.part == 0 && !s.Open: // one request for all its parts
		out = append(out, Piece{Segment: s, Part: -1, URI: s.URI, Range: s.Range, Duration: s.Duration, Gap: s.Gap, Last: true})
	default:
		for ; f.part < len(s.Parts); f.part++ {
			p := &s.Parts[f.part]
			out = append(out, Piece{Segment: s, Part: f.part, URI: p.URI, Range: p.Range, Duration: p.Duration, Gap: p.Gap || s.Gap})
		}
		if !s.Open {
			out = append(out, Piece{Segment: s, Part: f.part, Last: true})
		}
	}
	if !s.Open {
		f.next, f.part = s.Number+1, 0
	}
	return out
}

// start returns the number of the segment to begin with (6.3.3).
func (f *Follower) start(m *Media) uint64 {
	if m.Ended {
		return m.Sequence
	}
	const holdBack, partHoldBack = 3, 3 // in target durations, where the server says nothing
	away := m.HoldBack
	switch {
	case f.lowLatency() && m.PartHoldBack > 0:
		away = m.PartHoldBack
	case f.lowLatency():
		away = partHoldBack * m.PartTarget
	case away == 0:
		away = holdBack * m.TargetDuration
	}
	var length time.Duration
	for i := len(m.Segments) - 1; i >= 0; i-- {
		s := &m.Segments[i]
		if s.Open && !f.lowLatency() {
			continue
		}
		if length += s.Duration; length >= away {
			return s.Number
		}
	}
	return m.Sequence
}

// Ended reports whether the playlist will not change any more.
func (f *Follower) Ended() bool { return f.list != nil && f.list.Ended }

// Reload returns how long after the request for the last playlist the next may
// be sent (6.3.4), and the query that lets the server answer when there is
// something new (6.2.5.2), empty if it does not do that.
func (f *Follower) Reload() (wait time.Duration, query string) {
	switch {
	case f.list == nil:
		return 0, ""
	case f.lowLatency() && f.list.CanBlock:
		if f.idle > 0 { // it does not wait as it should
			wait = f.list.PartTarget
		}
		return wait, fmt.Sprintf("_HLS_msn=%d&_HLS_part=%d", f.next, f.part)
	case f.lowLatency():
		return f.list.PartTarget, ""
	case f.idle > 0:
		return f.list.TargetDuration / 2, ""
	}
	return f.list.TargetDuration, ""
}
