package hls

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/weirmedia/weir/protocols/hls/segment"
)

// The names below /NAME/~hls/ are
//
//	FORMAT.m3u8             the media playlist
//	EPOCH-i-NUMBER.mp4      an initialization section
//	EPOCH-NUMBER.m4s|ts     a segment, by its media sequence number
//	EPOCH-NUMBER.PART.m4s|ts
//
// An epoch is random and belongs to one muxer, so that no name ever means other
// bytes, also after a restart. It is long enough not to be guessed: who knows a
// name has seen a playlist.
type resource struct {
	epoch string
	kind  kind
	// number is that of the segment or of the initialization section.
	number uint64
	part   int
}

type kind uint8

const (
	initSection kind = iota
	wholeSegment
	partialSegment
)

// epochLength is 80 random bits in base 32.
const epochLength = 16

const playlistExtension = ".m3u8"

func extension(f segment.Format) string {
	if f == segment.TS {
		return ".ts"
	}
	return ".m4s"
}

func initName(epoch string, number int) string { return fmt.Sprintf("%s-i-%d.mp4", epoch, number) }

func segmentName(epoch string, number uint64, f segment.Format) string {
	return fmt.Sprintf("%s-%d%s", epoch, number, extension(f))
}

func partName(epoch string, number uint64, part int, f segment.Format) string {
	return fmt.Sprintf("%s-%d.%d%s", epoch, number, part, extension(f))
}

// parseResource reads a name. ok is false if no muxer ever gave it.
func parseResource(name string) (r resource, ok bool) {
	epoch, rest, found := strings.Cut(name, "-")
	if !found || len(epoch) != epochLength {
		return r, false
	}
	r.epoch = epoch
	if digits, isInit := strings.CutPrefix(rest, "i-"); isInit {
		digits, isInit = strings.CutSuffix(digits, ".mp4")
		r.number, ok = number(digits)
		return r, ok && isInit
	}
	base, isFMP4 := strings.CutSuffix(rest, extension(segment.FMP4))
	if !isFMP4 {
		var isTS bool
		if base, isTS = strings.CutSuffix(rest, extension(segment.TS)); !isTS {
			return r, false
		}
	}
	digits, part, isPart := strings.Cut(base, ".")
	r.kind = wholeSegment
	if r.number, ok = number(digits); !ok || !isPart {
		return r, ok
	}
	r.kind = partialSegment
	n, ok := number(part)
	r.part = int(n)
	return r, ok
}

// number reads a decimal number as it is written here: no sign, no zero in
// front.
func number(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return n, err == nil && strconv.FormatUint(n, 10) == s
}
