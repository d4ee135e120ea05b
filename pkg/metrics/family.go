package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The types of metric, as documentation and exposition name them.
const (
	gauge     = "gauge"
	counter   = "counter"
	histogram = "histogram"
)

// family is one metric with its labels: a line of docs/metrics.md.
type family struct {
	name, kind, help string
	labels           []string
	desc             *prometheus.Desc
}

// catalogue holds every family, in the order of the documentation.
type catalogue []*family

// add enters a family; its name is given without prefix.
func (c *catalogue) add(kind, name, help string, labels ...string) *family {
	name = "weir_" + name
	f := &family{name: name, kind: kind, help: help, labels: labels, desc: prometheus.NewDesc(name, help, labels, nil)}
	*c = append(*c, f)
	return f
}

type number interface {
	~int | ~int64 | ~uint64 | ~float64
}

// emit sends a sample of f, with values for its labels in their order.
func emit[N number](out chan<- prometheus.Metric, f *family, value N, labels ...string) {
	kind := prometheus.GaugeValue
	if f.kind == counter {
		kind = prometheus.CounterValue
	}
	m, err := prometheus.NewConstMetric(f.desc, kind, float64(value), labels...)
	send(out, f, m, err)
}

// emitHistogram sends a histogram of f: of each bucket, those beyond the last bound
// included, how many observations it has alone.
func emitHistogram(out chan<- prometheus.Metric, f *family, bounds []float64, bucket func(i int) uint64, sum time.Duration, labels ...string) {
	cumulative := make(map[float64]uint64, len(bounds))
	var count uint64
	for i, bound := range bounds {
		count += bucket(i)
		cumulative[bound] = count
	}
	count += bucket(len(bounds))
	m, err := prometheus.NewConstHistogram(f.desc, count, sum.Seconds(), cumulative, labels...)
	send(out, f, m, err)
}

// seconds returns bounds as Prometheus has them.
func seconds(bounds []time.Duration) []float64 {
	out := make([]float64, len(bounds))
	for i, b := range bounds {
		out[i] = b.Seconds()
	}
	return out
}

// send fails the scrape if a sample could not be made: a wrong answer would go
// unnoticed for longer.
func send(out chan<- prometheus.Metric, f *family, m prometheus.Metric, err error) {
	if err != nil {
		m = prometheus.NewInvalidMetric(f.desc, err)
	}
	out <- m
}
