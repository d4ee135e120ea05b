package library

import "github.com/prometheus/client_golang/prometheus"

// metrics are what a Library counts.
type metrics struct {
	removed               *prometheus.CounterVec
	rebuilds, storeErrors prometheus.Counter
}

func newMetrics() metrics {
	return metrics{
		removed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_record_removed_total", Help: "Recordings that were removed, by cause.",
		}, []string{"cause"}),
		rebuilds: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_record_index_rebuilds_total", Help: "Times that the index could not be read and was made anew from the files.",
		}),
		storeErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_record_index_errors_total", Help: "Times that the index could not be written. It is kept in memory meanwhile.",
		}),
	}
}

var (
	keptBytesDesc = prometheus.NewDesc("weir_record_kept_bytes", "Bytes of all recordings, with those that are being written.", nil, nil)
	keptDesc      = prometheus.NewDesc("weir_record_kept", "Recordings, with those that are being written.", nil, nil)
	freeDesc      = prometheus.NewDesc("weir_record_free_bytes", "Room on the disk of recordings, looked at once a minute.", nil, nil)
	pendingDesc   = prometheus.NewDesc("weir_record_index_pending", "Changes that the index on disk lacks.", nil, nil)
)

// Collectors returns the library's metrics.
func (l *Library) Collectors() []prometheus.Collector {
	return []prometheus.Collector{l.metrics.removed, l.metrics.rebuilds, l.metrics.storeErrors, collector{l}}
}

// collector counts what there is when it is asked.
type collector struct{ library *Library }

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	out <- keptBytesDesc
	out <- keptDesc
	out <- freeDesc
	out <- pendingDesc
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	l := c.library
	segments := 0
	l.mu.Lock()
	for _, t := range l.tallies {
		segments += t.segments
	}
	pending := l.overlay.dirty
	l.mu.Unlock()
	out <- prometheus.MustNewConstMetric(keptBytesDesc, prometheus.GaugeValue, float64(l.totalBytes()))
	out <- prometheus.MustNewConstMetric(keptDesc, prometheus.GaugeValue, float64(segments))
	if free := l.free.Load(); free >= 0 {
		out <- prometheus.MustNewConstMetric(freeDesc, prometheus.GaugeValue, float64(free))
	}
	out <- prometheus.MustNewConstMetric(pendingDesc, prometheus.GaugeValue, float64(pending))
}
