package relay

import "github.com/prometheus/client_golang/prometheus"

// metrics are what a Service counts.
type metrics struct {
	attempts prometheus.Counter
	failures *prometheus.CounterVec
	ignored  *prometheus.CounterVec
}

func newMetrics(s *Service, r prometheus.Registerer) *metrics {
	m := &metrics{
		attempts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_relay_attempts_total", Help: "Connections to sources and targets that were begun.",
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_relay_failures_total", Help: "Sources and targets that could not be reached or ended, by reason.",
		}, []string{"reason"}),
		ignored: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_relay_ignored_total", Help: "What sources sent that was left out, by cause.",
		}, []string{"cause"}),
	}
	r.MustRegister(m.attempts, m.failures, m.ignored, &stateCollector{s})
	return m
}

// stateCollector counts pulls and forwards in each state when it is asked.
type stateCollector struct{ service *Service }

var (
	pullsDesc    = prometheus.NewDesc("weir_relay_pulls", "Streams that are fetched, by state.", []string{"state"}, nil)
	forwardsDesc = prometheus.NewDesc("weir_relay_forwards", "Streams that are sent elsewhere, by state.", []string{"state"}, nil)
)

// Describe implements prometheus.Collector.
func (c *stateCollector) Describe(out chan<- *prometheus.Desc) {
	out <- pullsDesc
	out <- forwardsDesc
}

// Collect implements prometheus.Collector.
func (c *stateCollector) Collect(out chan<- prometheus.Metric) {
	for desc, all := range map[*prometheus.Desc][]Status{pullsDesc: c.service.Pulls(), forwardsDesc: c.service.Forwards()} {
		n := map[State]int{Connecting: 0, Running: 0, Waiting: 0, Failed: 0, Stopped: 0}
		for _, s := range all {
			n[s.State]++
		}
		for state, count := range n {
			out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(count), string(state))
		}
	}
}
