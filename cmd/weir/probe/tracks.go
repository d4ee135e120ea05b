package probe

import (
	"math"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// describe returns what there is to say about a track with frames.
func (t *track) describe() Track {
	d := Track{
		ID: t.av.ID, Kind: t.av.Kind.String(), Codec: t.av.Codec.String(), codec: t.av.Codec, Profile: t.av.Profile,
		Width: t.av.Width, Height: t.av.Height,
		SampleRate: t.av.SampleRate, Channels: t.av.Channels, Frames: len(t.samples),
	}
	d.BitRate, d.PeakBitRate = bitRates(t.samples)
	if t.av.Kind == av.Video {
		d.Profile, d.Level = splitLevel(t.av.Profile)
		d.FrameRate, d.DeclaredFrameRate = frameRate(t.samples), round3(t.av.FrameRate)
		gop, reorder := gops(t.samples), reordering(t.samples)
		d.GOP, d.Reorder = &gop, &reorder
	}
	return d
}

// splitLevel takes "High 4.1" apart: a level begins with a digit and has a dot
// or a letter.
func splitLevel(text string) (profile, level string) {
	i := strings.LastIndexByte(text, ' ')
	last := text[i+1:]
	if i < 0 || last == "" || last[0] < '0' || last[0] > '9' || !strings.ContainsAny(last, ".b") {
		return text, ""
	}
	return text[:i], last
}

// bitRates returns the average and that of the fullest whole second.
func bitRates(samples []sample) (average, peak int) {
	first, total := samples[0].at, 0
	second, sum := int64(0), 0 // the second that is being filled
	for _, s := range samples {
		total += s.size
		if n := (s.at - first) / int64(time.Second); n != second {
			peak = max(peak, sum)
			second, sum = n, 0
		}
		sum += s.size
	}
	if length := length(samples); length > 0 {
		average = int(math.Round(float64(total) * 8 * float64(time.Second) / float64(length)))
	}
	return average, peak * 8
}

// length is how long samples play: their span and the last one's own time.
func length(samples []sample) int64 {
	n := int64(len(samples))
	if n < 2 {
		return 0
	}
	return span(samples) + span(samples)/(n-1)
}

// frameRate is frames by media time, 0 if there is not enough of it.
func frameRate(samples []sample) float64 {
	if span(samples) == 0 {
		return 0
	}
	return round3(float64(len(samples)-1) * float64(time.Second) / float64(span(samples)))
}

func round3(v float64) float64 { return math.Round(v*1e3) / 1e3 }

// gops measures the groups of pictures. What precedes the first key frame
// belongs to none.
func gops(samples []sample) GOP {
	var g GOP
	var sum, shortest, longest int64
	begin := -1
	for i, s := range samples {
		if !s.key {
			continue
		}
		if begin >= 0 {
			d, n := s.at-samples[begin].at, i-begin
			if g.Complete == 0 {
				shortest, g.ShortestFrames = d, n
			}
			shortest, longest = min(shortest, d), max(longest, d)
			g.ShortestFrames, g.LongestFrames = min(g.ShortestFrames, n), max(g.LongestFrames, n)
			g.Complete++
			sum += d
		}
		begin = i
	}
	if g.Complete > 0 {
		g.Shortest, g.Mean, g.Longest = seconds(shortest), seconds(sum/int64(g.Complete)), seconds(longest)
	}
	g.Unfinished = seconds(span(samples[max(begin, 0):]))
	return g
}

// maxReorder is how far back frames are compared: a decoded picture buffer has
// at most 16 (ITU-T H.264, A.3.1).
const maxReorder = 16

// reordering finds the frames that are shown before ones that were sent
// earlier, whatever the codec calls them.
func reordering(samples []sample) Reorder {
	var r Reorder
	run := 0
	for i, s := range samples {
		depth := 0
		for _, earlier := range samples[max(0, i-maxReorder):i] {
			if earlier.shown() > s.shown() {
				depth++
			}
		}
		if depth == 0 {
			run = 0
			continue
		}
		run++
		r.BFrames++
		r.InARow, r.Depth = max(r.InARow, run), max(r.Depth, depth)
	}
	return r
}

// shown is the presentation time without jumps.
func (s *sample) shown() int64 { return s.at + s.pts - s.dts }
