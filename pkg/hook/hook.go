package hook

import (
	"context"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/event"
)

// Hooks post events to every configured receiver. A receiver gets the events of a
// stream in their order, each at least once as long as its queue holds them;
// receivers do not wait for one another.
type Hooks struct {
	hub       *event.Hub
	receivers []*receiver
	metrics   *metrics
	cancel    context.CancelFunc // nil before Start
	running   sync.WaitGroup
}

// New returns hooks that queue the events of hub from now on, and send none before
// Start. log may be nil.
func New(c *Config, hub *event.Hub, log *slog.Logger) *Hooks {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h := &Hooks{hub: hub, metrics: newMetrics(hub)}
	for _, n := range c.all() {
		reader := hub.Subscribe(event.ReaderOptions{
			Filter: event.Filter{Types: n.Events, Streams: n.Streams}, Queue: c.Queue,
		})
		h.receivers = append(h.receivers, newReceiver(n, reader, hub.Done(), h.metrics, log))
	}
	return h
}

// Collectors returns the metrics of hooks; docs/hooks.md has a table of them.
func (h *Hooks) Collectors() []prometheus.Collector { return h.metrics.all() }

// Start begins to send.
func (h *Hooks) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	for _, r := range h.receivers {
		h.running.Go(func() { r.run(ctx) })
	}
}

// Close sends what waits until ctx ends, then gives up and logs how much that was.
// Call it after the hub was closed. Without Start nothing is sent.
func (h *Hooks) Close(ctx context.Context) {
	if h.cancel != nil {
		stop := context.AfterFunc(ctx, h.cancel)
		h.running.Wait()
		stop()
		h.cancel()
	}
	for _, r := range h.receivers {
		r.close()
	}
}
