package hlsclient

import (
	"errors"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// Media is a media playlist (4.4.3). It is immutable.
type Media struct {
	// TargetDuration is what no segment, rounded to seconds, is longer than.
	TargetDuration time.Duration
	// PartTarget is what no part is longer than; 0 if there are no parts.
	PartTarget time.Duration
	// HoldBack is how far from the end to play, PartHoldBack the same for players
	// that play parts; 0 if it is not said.
	HoldBack, PartHoldBack time.Duration
	// CanBlock says that the server answers when there is something new.
	CanBlock bool
	// Independent claims that each segment can be decoded alone.
	Independent bool
	// Sequence is the number of the first segment, DiscontinuitySequence how many
	// discontinuities were before it.
	Sequence, DiscontinuitySequence uint64
	// Segments are in order. The last one may be open.
	Segments []Segment
	// Hint is the URI of the part that comes next; empty for none.
	Hint string
	// Ended says that nothing will be added.
	Ended bool
}

// Segment is a media segment.
type Segment struct {
	URI   string
	Range Range
	// Number is its media sequence number.
	Number uint64
	// Duration of an open segment is that of its parts so far.
	Duration time.Duration
	// Open says that the segment grows: there are only parts.
	Open bool
	// Discontinuity says that the segment does not continue the one before it.
	Discontinuity bool
	// Epoch is how many discontinuities there were up to the segment.
	Epoch uint64
	// Gap says that there is no media.
	Gap bool
	// Map is the initialization section; nil if there is none.
	Map *Map
	// Encryption is the METHOD of EXT-X-KEY; empty if the segment is not encrypted.
	Encryption string
	// Time is when the segment begins, as EXT-X-PROGRAM-DATE-TIME of it or one
	// before says; zero if none does.
	Time  time.Time
	Parts []Part
}

// Map is an initialization section (4.4.4.5).
type Map struct {
	URI   string
	Range Range
}

// Part is a partial segment (4.4.4.9).
type Part struct {
	URI      string
	Range    Range
	Duration time.Duration
	// Independent says that the part begins with a key frame.
	Independent bool
	// Gap says that there is no media.
	Gap bool
}

// End returns the number of the segment behind the last one.
func (m *Media) End() uint64 { return m.Sequence + uint64(len(m.Segments)) }

// LowLatency reports whether the playlist has parts.
func (m *Media) LowLatency() bool { return m.PartTarget > 0 }

// Newest returns when the newest media in the playlist ends; zero if the
// playlist has no times.
func (m *Media) Newest() time.Time {
	if len(m.Segments) == 0 {
		return time.Time{}
	}
	last := &m.Segments[len(m.Segments)-1]
	if last.Time.IsZero() {
		return time.Time{}
	}
	return last.Time.Add(last.Duration)
}

// ParseMedia reads a media playlist. Tags and attributes that it does not know
// are passed over. Errors have a reason, reason.Unsupported if the playlist is
// right but cannot be played, and are *SyntaxError if they are about one line.
func ParseMedia(text string) (*Media, error) {
	p := &mediaParser{list: &Media{}}
	if err := scan(text, p.line); err != nil {
		return nil, err
	}
	if err := p.finish(); err != nil {
		return nil, reason.Wrap(reason.BadMessage, err)
	}
	return p.list, nil
}

// mediaParser is what is known between two lines.
type mediaParser struct {
	list     *Media
	next     Segment
	timed    bool // next has EXTINF
	tagged   bool // next has anything
	init     *Map
	method   string // of encryption
	lastURI  string // of a segment with a range
	last     Range
	lastPart Part
}

func (p *mediaParser) line(tag, value string) (err error) {
	l := p.list
	switch tag {
	case "":
		return p.uri(value)
	case "EXT-X-TARGETDURATION":
		l.TargetDuration, err = seconds(value)
	case "EXT-X-MEDIA-SEQUENCE":
		l.Sequence, err = whole(value)
	case "EXT-X-DISCONTINUITY-SEQUENCE":
		l.DiscontinuitySequence, err = whole(value)
	case "EXT-X-INDEPENDENT-SEGMENTS":
		l.Independent = true
	case "EXT-X-ENDLIST":
		l.Ended = true
	case "EXT-X-SERVER-CONTROL":
		return attributes(value, p.serverControl)
	case "EXT-X-PART-INF":
		return attributes(value, func(name, value string) (err error) {
			if name == "PART-TARGET" {
				l.PartTarget, err = seconds(value)
			}
			return err
		})
	case "EXT-X-PRELOAD-HINT":
		return p.hint(value)
	case "EXT-X-SKIP":
		return reason.Wrap(reason.Unsupported, errors.New("a delta update that nobody asked for"))
	case "EXT-X-DEFINE":
		return errDefine
	case "EXT-X-STREAM-INF":
		return errors.New("this is a multivariant playlist, not a media playlist")
	default:
		return p.segmentTag(tag, value)
	}
	return err
}

func (p *mediaParser) serverControl(name, value string) (err error) {
	switch name {
	case "CAN-BLOCK-RELOAD":
		p.list.CanBlock = value == "YES"
	case "HOLD-BACK":
		p.list.HoldBack, err = seconds(value)
	case "PART-HOLD-BACK":
		p.list.PartHoldBack, err = seconds(value)
	}
	return err
}

func (p *mediaParser) hint(value string) error {
	var kind, uri string
	err := attributes(value, func(name, value string) error {
		switch name {
		case "TYPE":
			kind = value
		case "URI":
			uri = value
		}
		return nil
	})
	if kind == "PART" {
		p.list.Hint = uri
	}
	return err
}

// segmentTag reads a tag that is about the next segment.
func (p *mediaParser) segmentTag(tag, value string) (err error) {
	s := &p.next
	switch tag {
	case "EXTINF":
		text, _, _ := strings.Cut(value, ",")
		s.Duration, err = seconds(strings.TrimSpace(text))
		p.timed = true
	case "EXT-X-BYTERANGE":
		s.Range, err = parseRange(value, Range{})
		if !strings.Contains(value, "@") {
			s.Range.Offset = -1 // behind the last one of the same resource
		}
	case "EXT-X-DISCONTINUITY":
		s.Discontinuity = true
	case "EXT-X-GAP":
		s.Gap = true
	case "EXT-X-PROGRAM-DATE-TIME":
		s.Time, err = date(value)
	case "EXT-X-MAP":
		p.init, err = parseMap(value)
	case "EXT-X-KEY":
		return attributes(value, func(name, value string) error {
			if name == "METHOD" {
				p.method = strings.TrimPrefix(value, "NONE")
			}
			return nil
		})
	case "EXT-X-PART":
		err = p.part(value)
	default:
		return nil
	}
	p.tagged = true
	return err
}

func parseMap(value string) (*Map, error) {
	m := &Map{}
	err := attributes(value, func(name, value string) (err error) {
		switch name {
		case "URI":
			m.URI = value
		case "BYTERANGE":
			m.Range, err = parseRange(value, Range{})
		}
		return err
	})
	if err == nil && m.URI == "" {
		err = errors.New("an initialization section without URI")
	}
	return m, err
}

func (p *mediaParser) part(value string) error {
	var part Part
	var bytes string
	err := attributes(value, func(name, value string) (err error) {
		switch name {
		case "URI":
			part.URI = value
		case "DURATION":
			part.Duration, err = seconds(value)
		case "INDEPENDENT":
			part.Independent = value == "YES"
		case "GAP":
			part.Gap = value == "YES"
		case "BYTERANGE":
			bytes = value
		}
		return err
	})
	if err == nil && part.URI == "" {
		err = errors.New("a part without URI")
	}
	if err == nil && bytes != "" {
		var last Range
		if p.lastPart.URI == part.URI {
			last = p.lastPart.Range
		}
		part.Range, err = parseRange(bytes, last)
	}
	p.lastPart = part
	p.next.Parts = append(p.next.Parts, part)
	return err
}

func (p *mediaParser) uri(line string) error {
	if !p.timed {
		return errors.New("a segment without EXTINF before it")
	}
	p.next.URI = line
	if p.next.Range.Offset < 0 {
		if p.lastURI != line {
			return errors.New("a range without offset, and no range of the same resource before it")
		}
		p.next.Range.Offset = p.last.Offset + p.last.Length
	}
	p.lastURI, p.last = line, p.next.Range
	p.take()
	return nil
}

// take ends the segment that the tags so far describe.
func (p *mediaParser) take() {
	p.next.Map, p.next.Encryption = p.init, p.method
	p.list.Segments = append(p.list.Segments, p.next)
	p.next, p.timed, p.tagged = Segment{}, false, false
}

// finish completes what depends on other lines.
func (p *mediaParser) finish() error {
	l := p.list
	if p.timed {
		return errors.New("the last EXTINF has no segment behind it")
	}
	if len(p.next.Parts) > 0 {
		p.next.Open = true
		for _, part := range p.next.Parts {
			p.next.Duration += part.Duration
		}
		p.take()
	}
	if l.TargetDuration == 0 {
		return errors.New("there is no EXT-X-TARGETDURATION of more than 0")
	}
	epoch := l.DiscontinuitySequence
	for i := range l.Segments {
		s := &l.Segments[i]
		s.Number = l.Sequence + uint64(i)
		if s.Discontinuity {
			epoch++
		}
		s.Epoch = epoch
		if i > 0 && s.Time.IsZero() && !s.Discontinuity && !l.Segments[i-1].Time.IsZero() {
			s.Time = l.Segments[i-1].Time.Add(l.Segments[i-1].Duration)
		}
	}
	return nil
}
