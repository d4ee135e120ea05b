// Package streamname says what a stream name is: which names are well formed,
// which may be published, how RTMP's app and stream key become one, and which
// names a pattern matches.
//
// A name is one or more segments joined by "/", such as "live/test" or
// "cam/north/hd". Names are percent-decoded, case-sensitive and compared byte
// by byte, without Unicode normalisation. All functions are safe for
// concurrent use.
package streamname

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weirmedia/weir/pkg/reason"
)

const (
	// MaxBytes bounds a name. It is the longest file name that common file
	// systems take, so that any name can be part of a recording's.
	MaxBytes = 255
	// MaxSegments bounds the segments of a name.
	MaxSegments = 8
)

// The words below are what the HTTP server answers by itself, see "What users
// type" in the design: a stream of such a name could not be reached.
func reservedFirst(segment string) bool {
	switch segment {
	case "api", "rtc", "metrics", "healthz", "readyz", "debug", "assets":
		return true
	}
	return false
}

func reservedLast(segment string) bool {
	switch segment {
	case "whip", "whep", "index", "snapshot":
		return true
	}
	return false
}

// Parse returns s as a stream name. s is percent-decoded already. One leading
// and one trailing slash, which URL paths bring along, are dropped. What is
// left must be valid UTF-8 of 1 to MaxBytes bytes in 1 to MaxSegments
// segments, none of which is empty, ".", ".." or has a space at its start or
// end, and must hold no control character, line separator, backslash, '?', '#'
// or '%': the last three end or escape a path in URLs, so that a name with
// them could not be typed the same way everywhere. Parse of a result returns
// the same result.
//
// Errors name the rule and carry reason.BadName.
func Parse(s string) (string, error) {
	name := strings.TrimSuffix(strings.TrimPrefix(s, "/"), "/")
	switch {
	case name == "":
		return "", badName("the stream name is empty")
	case len(name) > MaxBytes:
		return "", badName("the stream name has %d bytes, at most %d are allowed", len(name), MaxBytes)
	case !utf8.ValidString(name):
		return "", badName("the stream name is not valid UTF-8")
	case strings.Count(name, "/") >= MaxSegments:
		return "", badName("stream name %q has %d segments, at most %d are allowed", name, strings.Count(name, "/")+1, MaxSegments)
	}
	for segment := range strings.SplitSeq(name, "/") {
		if problem := segmentProblem(segment); problem != "" {
			return "", badName("stream name %q %s", name, problem)
		}
	}
	return name, nil
}

// segmentProblem returns what is wrong with one segment, worded to follow the
// name, or "".
func segmentProblem(segment string) string {
	switch {
	case segment == "":
		return "has an empty segment"
	case segment == "." || segment == "..":
		return fmt.Sprintf("has the segment %q", segment)
	case segment[0] == ' ' || segment[len(segment)-1] == ' ':
		return "has a space at the start or end of a segment"
	}
	for _, r := range segment {
		switch {
		case unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp):
			return fmt.Sprintf("holds the control character %U", r)
		case strings.ContainsRune(`\?#%`, r):
			return fmt.Sprintf("holds the character %q", r)
		}
	}
	return ""
}

// CheckPublish refuses names that are reserved: those that start with a word
// of the HTTP interface (api, rtc, metrics, healthz, readyz, debug, assets),
// end in one (whip, whep, index, snapshot) or in the extension of an output
// (.flv, .ts, .mp4, .m3u8), or have a segment that starts with "~" or ".".
// name is a result of Parse. Playing such a name needs no check: there is no
// such stream.
//
// Errors name the rule and carry reason.BadName.
func CheckPublish(name string) error {
	segments := strings.Split(name, "/")
	first, last := segments[0], segments[len(segments)-1]
	if reservedFirst(first) {
		return badName("stream name %q is reserved: it starts with %q", name, first)
	}
	if reservedLast(last) {
		return badName("stream name %q is reserved: it ends with %q", name, last)
	}
	for _, segment := range segments {
		if strings.HasPrefix(segment, "~") || strings.HasPrefix(segment, ".") {
			return badName("stream name %q is reserved: the segment %q starts with %q", name, segment, segment[:1])
		}
	}
	for _, extension := range []string{".flv", ".ts", ".mp4", ".m3u8"} {
		if strings.HasSuffix(last, extension) {
			return badName("stream name %q is reserved: it ends with %q", name, extension)
		}
	}
	return nil
}

func badName(format string, args ...any) error {
	return reason.Wrap(reason.BadName, fmt.Errorf(format, args...))
}
