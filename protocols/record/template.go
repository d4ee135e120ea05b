package record

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weirmedia/weir/pkg/streamname"
)

// Template is the path of a file below the folder of recordings, without extension,
// with {x} to be filled. Its own parts are checked by check; what is filled in comes
// from names that strangers choose, and is escaped.
type Template string

const (
	maxTemplate = 255
	// maxSegment is how long common file systems let a part of a path be, in bytes.
	maxSegment = 255
	// lastRoom is what the last part leaves for an extension and the number by which
	// the library tells files of one name apart.
	lastRoom = 15
)

// fields are what a template is filled with.
type fields struct {
	stream   string
	captures map[string]string
	start    time.Time
	n        uint64 // of the segment, from 1 on
}

// value returns what stands for a key, escaped. ok is false if nothing does.
func (f *fields) value(key string) (value string, ok bool) {
	switch key {
	case "name":
		parts := strings.Split(f.stream, "/")
		for i, part := range parts {
			parts[i] = escape(part)
		}
		return strings.Join(parts, "/"), true
	case "date":
		return f.start.UTC().Format("2006-01-02"), true
	case "time":
		return f.start.UTC().Format("15-04-05.000"), true
	case "unix":
		return strconv.FormatInt(f.start.UnixMilli(), 10), true
	case "n":
		return strconv.FormatUint(f.n, 10), true
	}
	value, ok = f.captures[key]
	return escape(value), ok
}

// fill returns the path for a segment. It stays below the folder, and none of its
// parts is longer than a file system takes.
func (t Template) fill(f fields) (string, error) {
	path, _, err := t.expand(&f)
	if err != nil {
		return "", err
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		most := maxSegment
		if i == len(parts)-1 {
			most -= lastRoom
		}
		parts[i] = shorten(part, most)
	}
	path = strings.Join(parts, "/")
	if !filepath.IsLocal(path) {
		return "", fmt.Errorf("%q leaves the folder", path)
	}
	return path, nil
}

// expand replaces what is in braces and tells which keys were there.
func (t Template) expand(f *fields) (path string, keys map[string]bool, err error) {
	var b strings.Builder
	keys = make(map[string]bool)
	for rest := string(t); ; {
		before, after, found := strings.Cut(rest, "{")
		b.WriteString(before)
		if !found {
			return b.String(), keys, nil
		}
		key, tail, closed := strings.Cut(after, "}")
		if !closed {
			return "", nil, errors.New(`"{" without "}"`)
		}
		value, known := f.value(key)
		if !known {
			return "", nil, fmt.Errorf("{%.32s} is neither name, date, time, unix or n nor captured by each pattern", key)
		}
		b.WriteString(value)
		keys[key] = true
		rest = tail
	}
}

// check reports what is wrong with a template for the streams of these patterns, none
// of which means any stream.
func (t Template) check(patterns []streamname.Pattern) error {
	if err := t.checkText(); err != nil {
		return err
	}
	if len(patterns) == 0 {
		_, keys, err := t.expand(&fields{stream: "x"})
		if err == nil && !keys["name"] {
			err = errors.New("needs {name}, since it is for many streams")
		}
		return errors.Join(err, unique(keys))
	}
	for _, p := range patterns {
		example, _ := p.Example()
		captures, _ := p.Match(example)
		_, keys, err := t.expand(&fields{stream: example, captures: captures})
		if err != nil {
			return err
		}
		if !keys["name"] && (len(patterns) > 1 || !tellsApart(p, keys) || t.joins(captures)) {
			return errors.New("needs {name}, since the rule is for several streams")
		}
		if err := unique(keys); err != nil {
			return err
		}
	}
	return nil
}

// checkText reports what no path may look like, whatever is filled in.
func (t Template) checkText() error {
	switch {
	case t == "":
		return errors.New("must not be empty")
	case len(t) > maxTemplate:
		return fmt.Errorf("must have at most %d bytes, has %d", maxTemplate, len(t))
	case !utf8.ValidString(string(t)):
		return errors.New("must be valid UTF-8")
	case strings.ContainsFunc(string(t), unicode.IsControl) || strings.Contains(string(t), `\`):
		return errors.New("must not have a control character or backslash")
	}
	for part := range strings.SplitSeq(string(t), "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("must be a path below the folder, has the part %q", part)
		}
	}
	return nil
}

// unique reports an error if segments of one stream would have the same name.
func unique(keys map[string]bool) error {
	if keys == nil || keys["unix"] || keys["n"] || keys["date"] && keys["time"] {
		return nil
	}
	return errors.New("needs {date} and {time}, {unix} or {n}, or all segments of a stream have the same name")
}

// joins reports whether a part of the path has several captures: "{x}-{y}" is the same of
// a-b/c and of a/b-c.
func (t Template) joins(captures map[string]string) bool {
	for part := range strings.SplitSeq(string(t), "/") {
		n := 0
		for capture := range captures {
			n += strings.Count(part, "{"+capture+"}")
		}
		if n > 1 {
			return true
		}
	}
	return false
}

// tellsApart reports whether the keys tell all streams apart that p matches.
func tellsApart(p streamname.Pattern, keys map[string]bool) bool {
	for part := range strings.SplitSeq(p.String(), "/") {
		capture, isCapture := strings.CutPrefix(part, "{")
		if strings.HasPrefix(part, "*") || isCapture && !keys[strings.TrimSuffix(capture, "}")] {
			return false
		}
	}
	return true
}

// escape makes a part of a stream's name one of a path on every file system: what
// these do not take, and a "." or space at either end, is percent-encoded. Names have
// no "%" of their own, so that different parts stay different.
func escape(part string) string {
	var b strings.Builder
	for i, r := range part {
		edge := i == 0 || i+utf8.RuneLen(r) == len(part)
		switch {
		case r == utf8.RuneError, unicode.IsControl(r), strings.ContainsRune(`/\<>:"|?*%`, r), edge && (r == '.' || r == ' '):
			for _, c := range []byte(string(r)) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// shorten cuts a part of a path that is longer than most bytes, and tells those apart
// that begin with the same by a digest.
func shorten(part string, most int) string {
	if len(part) <= most {
		return part
	}
	sum := sha256.Sum256([]byte(part))
	mark := "~" + hex.EncodeToString(sum[:8])
	cut := most - len(mark)
	for !utf8.RuneStart(part[cut]) {
		cut--
	}
	return part[:cut] + mark
}
