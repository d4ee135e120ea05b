package hook

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/event"
)

// metrics are those of events and their receivers. The label of a receiver is its key
// of the configuration: a URL may hold secrets.
type metrics struct {
	sent, failed *prometheus.CounterVec
	latency      *prometheus.HistogramVec
	lost         prometheus.Collector
	queues       *queues
	known        map[string]bool // receivers that have some
}

func newMetrics(hub *event.Hub, receivers func() []*receiver) *metrics {
	labels := []string{"receiver"}
	return &metrics{
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_hook_sent_total", Help: "Events that a receiver accepted.",
		}, labels),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_hook_failed_total", Help: "Attempts to send an event that failed.",
		}, labels),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "weir_hook_latency_seconds", Help: "Time from an event until a receiver accepted it.",
			Buckets: []float64{.005, .02, .1, .5, 2, 10, 60, 300},
		}, labels),
		lost: prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "weir_events_lost_total", Help: "Events that readers were too slow for: receivers, and those of the API.",
		}, func() float64 { return float64(hub.Lost()) }),
		queues: &queues{
			receivers: receivers,
			lost:      prometheus.NewDesc("weir_hook_lost_total", "Events that a receiver did not get because its queue was full.", labels, nil),
			waiting:   prometheus.NewDesc("weir_hook_waiting", "Events that wait for a receiver.", labels, nil),
		},
	}
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.sent, m.failed, m.latency, m.lost, m.queues}
}

// become makes the metrics of these receivers and drops those of others.
func (m *metrics) become(now []*receiver) {
	keys := map[string]bool{}
	for _, r := range now {
		keys[r.settings.Load().key] = true
	}
	for key := range m.known {
		if !keys[key] {
			m.sent.DeleteLabelValues(key)
			m.failed.DeleteLabelValues(key)
			m.latency.DeleteLabelValues(key)
		}
	}
	for key := range keys {
		m.sent.WithLabelValues(key)
		m.failed.WithLabelValues(key)
		m.latency.WithLabelValues(key)
	}
	m.known = keys
}

// queues are the metrics of the receivers' queues, read when they are asked for.
type queues struct {
	receivers     func() []*receiver
	lost, waiting *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (q *queues) Describe(ch chan<- *prometheus.Desc) {
	ch <- q.lost
	ch <- q.waiting
}

// Collect implements prometheus.Collector.
func (q *queues) Collect(ch chan<- prometheus.Metric) {
	for _, r := range q.receivers() {
		key := r.settings.Load().key
		ch <- prometheus.MustNewConstMetric(q.lost, prometheus.CounterValue, float64(r.reader.Lost()), key)
		ch <- prometheus.MustNewConstMetric(q.waiting, prometheus.GaugeValue, float64(r.reader.Waiting()), key)
	}
}
