package webrtc

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/inorder"
)

// metrics are those of WebRTC beside what the session registry counts.
type metrics struct {
	ignored  *prometheus.CounterVec
	unsent   prometheus.Counter
	pictures inorder.Counts

	nacked, again    prometheus.Counter     // packets
	refused          *prometheus.CounterVec // packets, by cause
	repeated, excess prometheus.Counter     // of refused
	refresh          *prometheus.CounterVec // by action
}

func newMetrics() *metrics {
	m := &metrics{
		ignored: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_webrtc_ignored_total",
			Help: "Packets and access units of publishers that were left out, by cause.",
		}, []string{"cause"}),
		unsent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_webrtc_frames_unsent_total",
			Help: "Frames that could not be made into RTP packets.",
		}),
		nacked: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_webrtc_nacked_packets_total",
			Help: "Packets that players asked for again (NACK).",
		}),
		again: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_webrtc_retransmitted_packets_total",
			Help: "Packets that were sent again for that.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_webrtc_refused_retransmissions_total",
			Help: "Packets that were there but were not sent again, by cause.",
		}, []string{"cause"}),
		refresh: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_webrtc_key_frame_requests_total",
			Help: "Requests for a key frame (PLI, FIR): from players (play) and to publishers (publish).",
		}, []string{"action"}),
	}
	m.repeated, m.excess = m.refused.WithLabelValues("repeated"), m.refused.WithLabelValues("excess")
	return m
}

func (m *metrics) all(connecting func() int) []prometheus.Collector {
	count := func(name, help string, f func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(f()) })
	}
	return []prometheus.Collector{
		m.ignored, m.unsent, m.nacked, m.again, m.refused, m.refresh,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "weir_webrtc_connecting",
			Help: "Sessions that have not connected yet.",
		}, func() float64 { return float64(connecting()) }),
		count("weir_webrtc_reorderable_pictures_total", "Pictures of H.264 streams with B-frames, once for all players.", m.pictures.Pictures.Load),
		count("weir_webrtc_pictures_left_out_total", "Of these, B-frames that were left out.", m.pictures.LeftOut.Load),
	}
}
