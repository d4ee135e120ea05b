package transcode

import "time"

const (
	// fillLimit is the longest gap that silence fills. That covers the 400 ms
	// for which an Opus encoder may send nothing in silence; after longer ones
	// the times go on where the source's do.
	fillLimit = int64(500 * time.Millisecond)
	// overlapLimit is how far a source may be behind the samples that it sent
	// before a frame of them is dropped.
	overlapLimit = int64(60 * time.Millisecond)
	// shortestGap is the shortest delay of a frame that counts as a gap, and
	// gapSlack how much shorter than a frame a gap may be: times are rounded.
	shortestGap = int64(15 * time.Millisecond)
	gapSlack    = int64(3 * time.Millisecond)
	// driftLimit is how far the samples may be from the source's times. RTMP
	// rounds these to 1 ms.
	driftLimit = int64(time.Millisecond)
	// driftFrames is over how many frames the distance is averaged.
	driftFrames = 32
)

// clock counts the samples of a source and compares them with the times of its
// frames. Those are rounded, and in the long run right; the count is even, and
// drifts if the source's sampling rate is not quite what it says.
type clock struct {
	anchor int64 // time of the first sample
	count  ticks // samples since
	drift  int64 // mean of how late frames are
}

// ticks is a number of samples at a rate.
type ticks struct{ n, rate int64 }

// duration returns how long t is, also where n seconds would be too many.
func (t ticks) duration() int64 {
	const second = int64(time.Second)
	return t.n/t.rate*second + t.n%t.rate*second/t.rate
}

// next is when the next sample is due.
func (c *clock) next() int64 { return c.anchor + c.count.duration() }

// verdict is what to do about a frame.
type verdict int

const (
	follows  verdict = iota // its samples follow the others
	gap                     // silence lies between
	jump                    // the times begin anew
	overlaps                // its samples are too many
)

// judge says how a frame at time pts follows the last one, which had the given
// duration, and how late it is.
func (c *clock) judge(pts, last int64) (v verdict, late int64) {
	late = pts - c.next()
	switch {
	case late > fillLimit:
		return jump, late
	case late >= max(last-gapSlack, shortestGap):
		return gap, late
	case late <= -overlapLimit:
		return overlaps, late
	}
	c.drift += (late - c.drift) / driftFrames
	return follows, late
}

// slip returns by how many samples, 1 at most, the next frame should be longer
// to keep the source's time. That corrects up to 0.1 %, ten times what crystals
// differ by.
func (c *clock) slip() int {
	sample := ticks{1, c.count.rate}.duration()
	switch {
	case c.drift > driftLimit:
		c.drift -= sample // as it will have been all along
		return 1
	case c.drift < -driftLimit:
		c.drift += sample
		return -1
	}
	return 0
}

// stretch appends to dst the samples of src, interleaved, stretched to n for each
// channel by cubic interpolation (Catmull and Rom).
func stretch(dst, src []float32, channels, n int) []float32 {
	have := len(src) / channels
	step := float32(have) / float32(n)
	for i := range n {
		at := float32(i) * step
		k := int(at)
		x := at - float32(k)
		for c := range channels {
			sample := func(i int) float32 { return src[min(max(i, 0), have-1)*channels+c] }
			p, q, r, s := sample(k-1), sample(k), sample(k+1), sample(k+2)
			dst = append(dst, q+x/2*(r-p+x*(2*p-5*q+4*r-s+x*(3*(q-r)+s-p))))
		}
	}
	return dst
}
