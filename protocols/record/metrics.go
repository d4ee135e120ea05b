package record

import "github.com/prometheus/client_golang/prometheus"

// metrics are what a Service counts.
type metrics struct {
	bytes    prometheus.Counter
	segments prometheus.Counter
	errors   *prometheus.CounterVec
	dropped  prometheus.Counter
	write    prometheus.Histogram
	sync     prometheus.Histogram
}

func newMetrics(s *Service, r prometheus.Registerer) *metrics {
	m := &metrics{
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_record_bytes_total", Help: "Bytes written to files of recordings.",
		}),
		segments: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_record_segments_total", Help: "Files of recordings that have ended.",
		}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_record_errors_total", Help: "Failures to record a stream, further tries that fail included, by reason.",
		}, []string{"reason"}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_record_frames_dropped_total", Help: "Frames that are in no recording since the disk was too slow or failed.",
		}),
		write: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "weir_record_write_seconds", Help: "How long the system took to accept a write to a file, which is mostly a fragment.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 9), // 0.1 ms to 6.6 s
		}),
		sync: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "weir_record_sync_seconds", Help: "How long the disk took to keep what was written (fsync).",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8), // 1 ms to 16 s
		}),
	}
	r.MustRegister(m.bytes, m.segments, m.errors, m.dropped, m.write, m.sync, &stateCollector{s})
	return m
}

// stateCollector counts recorders in each state when it is asked.
type stateCollector struct{ service *Service }

var recordersDesc = prometheus.NewDesc("weir_record_recorders", "Streams that are recorded or should be, by state.", []string{"state"}, nil)

// Describe implements prometheus.Collector.
func (c *stateCollector) Describe(out chan<- *prometheus.Desc) { out <- recordersDesc }

// Collect implements prometheus.Collector.
func (c *stateCollector) Collect(out chan<- prometheus.Metric) {
	n := map[State]int{Recording: 0, Waiting: 0, Failed: 0, Stopped: 0}
	for _, s := range c.service.Recorders() {
		n[s.State]++
	}
	for state, count := range n {
		out <- prometheus.MustNewConstMetric(recordersDesc, prometheus.GaugeValue, float64(count), string(state))
	}
}
