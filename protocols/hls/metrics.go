package hls

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/protocols/hls/segment"
)

// metrics are those of HLS beside what the session registry counts: segments
// belong to no session. docs/hls.md lists them.
type metrics struct {
	segments, parts, bytes *prometheus.CounterVec
	leftOut                *prometheus.CounterVec
	missing, cut           prometheus.Counter
	all                    []prometheus.Collector
}

var _ prometheus.Collector = (*metrics)(nil)

func newMetrics(s *service) *metrics {
	vec := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"format"})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	m := &metrics{
		segments: vec("weir_hls_segments_total", "Segments that were made, gaps included."),
		parts:    vec("weir_hls_parts_total", "Parts that were made."),
		bytes:    vec("weir_hls_media_bytes_sent_total", "Bytes of segments and parts that were sent."),
		missing:  counter("weir_hls_not_found_total", "Requests for media that never existed, has expired or did not come."),
		cut:      counter("weir_hls_answers_cut_total", "Answers that a viewer did not take to the end."),
		leftOut:  vec("weir_hls_frames_left_out_total", "Frames that the format cannot express, such as one that is too large."),
	}
	m.all = []prometheus.Collector{
		m.segments, m.parts, m.bytes, m.leftOut, m.missing, m.cut,
		gauge("weir_hls_muxers", "Streams that are being cut, each format counted.", func() float64 { n, _ := s.held(); return float64(n) }),
		gauge("weir_hls_held_bytes", "Bytes of the segments that are kept.", func() float64 { _, b := s.held(); return float64(b) }),
		gauge("weir_hls_blocked_requests", "Requests that wait for a stream, a playlist or a part.", func() float64 { return float64(s.blocked.Load()) }),
	}
	return m
}

// held returns the number of muxers and the bytes that they keep.
func (s *service) held() (muxers int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.muxers {
		muxers++
		if newest := m.newest.Load(); newest != nil {
			bytes += newest.size()
		}
	}
	return muxers, bytes
}

// size returns the bytes that s holds.
func (s *snapshot) size() (n int64) {
	for _, p := range s.ended {
		n += p.size
	}
	if s.open != nil {
		n += s.open.size
	}
	return n
}

// made counts what came to be between two states of a muxer.
func (m *metrics) made(f segment.Format, before, after counts) {
	m.segments.WithLabelValues(string(f)).Add(float64(after.segments - before.segments))
	m.parts.WithLabelValues(string(f)).Add(float64(after.parts - before.parts))
	m.leftOut.WithLabelValues(string(f)).Add(float64(after.leftOut - before.leftOut))
}

func (m *metrics) sent(f segment.Format, n int) { m.bytes.WithLabelValues(string(f)).Add(float64(n)) }

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.all {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.all {
		c.Collect(ch)
	}
}
