// Package hlstest checks a server of HLS against the specification: RFC 8216 and
// draft-pantos-hls-rfc8216bis, whose sections the comments name. It shares no
// code with the server.
package hlstest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Playlist is a media playlist.
type Playlist struct {
	Version        int
	TargetDuration time.Duration
	Independent    bool // EXT-X-INDEPENDENT-SEGMENTS
	Ended          bool

	CanBlock               bool
	HoldBack, PartHoldBack time.Duration
	PartTarget             time.Duration

	Sequence, DiscontinuitySequence uint64
	// Segments are those that are complete; Open is the one in progress, which has
	// parts only, nil if there is none.
	Segments []Segment
	Open     *Segment
	Hint     string
}

// Segment is a media segment.
type Segment struct {
	URI           string
	Number        uint64 // media sequence number
	Duration      time.Duration
	Discontinuity bool
	Gap           bool
	Map           string
	Time          time.Time // zero if the playlist does not say it
	Parts         []Part
}

// Part is a partial segment.
type Part struct {
	URI              string
	Duration         time.Duration
	Independent, Gap bool
}

// Parse reads a media playlist. It refuses what it does not know, and what must
// not be.
func Parse(text string) (*Playlist, error) {
	p := &parser{list: &Playlist{}, seen: make(map[string]bool)}
	if !strings.HasSuffix(text, "\n") || strings.Contains(text, "\r") {
		return nil, fmt.Errorf("lines do not end in LF")
	}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if err := p.line(i, line); err != nil {
			return nil, fmt.Errorf("line %d, %q: %w", i+1, line, err)
		}
	}
	return p.finish()
}

type parser struct {
	list *Playlist
	seen map[string]bool // tags that may be there once
	next Segment
	any  bool // next has a tag
	inf  bool // next has its duration
	init string
}

func (p *parser) line(i int, line string) error {
	if i == 0 {
		if line != "#EXTM3U" {
			return fmt.Errorf("must be #EXTM3U")
		}
		return nil
	}
	if !strings.HasPrefix(line, "#") {
		return p.uri(line)
	}
	tag, value, _ := strings.Cut(line, ":")
	if of := p.playlistTag(tag, value); of != errOther {
		if p.seen[tag] {
			return fmt.Errorf("%s is there twice", tag)
		}
		p.seen[tag] = true
		if of == nil && (len(p.list.Segments) > 0 || p.any) && tag != "#EXT-X-ENDLIST" && tag != "#EXT-X-PRELOAD-HINT" {
			return fmt.Errorf("%s stands after segments", tag)
		}
		return of
	}
	return p.segmentTag(tag, value)
}

var errOther = fmt.Errorf("no tag of the playlist")

// playlistTag reads a tag that concerns the whole playlist.
func (p *parser) playlistTag(tag, value string) (err error) {
	l := p.list
	switch tag {
	case "#EXT-X-VERSION":
		l.Version, err = strconv.Atoi(value)
	case "#EXT-X-TARGETDURATION":
		var n int
		n, err = strconv.Atoi(value)
		l.TargetDuration = time.Duration(n) * time.Second
	case "#EXT-X-MEDIA-SEQUENCE":
		l.Sequence, err = strconv.ParseUint(value, 10, 64)
	case "#EXT-X-DISCONTINUITY-SEQUENCE":
		l.DiscontinuitySequence, err = strconv.ParseUint(value, 10, 64)
	case "#EXT-X-INDEPENDENT-SEGMENTS":
		l.Independent = true
	case "#EXT-X-ENDLIST":
		l.Ended = true
	case "#EXT-X-SERVER-CONTROL":
		a, err := attributes(value, "CAN-BLOCK-RELOAD", "HOLD-BACK", "PART-HOLD-BACK")
		if err != nil {
			return err
		}
		l.CanBlock = a["CAN-BLOCK-RELOAD"] == "YES"
		if l.HoldBack, err = seconds(a["HOLD-BACK"]); err != nil {
			return err
		}
		l.PartHoldBack, err = seconds(a["PART-HOLD-BACK"])
		return err
	case "#EXT-X-PART-INF":
		a, err := attributes(value, "PART-TARGET")
		if err != nil {
			return err
		}
		l.PartTarget, err = seconds(a["PART-TARGET"])
		return err
	case "#EXT-X-PRELOAD-HINT":
		a, err := attributes(value, "TYPE", "URI")
		if err == nil && a["TYPE"] != "PART" {
			err = fmt.Errorf("type %s", a["TYPE"])
		}
		l.Hint = a["URI"]
		return err
	default:
		return errOther
	}
	return err
}

// segmentTag reads a tag that concerns the next segment.
func (p *parser) segmentTag(tag, value string) (err error) {
	p.any = true
	switch tag {
	case "#EXTINF":
		text, _, found := strings.Cut(value, ",")
		if !found || p.inf {
			return fmt.Errorf("needs a comma, once for each segment")
		}
		p.inf = true
		p.next.Duration, err = seconds(text)
	case "#EXT-X-DISCONTINUITY":
		p.next.Discontinuity = true
	case "#EXT-X-GAP":
		p.next.Gap = true
	case "#EXT-X-PROGRAM-DATE-TIME":
		p.next.Time, err = time.Parse("2006-01-02T15:04:05.000Z07:00", value)
	case "#EXT-X-MAP":
		var a map[string]string
		a, err = attributes(value, "URI")
		p.init = a["URI"]
	case "#EXT-X-PART":
		return p.part(value)
	default:
		return fmt.Errorf("unknown tag")
	}
	if err == nil && tag != "#EXTINF" && len(p.next.Parts) > 0 {
		return fmt.Errorf("must stand before the parts that it applies to")
	}
	return err
}

func (p *parser) part(value string) error {
	a, err := attributes(value, "DURATION", "URI", "INDEPENDENT", "GAP")
	if err != nil {
		return err
	}
	d, err := seconds(a["DURATION"])
	if a["URI"] == "" {
		return fmt.Errorf("no URI")
	}
	p.next.Parts = append(p.next.Parts, Part{URI: a["URI"], Duration: d, Independent: a["INDEPENDENT"] == "YES", Gap: a["GAP"] == "YES"})
	return err
}

func (p *parser) uri(line string) error {
	if !p.inf {
		return fmt.Errorf("a segment without EXTINF")
	}
	p.next.URI = line
	p.list.Segments = append(p.list.Segments, p.take())
	return nil
}

// take returns the segment that the tags so far describe.
func (p *parser) take() Segment {
	s := p.next
	s.Map = p.init
	s.Number = p.list.Sequence + uint64(len(p.list.Segments))
	p.next, p.any, p.inf = Segment{}, false, false
	return s
}

func (p *parser) finish() (*Playlist, error) {
	if p.inf {
		return nil, fmt.Errorf("EXTINF without a segment")
	}
	for _, tag := range []string{"#EXT-X-VERSION", "#EXT-X-TARGETDURATION", "#EXT-X-MEDIA-SEQUENCE"} {
		if !p.seen[tag] {
			return nil, fmt.Errorf("%s is missing", tag)
		}
	}
	if p.any {
		open := p.take()
		p.list.Open = &open
	}
	return p.list, nil
}

var attribute = regexp.MustCompile(`^([A-Z0-9-]+)=("[^"]*"|[^",]+)(,|$)`)

// attributes reads an attribute list (4.2); names are those that may be there.
func attributes(s string, names ...string) (map[string]string, error) {
	out := make(map[string]string)
	for s != "" {
		m := attribute.FindStringSubmatch(s)
		if m == nil {
			return nil, fmt.Errorf("attribute list at %q", s)
		}
		if _, twice := out[m[1]]; twice || !strings.Contains(" "+strings.Join(names, " ")+" ", " "+m[1]+" ") {
			return nil, fmt.Errorf("attribute %s is unknown or there twice", m[1])
		}
		out[m[1]] = strings.Trim(m[2], `"`)
		s = s[len(m[0]):]
	}
	return out, nil
}

var decimal = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

// seconds reads a decimal-floating-point; nothing is 0.
func seconds(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	if !decimal.MatchString(s) {
		return 0, fmt.Errorf("%q is no decimal number", s)
	}
	x, err := strconv.ParseFloat(s, 64)
	return time.Duration(x*1e9 + 0.5), err
}
