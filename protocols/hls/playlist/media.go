package playlist

import (
	"strconv"
	"time"
)

// Media is a media playlist of a live stream (4.4.3).
type Media struct {
	// TargetDuration is EXT-X-TARGETDURATION, a whole number of seconds: no
	// segment, rounded to seconds, is longer. It must not change.
	TargetDuration time.Duration
	// PartTarget is the longest duration of a part; 0 if there are no parts and
	// the playlist cannot be waited for.
	PartTarget time.Duration
	// Independent claims that each segment can be decoded alone.
	Independent bool
	// Sequence is the media sequence number of the first segment,
	// DiscontinuitySequence the number of discontinuities that left the playlist.
	Sequence, DiscontinuitySequence uint64
	// Segments are in order. The last one may be open.
	Segments []Segment
	// Hint is the URI of the part that comes next; empty for none.
	Hint string
	// HintBreaks says that this part begins a segment that does not continue the
	// last one. Players that count discontinuities want to know it as soon as they
	// know of the part.
	HintBreaks bool
	// Ended says that nothing will be added.
	Ended bool
}

// Segment is a media segment.
type Segment struct {
	URI      string
	Duration time.Duration
	// Open says that the segment grows: only its parts are listed.
	Open bool
	// Discontinuity says that the segment does not continue the one before it.
	Discontinuity bool
	// Gap says that there is no media: nothing is at URI.
	Gap bool
	// Map is the URI of the initialization section; empty if there is none.
	Map string
	// Time is when the segment's first sample was made; not written if zero.
	Time time.Time
	// Parts are those to list, all of the segment or none.
	Parts []Part
}

// Part is a partial segment (4.4.4.9).
type Part struct {
	URI      string
	Duration time.Duration
	// Independent says that the part starts with a key frame.
	Independent bool
	// Gap says that there is no media: nothing is at URI.
	Gap bool
}

const (
	tagDiscontinuity = "#EXT-X-DISCONTINUITY\n"
	// holdBack is how many target durations players stay away from the end
	// (HOLD-BACK, 4.4.3.8); less is not allowed.
	holdBack = 3
	// partHoldBack is the same in part targets for players that know parts. At
	// least 2 are needed, 3 recommended.
	partHoldBack = 3
	// A map without I-frames needs version 6, durations with decimals 3 (8).
	versionMap, versionDecimals = 6, 3
)

// Append appends the playlist's text.
func (m *Media) Append(dst []byte) []byte {
	dst = append(dst, "#EXTM3U\n#EXT-X-VERSION:"...)
	dst = strconv.AppendInt(dst, int64(m.version()), 10)
	dst = append(dst, "\n#EXT-X-TARGETDURATION:"...)
	dst = strconv.AppendInt(dst, int64(m.TargetDuration/time.Second), 10)
	dst = append(dst, '\n')
	if m.PartTarget > 0 {
		dst = append(dst, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,HOLD-BACK="...)
		dst = appendSeconds(dst, holdBack*m.TargetDuration)
		dst = append(dst, ",PART-HOLD-BACK="...)
		dst = appendSeconds(dst, partHoldBack*m.PartTarget)
		dst = append(dst, "\n#EXT-X-PART-INF:PART-TARGET="...)
		dst = appendSeconds(dst, m.PartTarget)
		dst = append(dst, '\n')
	}
	if m.Independent {
		dst = append(dst, "#EXT-X-INDEPENDENT-SEGMENTS\n"...)
	}
	dst = append(dst, "#EXT-X-MEDIA-SEQUENCE:"...)
	dst = strconv.AppendUint(dst, m.Sequence, 10)
	dst = append(dst, "\n#EXT-X-DISCONTINUITY-SEQUENCE:"...)
	dst = strconv.AppendUint(dst, m.DiscontinuitySequence, 10)
	dst = append(dst, '\n')
	before := "" // the map in force
	for i := range m.Segments {
		dst = m.Segments[i].append(dst, before)
		before = m.Segments[i].Map
	}
	switch {
	case m.Ended:
		dst = append(dst, "#EXT-X-ENDLIST\n"...)
	case m.Hint != "":
		if m.HintBreaks {
			dst = append(dst, tagDiscontinuity...)
		}
		dst = appendQuoted(dst, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI", m.Hint)
		dst = append(dst, '\n')
	}
	return dst
}

func (m *Media) version() int {
	for i := range m.Segments {
		if m.Segments[i].Map != "" {
			return versionMap
		}
	}
	return versionDecimals
}

// append appends the segment, after one with map before. What applies to the
// segment stands before its first part, since it applies to that too.
func (s *Segment) append(dst []byte, before string) []byte {
	if s.Discontinuity {
		dst = append(dst, tagDiscontinuity...)
	}
	if s.Map != "" && s.Map != before {
		dst = appendQuoted(dst, "#EXT-X-MAP:URI", s.Map)
		dst = append(dst, '\n')
	}
	if !s.Time.IsZero() {
		dst = append(dst, "#EXT-X-PROGRAM-DATE-TIME:"...)
		dst = s.Time.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
		dst = append(dst, '\n')
	}
	if s.Gap {
		dst = append(dst, "#EXT-X-GAP\n"...)
	}
	for i := range s.Parts {
		dst = s.Parts[i].append(dst)
	}
	if s.Open {
		return dst
	}
	dst = append(dst, "#EXTINF:"...)
	dst = appendSeconds(dst, s.Duration)
	dst = append(dst, ",\n"...)
	dst = append(dst, s.URI...)
	return append(dst, '\n')
}

func (p *Part) append(dst []byte) []byte {
	dst = append(dst, "#EXT-X-PART:DURATION="...)
	dst = appendSeconds(dst, p.Duration)
	dst = appendQuoted(dst, ",URI", p.URI)
	if p.Independent {
		dst = append(dst, ",INDEPENDENT=YES"...)
	}
	if p.Gap {
		dst = append(dst, ",GAP=YES"...)
	}
	return append(dst, '\n')
}
