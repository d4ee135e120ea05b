package streamname

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Pattern matches stream names segment by segment. A segment of a pattern is
// one of
//
//	live   itself
//	*      any one segment
//	{x}    any one segment, captured as "x"
//	**     one or more segments; only at the end
//
// So "**" matches every name, and "live/**" all names below "live" but not
// "live" itself. The zero Pattern matches nothing. A Pattern is immutable.
type Pattern struct {
	text     string
	segments []patternSegment
}

type patternKind uint8

const (
	literal patternKind = iota
	wildcard
	capture
	rest
)

type patternSegment struct {
	kind patternKind
	text string // the literal, or the name of the capture
}

// ParsePattern returns the pattern that s describes. Literal segments must be
// well formed as Parse has it; the name of a capture is a lower-case letter
// followed by lower-case letters, digits and "_", and unique in the pattern.
func ParsePattern(s string) (Pattern, error) {
	parts := strings.Split(s, "/")
	switch {
	case s == "":
		return Pattern{}, fmt.Errorf("the pattern is empty")
	case len(s) > MaxBytes:
		return Pattern{}, fmt.Errorf("the pattern has %d bytes, at most %d are allowed", len(s), MaxBytes)
	case len(parts) > MaxSegments:
		return Pattern{}, fmt.Errorf("pattern %q has %d segments, at most %d are allowed", s, len(parts), MaxSegments)
	}
	p := Pattern{text: s, segments: make([]patternSegment, len(parts))}
	captured := map[string]bool{}
	for i, part := range parts {
		segment, err := parseSegment(part)
		if err != nil {
			return Pattern{}, fmt.Errorf("pattern %q %w", s, err)
		}
		if segment.kind == rest && i != len(parts)-1 {
			return Pattern{}, fmt.Errorf(`pattern %q has "**" before its end`, s)
		}
		if segment.kind == capture {
			if captured[segment.text] {
				return Pattern{}, fmt.Errorf("pattern %q captures %q twice", s, segment.text)
			}
			captured[segment.text] = true
		}
		p.segments[i] = segment
	}
	return p, nil
}

// parseSegment returns errors that are worded to follow the pattern.
func parseSegment(s string) (patternSegment, error) {
	switch {
	case s == "*":
		return patternSegment{kind: wildcard}, nil
	case s == "**":
		return patternSegment{kind: rest}, nil
	case strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}"):
		name := s[1 : len(s)-1]
		if !validCapture(name) {
			return patternSegment{}, fmt.Errorf("captures %q, which is no name of lower-case letters, digits and _", name)
		}
		return patternSegment{kind: capture, text: name}, nil
	case strings.ContainsAny(s, "*{}"):
		return patternSegment{}, fmt.Errorf("has the segment %q: * and {x} stand for whole segments", s)
	}

	if !utf8.ValidString(s) {
		return patternSegment{}, fmt.Errorf("is not valid UTF-8")
	}
	if problem := segmentProblem(s); problem != "" {
		return patternSegment{}, fmt.Errorf("%s", problem)
	}
	return patternSegment{kind: literal, text: s}, nil
}

func validCapture(name string) bool {
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return name != ""
}

// Match reports whether the pattern matches name, a result of Parse, and what
// its captures stand for: nil if it has none or does not match.
func (p Pattern) Match(name string) (captures map[string]string, ok bool) {
	if len(p.segments) == 0 || name == "" {
		return nil, false
	}
	left, more := name, true
	for _, want := range p.segments {
		if !more {
			return nil, false
		}
		if want.kind == rest {
			return captures, true
		}
		var got string
		got, left, more = strings.Cut(left, "/")
		switch want.kind {
		case literal:
			if got != want.text {
				return nil, false
			}
		case capture:
			if captures == nil {
				captures = make(map[string]string, 1)
			}
			captures[want.text] = got
		}
	}
	if more {
		return nil, false
	}
	return captures, true
}

// Covers reports whether p matches every name that q matches, so that q after p
// in a list where the first match wins has no effect.
func (p Pattern) Covers(q Pattern) bool {
	if len(q.segments) == 0 {
		return true
	}
	for i, want := range p.segments {
		if i >= len(q.segments) {
			return false
		}
		got := q.segments[i]
		switch {
		case want.kind == rest:
			return true
		case got.kind == rest:
			return false
		case want.kind == literal && got != want:
			return false
		}
	}
	return len(p.segments) == len(q.segments)
}

// String returns the text that the pattern was made from.
func (p Pattern) String() string { return p.text }

// MarshalText returns the text that the pattern was made from.
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.text), nil }

// UnmarshalText sets p as ParsePattern does.
func (p *Pattern) UnmarshalText(text []byte) error {
	parsed, err := ParsePattern(string(text))
	if err != nil {
		return err
	}
	*p = parsed
	return nil
}

// Example returns a name that the pattern matches, and whether it is the only
// one. Of the zero Pattern it is empty.
func (p Pattern) Example() (name string, only bool) {
	only = len(p.segments) > 0
	parts := make([]string, len(p.segments))
	for i, s := range p.segments {
		parts[i] = s.text
		if s.kind != literal {
			parts[i], only = "x", false
		}
	}
	return strings.Join(parts, "/"), only
}
