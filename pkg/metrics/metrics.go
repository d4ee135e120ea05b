// Package metrics shows what the bus, the delivery and the session registry
// count as Prometheus metrics. It reads their counters when it is asked, so
// that it costs media nothing. docs/metrics.md lists the metrics.
package metrics

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/overload"
	"github.com/weirmedia/weir/pkg/session"
)

// Options say whose counters are shown. Bus, Delivery and Sessions are needed.
type Options struct {
	Bus      *bus.Bus
	Delivery *fanout.Delivery
	Sessions *session.Registry
	// HTTPConnections returns how many connections the HTTP listeners hold. It
	// is called by every scrape, concurrently. Without it there is no such
	// metric.
	HTTPConnections func() int
	// Auth counts answers. Without it there are no such metrics.
	Auth *Auth
	// Overload watches resources. Without it there are no such metrics.
	Overload *overload.Guard
	// Streams is how many streams have series of their own; 0 is none.
	Streams int
	// Version is weir's.
	Version string
}

// New returns a registry with weir's metrics and those of the Go runtime and
// the process. Plugins may register more.
func New(o Options) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		newCollector(o),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return r
}

// collector reads all counters. It is immutable.
type collector struct {
	options  Options
	all      catalogue
	streams  streamFamilies
	sessions sessionFamilies
	delivery deliveryFamilies
	single   perStreamFamilies
	auth     *authFamilies     // nil without Options.Auth
	overload *overloadFamilies // nil without Options.Overload
	http     *family           // nil without Options.HTTPConnections
	build    *family
}

var _ prometheus.Collector = (*collector)(nil)

func newCollector(o Options) *collector {
	c := &collector{options: o}
	c.streams = newStreamFamilies(&c.all)
	c.sessions = newSessionFamilies(&c.all)
	c.delivery = newDeliveryFamilies(&c.all)
	c.single = newPerStreamFamilies(&c.all)
	if o.Auth != nil {
		c.auth = newAuthFamilies(&c.all)
	}
	if o.HTTPConnections != nil {
		c.http = c.all.add(gauge, "http_connections", "Connections that the HTTP listeners hold, viewers included.")
	}
	if o.Overload != nil {
		c.overload = newOverloadFamilies(&c.all)
	}
	c.build = c.all.add(gauge, "build_info", "Always 1; the labels say what is running.", "version", "goversion")
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, f := range c.all {
		out <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	c.streams.collect(out, c.options.Bus)
	c.sessions.collect(out, c.options.Sessions.Totals())
	c.delivery.collect(out, c.options.Delivery)
	c.single.collect(out, c.options.Bus, c.options.Sessions, c.options.Streams)
	if c.auth != nil {
		c.auth.collect(out, c.options.Auth)
	}
	if c.http != nil {
		emit(out, c.http, c.options.HTTPConnections())
	}
	if c.overload != nil {
		c.overload.collect(out, c.options.Overload)
	}
	emit(out, c.build, 1, c.options.Version, runtime.Version())
}
