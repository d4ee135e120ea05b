package hook

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/event"
)

// metrics are those of events and their receivers.
type metrics struct {
	sent, failed *prometheus.CounterVec
	latency      *prometheus.HistogramVec
	read         []prometheus.Collector // when they are asked for
}

func newMetrics(hub *event.Hub) *metrics {
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
		read: []prometheus.Collector{prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "weir_events_lost_total", Help: "Events that readers were too slow for: receivers, and those of the API.",
		}, func() float64 { return float64(hub.Lost()) })},
	}
}

// receiverMetrics are those of one receiver.
type receiverMetrics struct {
	sent, failed prometheus.Counter
	latency      prometheus.Observer
}

// of returns the metrics of a receiver with this key of the configuration as label:
// a URL may hold secrets.
func (m *metrics) of(key string, reader *event.Reader) *receiverMetrics {
	label := prometheus.Labels{"receiver": key}
	m.read = append(m.read,
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "weir_hook_lost_total", Help: "Events that a receiver did not get because its queue was full.", ConstLabels: label,
		}, func() float64 { return float64(reader.Lost()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "weir_hook_waiting", Help: "Events that wait for a receiver.", ConstLabels: label,
		}, func() float64 { return float64(reader.Waiting()) }))
	return &receiverMetrics{sent: m.sent.With(label), failed: m.failed.With(label), latency: m.latency.With(label)}
}

func (m *metrics) all() []prometheus.Collector {
	return append([]prometheus.Collector{m.sent, m.failed, m.latency}, m.read...)
}
