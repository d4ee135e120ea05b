package hook

import (
	"context"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/event"
)

// Hooks post events to every configured receiver. A receiver gets the events of a
// stream in their order, each at least once as long as its queue holds them;
// receivers do not wait for one another.
type Hooks struct {
	hub     *event.Hub
	log     *slog.Logger
	metrics *metrics

	mu        sync.Mutex
	receivers []*receiver
	answered  func(event.Event, []byte) // nil for nobody
	started   bool
	leaving   sync.WaitGroup // receivers that were abandoned
}

// New returns hooks that queue the events of hub from now on, and send none before
// Start. log may be nil.
func New(c *Config, hub *event.Hub, log *slog.Logger) *Hooks {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h := &Hooks{hub: hub, log: log}
	h.metrics = newMetrics(hub, h.list)
	h.Reconfigure(c)
	return h
}

// Collectors returns the metrics of hooks; docs/hooks.md has a table of them.
func (h *Hooks) Collectors() []prometheus.Collector { return h.metrics.all() }

// Answered has f told of the JSON with which receivers accept events, up to 64 KiB of
// it. It is called by many goroutines, holds up the next event of the stream, and
// comes before Start.
func (h *Hooks) Answered(f func(e event.Event, body []byte)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answered = f
	for _, r := range h.receivers {
		r.answered = f
	}
}

// Start begins to send.
func (h *Hooks) Start() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.started = true
	for _, r := range h.receivers {
		r.start()
	}
}

// Reconfigure sends by c from now on. A receiver keeps what waits for it as long as
// there is one with its URL. It must not be called once Close was.
func (h *Hooks) Reconfigure(c *Config) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var now []*receiver
	for _, n := range c.all() {
		filter := event.Filter{Types: n.Events, Streams: n.Streams}
		r := h.take(n.URL)
		if r == nil {
			r = newReceiver(n, h.hub.Subscribe(event.ReaderOptions{Filter: filter, Queue: c.Queue}), h.hub.Done(), h.metrics, h.log)
			r.answered = h.answered
			if h.started {
				r.start()
			}
		} else {
			r.reader.Change(filter, c.Queue)
			r.settings.Store(&n)
		}
		now = append(now, r)
	}
	gone := h.receivers
	h.receivers = now
	for _, r := range gone {
		r.abandon()
		h.leaving.Go(r.end)
	}
	h.metrics.become(now)
}

// take takes the first receiver with a URL off the list, nil if there is none. The
// caller holds the lock.
func (h *Hooks) take(url config.WebURL) *receiver {
	for i, r := range h.receivers {
		if r.settings.Load().URL == url {
			h.receivers = append(h.receivers[:i:i], h.receivers[i+1:]...)
			return r
		}
	}
	return nil
}

func (h *Hooks) list() []*receiver {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.receivers
}

// Close sends what waits until ctx ends, then gives up and logs how much that was.
// Call it after the hub was closed. Without Start nothing is sent.
func (h *Hooks) Close(ctx context.Context) {
	for _, r := range h.list() {
		defer context.AfterFunc(ctx, r.cancel)()
	}
	for _, r := range h.list() {
		r.end()
	}
	h.leaving.Wait()
}
