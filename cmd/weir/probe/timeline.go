package probe

import (
	"math"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

const (
	// columns is how many pieces a timeline has at most: they fit a terminal.
	columns = 50
	// minPiece keeps several frames in a piece.
	minPiece = int64(200 * time.Millisecond)
)

// timeline cuts the stream into pieces and returns also how long it is in
// seconds.
func (a *Analyzer) timeline() (Timeline, float64) {
	l := Timeline{Video: []int{}, Audio: []int{}, KeyFrames: []int{}, Jumps: []int{}}
	begin, end, found := int64(0), int64(0), false
	for _, t := range a.tracks {
		if n := len(t.samples); n > 0 {
			first, last := t.samples[0].at, t.samples[n-1].at
			if !found {
				begin, end, found = first, last, true
			}
			begin, end = min(begin, first), max(end, last)
		}
	}
	if !found {
		return l, 0
	}
	piece := max(minPiece, (end-begin)/columns+1)
	n := int((end-begin)/piece) + 1
	l.Piece = seconds(piece)
	l.Video, l.Audio, l.KeyFrames, l.Jumps = make([]int, n), make([]int, n), make([]int, n), make([]int, n)
	for _, t := range a.tracks {
		bytes := l.Audio
		if t.av.Kind == av.Video {
			bytes = l.Video
		}
		for _, s := range t.samples {
			i := (s.at - begin) / piece
			bytes[i] += s.size
			if s.key {
				l.KeyFrames[i]++
			}
		}
		for _, j := range t.jumps {
			at := int64(j.At*float64(time.Second)) - begin
			l.Jumps[min(max(0, at/piece), int64(n-1))]++
		}
	}
	for _, row := range [][]int{l.Video, l.Audio} {
		for i, b := range row {
			row[i] = int(math.Round(float64(b) * 8 * float64(time.Second) / float64(piece)))
		}
	}
	return l, seconds(end - begin)
}
