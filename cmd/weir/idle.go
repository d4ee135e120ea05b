package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// idleCloser closes publishers whose stream nobody has watched for a time.
type idleCloser struct {
	bus      *bus.Bus
	sessions *session.Registry
	limit    atomic.Pointer[func(stream string) time.Duration] // which returns 0 for never
	stop     context.CancelFunc
	done     chan struct{}

	mu      sync.Mutex
	viewers map[string]int // who plays or waits, by stream
	timers  map[string]*time.Timer
}

// closeIdle begins to close publishers of streams without viewers.
func closeIdle(b *bus.Bus, sessions *session.Registry, limit func(stream string) time.Duration) *idleCloser {
	ctx, stop := context.WithCancel(context.Background())
	c := &idleCloser{
		bus: b, sessions: sessions, stop: stop, done: make(chan struct{}),
		viewers: make(map[string]int), timers: make(map[string]*time.Timer),
	}
	c.limit.Store(&limit)
	sessions.Observe(session.Observer{Opened: c.opened, Closed: c.closed, Wanted: c.count})
	go c.follow(ctx, b.Watch())
	return c
}

// setLimit changes for how long publishers stay from now on: those that are alone
// already begin anew.
func (c *idleCloser) setLimit(limit func(stream string) time.Duration) {
	c.limit.Store(&limit)
	c.mu.Lock()
	defer c.mu.Unlock()
	for stream := range c.timers {
		c.disarm(stream)
	}
	for _, s := range c.bus.Streams() {
		if s.State() == bus.Live {
			c.arm(s.Name())
		}
	}
}

// follow notes streams that get a publisher.
func (c *idleCloser) follow(ctx context.Context, w *bus.Watch) {
	defer close(c.done)
	defer w.Close()
	for {
		e, err := w.Next(ctx)
		if err != nil {
			return
		}
		if e.State == bus.Live {
			c.mu.Lock()
			c.arm(e.Stream.Name())
			c.mu.Unlock()
		}
	}
}

func (c *idleCloser) opened(s session.Snapshot) {
	if s.Action == session.Play {
		c.count(s.Stream, 1)
	}
}

func (c *idleCloser) closed(e session.End) {
	if e.Action == session.Play {
		c.count(e.Stream, -1)
	}
}

// count takes note of a viewer that came or left.
func (c *idleCloser) count(stream string, by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.viewers[stream] += by; {
	case by > 0:
		c.disarm(stream)
	case c.viewers[stream] <= 0:
		delete(c.viewers, stream)
		c.arm(stream)
	}
}

// arm begins to count if nobody watches the stream. The caller locks.
func (c *idleCloser) arm(stream string) {
	limit := (*c.limit.Load())(stream)
	if limit <= 0 || c.viewers[stream] > 0 {
		return
	}
	c.disarm(stream)
	c.timers[stream] = time.AfterFunc(limit, func() { c.close(stream) })
}

// disarm undoes arm. The caller locks.
func (c *idleCloser) disarm(stream string) {
	if t := c.timers[stream]; t != nil {
		t.Stop()
		delete(c.timers, stream)
	}
}

// close closes the publisher if still nobody watches. What the relay fetches it
// closes itself.
func (c *idleCloser) close(stream string) {
	c.mu.Lock()
	watched := c.viewers[stream] > 0
	delete(c.timers, stream)
	c.mu.Unlock()
	s := c.bus.Stream(stream)
	if watched || s == nil {
		return
	}
	if publisher, ok := c.sessions.Get(s.Info().Session); ok && publisher.Protocol != "relay" {
		c.sessions.Kill(publisher.ID, reason.NoViewers)
	}
}

// end stops closing.
func (c *idleCloser) end() {
	c.stop()
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	for stream := range c.timers {
		c.disarm(stream)
	}
}
