package metrics

import "github.com/prometheus/client_golang/prometheus"

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

// send fails the scrape if a sample could not be made: a wrong answer would go
// unnoticed for longer.
func send(out chan<- prometheus.Metric, f *family, m prometheus.Metric, err error) {
	if err != nil {
		m = prometheus.NewInvalidMetric(f.desc, err)
	}
	out <- m
}
