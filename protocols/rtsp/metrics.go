package rtsp

import "github.com/prometheus/client_golang/prometheus"

// metrics are those of RTSP beside what the session registry counts.
type metrics struct {
	ignored *prometheus.CounterVec
	bad     prometheus.Counter
	unsent  prometheus.Counter
}

func newMetrics() *metrics {
	return &metrics{
		ignored: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_rtsp_ignored_total",
			Help: "Packets and access units of publishers that were left out, by cause.",
		}, []string{"cause"}),
		bad: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_rtsp_packets_refused_total",
			Help: "Packets that are no RTP or RTCP, or of an unknown source or payload type.",
		}),
		unsent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_rtsp_frames_unsent_total",
			Help: "Frames that could not be made into RTP packets.",
		}),
	}
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.ignored, m.bad, m.unsent}
}
