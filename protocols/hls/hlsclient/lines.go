package hlsclient

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

const (
	// maxPlaylist bounds a playlist in bytes: a day of segments of 2 s.
	maxPlaylist = 8 << 20
	// maxShown is how much of a line an error repeats.
	maxShown = 80
)

// SyntaxError is a line of a playlist that cannot be read.
type SyntaxError struct {
	// Line counts from 1.
	Line int
	// Text is the line, at most 80 bytes of it.
	Text string
	Err  error
}

// Error returns where and what.
func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d, %q: %v", e.Line, e.Text, e.Err) }

// Unwrap returns what is wrong with the line.
func (e *SyntaxError) Unwrap() error { return e.Err }

// scan calls visit with each line that says something: a tag, its value behind
// the colon, or a URI with an empty tag. Errors are *SyntaxError, with
// reason.BadMessage unless they have another reason. It takes what is wrong but
// clear: CR LF, spaces at the end of lines, a byte order mark, and a last line
// without an end (4.1).
func scan(text string, visit func(tag, value string) error) error {
	if len(text) > maxPlaylist {
		return reason.Wrap(reason.LimitReached, fmt.Errorf("a playlist of %d bytes, limit %d", len(text), maxPlaylist))
	}
	text = strings.TrimPrefix(text, "\uFEFF")
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		var err error
		switch {
		case n == 1:
			if line != "#EXTM3U" {
				err = errors.New("a playlist begins with #EXTM3U")
			}
		case line == "":
		case line[0] != '#':
			err = visit("", line)
		case strings.HasPrefix(line, "#EXT"): // others are comments
			tag, value, _ := strings.Cut(line[1:], ":")
			err = visit(tag, value)
		}
		if err != nil {
			return reason.Wrap(reason.Of(err, reason.BadMessage), &SyntaxError{n, line[:min(len(line), maxShown)], err})
		}
	}
	if n == 0 {
		return reason.Wrap(reason.BadMessage, errors.New("an empty playlist"))
	}
	return nil
}

// attributes calls visit with each attribute of a list (4.2), values without
// their quotation marks.
func attributes(list string, visit func(name, value string) error) error {
	for list = strings.TrimSpace(list); list != ""; list = strings.TrimLeft(list, " ") {
		name, rest, found := strings.Cut(list, "=")
		if !found {
			return fmt.Errorf("the attribute %.20q has no value", list)
		}
		var value string
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			if value, rest, found = strings.Cut(quoted, `"`); !found {
				return fmt.Errorf("the value of %.20s has no second quotation mark", name)
			}
			if rest = strings.TrimLeft(rest, " "); rest != "" && rest[0] != ',' {
				return fmt.Errorf("no comma after the value of %.20s", name)
			}
			list = strings.TrimPrefix(rest, ",")
		} else {
			value, list, _ = strings.Cut(rest, ",")
			value = strings.TrimSpace(value)
		}
		if err := visit(name, value); err != nil {
			return fmt.Errorf("%.20s: %w", name, err)
		}
	}
	return nil
}

// Range is a part of a resource. The zero value means all of it.
type Range struct {
	// Offset and Length are in bytes.
	Offset, Length int64
}

// parseRange reads "LENGTH[@OFFSET]" (4.4.4.2). Without an offset the range
// begins where the last one of the resource ended.
func parseRange(s string, last Range) (Range, error) {
	length, offset, placed := strings.Cut(s, "@")
	r := Range{Offset: last.Offset + last.Length}
	n, err := whole(length)
	if err == nil && n == 0 {
		err = errors.New("a range of no bytes")
	}
	if r.Length = int64(n); err == nil && placed {
		n, err = whole(offset)
		r.Offset = int64(n)
	}
	if err == nil && r.Offset+r.Length < r.Offset {
		err = errors.New("a range too far away")
	}
	return r, err
}

// whole reads a decimal-integer (4.2). It fits int64 too.
func whole(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%.20q is no whole number", s)
	}
	return n, nil
}

// maxSeconds is more than anything in a playlist lasts: a day.
const maxSeconds = 24 * 3600

// seconds reads a decimal-floating-point number of seconds (4.2).
func seconds(s string) (time.Duration, error) {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || !(x >= 0 && x <= maxSeconds) {
		return 0, fmt.Errorf("%.20q is no number of seconds up to %d", s, maxSeconds)
	}
	return time.Duration(x*float64(time.Second) + 0.5), nil
}

// timeLayouts are those of ISO 8601 that servers write (4.4.4.6).
var timeLayouts = [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999"}

// date reads an EXT-X-PROGRAM-DATE-TIME; one without a zone is taken for UTC.
func date(s string) (time.Time, error) {
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%.40q is no date and time", s)
}
