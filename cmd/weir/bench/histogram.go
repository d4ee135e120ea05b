package bench

import (
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// A histogram's buckets grow by 2 %, which is how exact its percentiles are,
// from 1 µs to about 1000 s.
const (
	bucketGrowth = 1.02
	bucketCount  = 1048
	bucketFirst  = time.Microsecond
)

// histogram counts durations in constant memory. Negative ones count as 0. The
// zero value is ready; it is safe for concurrent use.
type histogram struct {
	buckets [bucketCount]atomic.Uint64
	count   atomic.Uint64
	longest atomic.Int64
}

func (h *histogram) add(d time.Duration) {
	i := 0
	if d > bucketFirst {
		i = int(math.Ceil(math.Log(float64(d)/float64(bucketFirst)) / math.Log(bucketGrowth)))
	}
	h.buckets[min(i, bucketCount-1)].Add(1)
	h.count.Add(1)
	for {
		old := h.longest.Load()
		if int64(d) <= old || h.longest.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

func (h *histogram) max() time.Duration { return time.Duration(h.longest.Load()) }

// percentile returns what p percent of the durations do not exceed, 0 if there
// are none.
func (h *histogram) percentile(p float64) time.Duration {
	rank := uint64(math.Ceil(p / 100 * float64(h.count.Load())))
	var seen uint64
	for i := range h.buckets {
		if seen += h.buckets[i].Load(); seen >= rank && seen > 0 {
			upper := float64(bucketFirst) * math.Pow(bucketGrowth, float64(i))
			return min(time.Duration(upper), h.max())
		}
	}
	return h.max()
}

// spread is a small summary of values.
type spread struct{ min, median, max, sum float64 }

// spreadOf sorts values. Of an even number of values the median is the mean of
// the two in the middle. Without values all is 0.
func spreadOf(values []float64) spread {
	n := len(values)
	if n == 0 {
		return spread{}
	}
	slices.Sort(values)
	s := spread{min: values[0], max: values[n-1], median: (values[(n-1)/2] + values[n/2]) / 2}
	for _, v := range values {
		s.sum += v
	}
	return s
}
