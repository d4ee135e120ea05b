package probe

import (
	"math"
	"slices"
	"time"
)

const (
	// A pause of at least minGap that is also longer than gapFactor usual
	// intervals is a jump; anything beyond maxGap is. Slide shows with a frame a
	// second are none.
	minGap    = int64(time.Second)
	gapFactor = 5
	maxGap    = int64(time.Minute)
	// maxListed bounds the list of jumps in a report.
	maxListed = 20
	// A track may begin this much before or after the first one of the stream.
	// One that is further away has another clock; then it is taken to begin with
	// the stream.
	maxStart = int64(time.Hour)
)

// straighten gives all samples their media time: DTS from the first frame of
// the stream on, in which a jump counts as one usual interval.
func (a *Analyzer) straighten() {
	origin, found := int64(0), false
	for _, t := range a.tracks {
		if len(t.samples) > 0 && t.samples[0].seq == 0 {
			origin, found = t.samples[0].dts, true
		}
	}
	for _, t := range a.tracks {
		if found && len(t.samples) > 0 {
			t.straighten(origin)
		}
	}
}

func (t *track) straighten(origin int64) {
	usual := interval(t.samples)
	limit := min(max(minGap, gapFactor*min(usual, maxGap)), maxGap)
	t.jumps = nil
	for i := range t.samples {
		s := &t.samples[i]
		if i == 0 {
			if s.at = s.dts - origin; s.at > maxStart || s.at < -maxStart {
				s.at = 0
			}
			continue
		}
		before := &t.samples[i-1]
		step := s.dts - before.dts
		if step < 0 || step > limit {
			t.jumps = append(t.jumps, Jump{Track: t.av.ID, At: seconds(before.at), By: seconds(step)})
			step = min(usual, limit)
		}
		s.at = before.at + step
	}
}

// interval returns the median distance of timestamps, 0 if there is none.
func interval(samples []sample) int64 {
	var steps []int64
	for i := 1; i < len(samples); i++ {
		if d := samples[i].dts - samples[i-1].dts; d > 0 {
			steps = append(steps, d)
		}
	}
	return median(steps)
}

// jumps collects those of all tracks in the order of time.
func (a *Analyzer) jumps() Jumps {
	all := []Jump{}
	for _, t := range a.tracks {
		all = append(all, t.jumps...)
	}
	slices.SortStableFunc(all, func(x, y Jump) int {
		switch {
		case x.At < y.At:
			return -1
		case x.At > y.At:
			return 1
		}
		return 0
	})
	return Jumps{Count: len(all), List: all[:min(len(all), maxListed)]}
}

// span is the media time from the first to the last of samples.
func span(samples []sample) int64 {
	if len(samples) == 0 {
		return 0
	}
	return samples[len(samples)-1].at - samples[0].at
}

// median sorts v and returns its middle, 0 if it is empty.
func median(v []int64) int64 { return quantile(v, 0.5) }

// quantile sorts v and returns the smallest value that a share q of v does not
// exceed, 0 if v is empty.
func quantile(v []int64, q float64) int64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[max(0, int(math.Ceil(q*float64(len(v))))-1)]
}

// seconds rounds nanoseconds to milliseconds.
func seconds(ns int64) float64 {
	return math.Round(float64(ns)/1e6) / 1e3
}
