package stats

import (
	"math"
	"time"

	"github.com/weirmedia/weir/pkg/fanout"
)

// buckets counts delivery lags up to each of fanout.LagBounds, not cumulative, and
// those beyond.
type buckets [len(fanout.LagBounds) + 1]uint64

func (b *buckets) add(l fanout.Lag) {
	for i, n := range l.Buckets {
		b[i] += n
	}
}

// since returns what came to earlier, nil if nothing did.
func (b *buckets) since(earlier *buckets) *Lag {
	var d buckets
	var total uint64
	for i := range b {
		d[i] = b[i] - earlier[i]
		total += d[i]
	}
	if total == 0 {
		return nil
	}
	return &Lag{P50: d.quantile(total, .5), P99: d.quantile(total, .99)}
}

// quantile returns in milliseconds the lag that a part q of all total ones does not
// exceed. Those of a bucket are taken to lie evenly in it, those beyond the last
// bound to lie there.
func (b *buckets) quantile(total uint64, q float64) float64 {
	rank := q * float64(total)
	lower := time.Duration(0)
	for i, upper := range fanout.LagBounds {
		if n := float64(b[i]); n > 0 && rank <= n {
			return milliseconds(lower + time.Duration(rank/n*float64(upper-lower)))
		}
		rank -= float64(b[i])
		lower = upper
	}
	return milliseconds(lower)
}

func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond)*1000) / 1000
}
