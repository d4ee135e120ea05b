// Package relay fetches streams from elsewhere, on demand, as long as somebody
// watches, or always; and it sends streams elsewhere while they are published. A
// stream that is fetched is one like any other.
//
// The package knows no protocol. It is given a Client for each scheme of URL.
package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// Service fetches what its configuration names. Its methods are safe for
// concurrent use.
type Service struct {
	host    *plugin.Host
	clients Clients
	metrics *metrics
	watch   *bus.Watch
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	config   *Config
	viewers  map[string]int // who plays or waits, by stream
	pulls    map[string]*pull
	forwards map[forwardKey]*forward
	relayed  map[string]session.Snapshot // sessions that come from other servers, by id
	asked    map[string]Pull             // what Fetch was asked, by stream
	full     bool                        // it was logged that there are too many pulls
	drained  bool

	// What the configuration stops, and since when.
	stoppedPulls    map[string]time.Time
	stoppedForwards map[StoppedForward]time.Time
}

var _ plugin.Service = (*Service)(nil)

func newService(c *Config, clients Clients, h *plugin.Host) *Service {
	ctx, stop := context.WithCancel(context.Background())
	s := &Service{
		host: h, clients: clients, config: c, watch: h.Bus.Watch(), stop: stop,
		viewers: make(map[string]int), pulls: make(map[string]*pull), forwards: make(map[forwardKey]*forward),
		relayed: make(map[string]session.Snapshot), asked: make(map[string]Pull),
		stoppedPulls: stops(nil, c.StoppedPulls), stoppedForwards: stops(nil, c.StoppedForwards),
	}
	s.metrics = newMetrics(s, h.Metrics)
	h.Sessions.Observe(session.Observer{Opened: s.opened, Closed: s.closed, Wanted: s.wanted})
	s.running.Go(func() { s.follow(ctx) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beginAlways()
	return s
}

// beginAlways begins the pulls that need no viewer. The caller locks.
func (s *Service) beginAlways() {
	for _, r := range slices.Concat(s.config.AddedPulls, s.config.Pulls) {
		name := r.Streams[0].String()
		if order, ok, _ := s.order(name); ok && order.mode == Always && s.pulls[name] == nil {
			s.begin(name)
		}
	}
}

// Reconfigure implements plugin.Reconfigurer.
func (s *Service) Reconfigure(next plugin.Config) {
	streams := s.host.Bus.Streams()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config = next.(*Config)
	s.stoppedPulls, s.stoppedForwards = stops(s.stoppedPulls, s.config.StoppedPulls), stops(s.stoppedForwards, s.config.StoppedForwards)
	for name, p := range s.pulls {
		if s.stops(name) {
			p.cancel(errStopped)
			s.despair(name, errStopped, 0)
		} else if order, _, _ := s.order(name); !reflect.DeepEqual(order, p.order) {
			p.cancel(errChanged) // run looks at the new order
		}
	}
	for key, f := range s.forwards {
		if s.config.stopsForward(key.stream, f.to) {
			f.cancel(errStopped)
		} else if order, ok := s.config.forwardTo(key); !ok || order != f.order {
			f.cancel(errChanged)
		}
	}
	s.beginAlways()
	for _, stream := range streams {
		if stream.State() == bus.Live {
			s.forward(stream.Name())
		}
	}
	for name := range s.viewers { // also of streams that are not there
		s.demand(name)
	}
}

// stops reports whether the stream is not to be fetched now. The caller locks.
func (s *Service) stops(name string) bool {
	_, stopped := s.stoppedPulls[name]
	return stopped
}

// follow notes streams that get a publisher or lose it.
func (s *Service) follow(ctx context.Context) {
	defer s.watch.Close()
	for {
		e, err := s.watch.Next(ctx)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.retryForwards(e.Stream.Name())
		if e.State == bus.Live {
			s.forward(e.Stream.Name())
		} else {
			s.freed(e.Stream.Name())
		}
		s.mu.Unlock()
	}
}

// freed takes note that nobody publishes a stream any more. The caller locks.
func (s *Service) freed(name string) {
	if p := s.pulls[name]; p != nil && p.busy {
		p.cancel(nil) // run begins anew
	}
	s.demand(name)
}

// retryForwards takes note that another publishes a stream, or nobody. The caller
// locks.
func (s *Service) retryForwards(name string) {
	for key, f := range s.forwards {
		if key.stream == name && f.status.State == Failed {
			f.cancel(nil) // the next publisher may fare better
		}
	}
}

// opened is told of each session that begins.
func (s *Service) opened(o session.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.Via() != nil {
		s.relayed[o.ID] = o
	}
	if o.Action == session.Play {
		s.count(o.Stream, 1)
	}
}

// closed is told of each session that ends.
func (s *Service) closed(e session.End) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.relayed, e.ID)
	if e.Action == session.Play {
		s.count(e.Stream, -1)
	}
}

// wanted is told of viewers that are no sessions.
func (s *Service) wanted(name string, by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(name, by)
}

// count takes note of a viewer that came or left. The caller locks.
func (s *Service) count(name string, by int) {
	switch s.viewers[name] += by; {
	case by > 0:
		s.demand(name)
	case s.viewers[name] <= 0:
		delete(s.viewers, name)
		if p := s.pulls[name]; p != nil {
			p.idleSoon()
		} else {
			delete(s.asked, name)
			s.host.Bus.Hope(name) // who comes next looks for room again
		}
	}
}

// demand begins a pull if somebody watches a stream that nobody else publishes.
// The caller locks.
func (s *Service) demand(name string) {
	if s.viewers[name] == 0 {
		return
	}
	if p := s.pulls[name]; p != nil {
		p.wanted()
		return
	}
	if !s.live(name) {
		s.begin(name)
	}
}

func (s *Service) live(name string) bool {
	stream := s.host.Bus.Stream(name)
	return stream != nil && stream.State() == bus.Live
}

// Fetch fetches one stream, of which the configuration says nothing, for as long as
// somebody watches it or waits for it. p's Scope does not count. The error says what
// is wrong with p, or that nobody wants the stream any more.
func (s *Service) Fetch(name string, p Pull) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ruled, _ := s.config.pullOrder(name)
	switch {
	case ruled:
		return errors.New("relay.pulls says already where it comes from")
	case s.stops(name):
		return errStopped
	case s.viewers[name] == 0:
		return errors.New("nobody waits for it any more")
	}
	if err := s.config.checkAsked(name, p); err != nil {
		return err
	}
	if s.pulls[name] == nil {
		s.asked[name] = p
		s.demand(name)
	}
	return nil
}

// Fetches reports whether a stream is fetched once somebody watches it.
func (s *Service) Fetches(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok, _ := s.order(name)
	return ok
}

// order returns how a stream is fetched: as the configuration says, or as Fetch was
// asked; not at all while it is stopped. The caller locks.
func (s *Service) order(name string) (o pullOrder, ok bool, err error) {
	if s.stops(name) {
		return o, false, nil
	}
	if o, ok, err = s.config.pullOrder(name); ok {
		return o, ok, err
	}
	p, ok := s.asked[name]
	if !ok {
		return o, false, nil
	}
	o, err = s.config.orderOf(p, name, nil)
	return o, true, err
}

// never is when the next try comes if only a viewer who comes can bring it about.
const never = time.Duration(math.MaxInt64)

// despair tells players why a stream is not there, and after which time the next try
// comes.
func (s *Service) despair(name string, why error, next time.Duration) {
	s.host.Bus.Despair(name, reason.Wrap(reason.StreamNotFound, why), next)
}

// begin begins a pull if there is a rule for the stream. The caller locks.
func (s *Service) begin(name string) {
	s.host.Bus.Hope(name)
	order, ok, err := s.order(name)
	if !ok || s.drained {
		return
	}
	if len(s.pulls) >= s.config.MaxPulls {
		s.refuse(name)
		return
	}
	s.full = false
	p := newPull(s, name, order, err)
	s.pulls[name] = p
	s.running.Go(p.run)
}

// refuse notes that there are too many pulls for one more. The caller locks.
func (s *Service) refuse(name string) {
	s.metrics.failures.WithLabelValues(string(reason.LimitReached)).Inc()
	if !s.full {
		s.full = true
		s.host.Log.Warn("no more streams are fetched (relay.max_pulls)", slog.String("stream", name), slog.Int("pulls", len(s.pulls)))
	}
	delete(s.asked, name)
	if s.viewers[name] > 0 {
		full := fmt.Errorf("%d streams are fetched already (relay.max_pulls)", len(s.pulls))
		s.host.Bus.Despair(name, reason.Wrap(reason.LimitReached, full), never)
	}
}

// ended takes note that a pull has ended, and begins those that found no room. The
// caller locks.
func (s *Service) ended(name string) {
	delete(s.pulls, name)
	delete(s.asked, name)
	if !s.full {
		return
	}
	s.full = false
	s.beginAlways()
	for name := range s.viewers {
		if s.full {
			return
		}
		if s.pulls[name] == nil {
			s.demand(name)
		}
	}
}

// forward begins to send a stream that is live to where its rule says. The caller
// locks.
func (s *Service) forward(name string) {
	order, ok, err := s.config.forwardOrders(name)
	if !ok || s.drained {
		return
	}
	if err != nil {
		s.host.Log.Warn("forward failed", slog.String("stream", name), slog.String("error", err.Error()))
		return
	}
	for _, to := range order.targets {
		key := forwardKey{name, to.url}
		if s.forwards[key] != nil || s.config.stopsForward(name, to) {
			continue
		}
		f := newForward(s, key, to, order.forwardOrder)
		s.forwards[key] = f
		s.running.Go(f.run)
	}
}

// maxVia bounds the marks that are told: so many fit in what the other side keeps of
// a client's name. Of more servers that watch one stream, some are left out.
const maxVia = 11

// via returns the marks of the streams through which those are that watch or publish
// this one, and its own.
func (s *Service) via(name string, action session.Action) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var marks []string
	for _, o := range s.relayed {
		if o.Stream == name && o.Action == action {
			marks = append(marks, o.Via()...)
		}
	}
	slices.Sort(marks)
	marks = append([]string{s.host.Sessions.Mark(name)}, slices.Compact(marks)...)
	return marks[:min(len(marks), maxVia)]
}

// Drain implements plugin.Service: what is fetched ends, and nothing begins.
func (s *Service) Drain() {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drained = true
	for _, p := range s.pulls {
		p.cancel(errStopping)
	}
	for _, f := range s.forwards {
		f.cancel(errStopping)
	}
}

// Close implements plugin.Service.
func (s *Service) Close(ctx context.Context) error { return plugin.Wait(ctx, &s.running) }
