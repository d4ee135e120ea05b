package bench

import (
	"math"
	"testing"
	"time"
)

func TestHistogramPercentile(t *testing.T) {
	upTo := func(n int) (out []time.Duration) {
		for i := range n {
			out = append(out, time.Duration(i+1)*time.Millisecond)
		}
		return out
	}
	for _, test := range []struct {
		name     string
		values   []time.Duration
		p50, p99 time.Duration
		max      time.Duration
	}{
		{"none", nil, 0, 0, 0},
		{"one", []time.Duration{7 * time.Millisecond}, 7 * time.Millisecond, 7 * time.Millisecond, 7 * time.Millisecond},
		{"a thousand", upTo(1000), 500 * time.Millisecond, 990 * time.Millisecond, time.Second},
		{"one late in a hundred and one", append(make([]time.Duration, 100), time.Hour), time.Microsecond, time.Microsecond, time.Hour},
		{"negative", []time.Duration{-time.Second}, 0, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var h histogram
			for _, v := range test.values {
				h.add(v)
			}
			for p, want := range map[float64]time.Duration{50: test.p50, 99: test.p99, 100: min(test.max, 1000*time.Second)} {
				got := h.percentile(p)
				if float64(got) < float64(want)*0.98 || float64(got) > float64(want)*bucketGrowth+1 {
					t.Errorf("percentile %v: %v, want %v", p, got, want)
				}
			}
			if h.max() != test.max {
				t.Errorf("max %v, want %v", h.max(), test.max)
			}
		})
	}
}

func TestSpreadOf(t *testing.T) {
	for _, test := range []struct {
		name   string
		values []float64
		want   spread
	}{
		{"none", nil, spread{}},
		{"one", []float64{3}, spread{3, 3, 3, 3}},
		{"odd", []float64{5, 1, 3}, spread{1, 3, 5, 9}},
		{"even", []float64{4, 1, 3, 2}, spread{1, 2.5, 4, 10}},
	} {
		if got := spreadOf(test.values); got != test.want || math.IsNaN(got.median) {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}
