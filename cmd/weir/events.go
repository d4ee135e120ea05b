package main

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/event"
	"github.com/weirmedia/weir/pkg/hook"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// events makes events of what bus and session registry tell, with what the API shows
// as their data.
type events struct {
	hub      *event.Hub
	hooks    *hook.Hooks
	bus      *bus.Bus
	sessions *session.Registry
	started  time.Time
	beating  sync.WaitGroup
	unbeat   context.CancelFunc // ends the heartbeat

	// mu is held while an event is published that depends on viewers, which the hub
	// never makes wait for.
	mu      sync.Mutex
	viewers map[string]int  // who plays or waits, by stream
	missed  map[string]bool // streams with such viewers that were told not to be there
	// fetches tells whether a stream that is not there is fetched for its viewers.
	fetches func(stream string) bool
}

// newEvents returns events without sources; watch names them. Nothing is sent before
// begin.
func newEvents(c *hook.Config, log *slog.Logger) *events {
	host, err := os.Hostname()
	if err != nil {
		host = "weir"
	}
	hub := event.NewHub(cmp.Or(c.Node, host), log)
	return &events{
		hub: hub, hooks: hook.New(c, hub, log), started: time.Now(), unbeat: func() {}, viewers: make(map[string]int), missed: make(map[string]bool),
		fetches: func(string) bool { return false },
	}
}

// observer returns what the session registry shall tell.
func (e *events) observer() session.Observer {
	return session.Observer{Opened: e.opened, Waiting: e.waiting, Closed: e.closed, Refused: e.refused, Wanted: e.wanted}
}

// watch begins with server.started and makes events of what happens there from now
// on.
func (e *events) watch(b *bus.Bus, sessions *session.Registry) {
	e.bus, e.sessions = b, sessions
	b.Observe(e.changed)
	e.publishServer(event.ServerStarted)
}

// begin sends what has happened and what will.
func (e *events) begin(c *hook.Config) {
	e.hooks.Start()
	e.beat(time.Duration(c.Heartbeat))
}

// reconfigure sends by c from now on. It comes after begin and before end.
func (e *events) reconfigure(c *hook.Config) {
	e.hooks.Reconfigure(c)
	e.beat(time.Duration(c.Heartbeat))
}

// beat publishes a heartbeat after each time of that length from now on, none if it
// is 0.
func (e *events) beat(every time.Duration) {
	e.unbeat()
	if every == 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	e.unbeat = cancel
	e.beating.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				e.publishServer(event.ServerHeartbeat)
			case <-ctx.Done():
				return
			}
		}
	})
}

// stopping tells that the server stops.
func (e *events) stopping() { e.publishServer(event.ServerStopping) }

// end ends the stream of events: what waits is sent until ctx ends.
func (e *events) end(ctx context.Context) {
	e.hub.Close()
	e.unbeat()
	e.beating.Wait()
	e.hooks.Close(ctx)
}

func (e *events) publishServer(t event.Type) {
	info := api.ServerInfo{Version: version, UptimeS: time.Since(e.started).Round(time.Millisecond).Seconds()}
	info.Streams = len(e.bus.Streams())
	for _, g := range e.sessions.Totals().Groups {
		if g.Action == session.Publish {
			info.Publishers += g.Open
		} else if g.Action == session.Play {
			info.Viewers += g.Open
		}
	}
	e.hub.Publish(t, "", "", info)
}

func (e *events) opened(s session.Snapshot) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.Action == session.Play {
		e.count(s.Stream, s.ID, 1)
	}
	e.hub.Publish(event.SessionOpened, s.Stream, s.ID, api.DescribeSession(s))
}

// waiting tells of a stream that is not there to the first who waits for it. One that
// is fetched for them is told of only if that fails.
func (e *events) waiting(s session.Snapshot) {
	if e.fetches(s.Stream) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.missed[s.Stream] {
		e.missed[s.Stream] = true
		e.notFound(s.Info, s.ID)
	}
}

func (e *events) closed(end session.End) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hub.Publish(event.SessionClosed, end.Stream, end.ID, api.DescribeEnd(end))
	if end.Reason == reason.StreamNotFound && !e.missed[end.Stream] {
		e.missed[end.Stream] = true
		e.notFound(end.Info, end.ID)
	}
	if end.Action == session.Play {
		e.count(end.Stream, end.ID, -1)
	}
}

// wanted is told of viewers that are no sessions.
func (e *events) wanted(stream string, by int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.count(stream, "", by)
}

// count takes note of a viewer that came or left, and tells when there is none any more.
// The caller locks.
func (e *events) count(stream, session string, by int) {
	if e.viewers[stream] += by; e.viewers[stream] > 0 {
		return
	}
	delete(e.viewers, stream)
	delete(e.missed, stream)
	if s := e.bus.Stream(stream); s != nil {
		e.hub.Publish(event.StreamNoViewers, stream, session, e.describe(s.Info()))
	}
}

// unwatched reports whether nobody plays a stream or waits for it.
func (e *events) unwatched(stream string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.viewers[stream] == 0
}

// refused tells of those who wanted to publish or play; not of whatever else knocks at
// a port.
func (e *events) refused(i session.Info, why reason.Reason) {
	switch {
	case why == reason.StreamNotFound && i.Stream != "":
		e.notFound(i, "")
	case i.Action != "":
		e.hub.Publish(event.SessionRefused, i.Stream, "", api.RefusalInfo{
			Protocol: i.Protocol, Remote: i.Remote, User: i.User, Agent: i.Agent, Action: i.Action, Reason: why,
		})
	}
}

func (e *events) notFound(i session.Info, id string) {
	e.hub.Publish(event.StreamNotFound, i.Stream, id, api.ClientInfo{Protocol: i.Protocol, Remote: i.Remote, User: i.User, Agent: i.Agent})
}

func (e *events) changed(c bus.Change) {
	if c.Happening == bus.Published {
		e.mu.Lock()
		delete(e.missed, c.Info.Name)
		e.mu.Unlock()
	}
	t := event.Type("stream." + c.Happening) // the words are the same
	e.hub.Publish(t, c.Info.Name, c.Session, e.describe(c.Info))
}

func (e *events) describe(i bus.Info) api.StreamInfo {
	return api.CompleteStreams([]api.StreamInfo{describeStream(i, e.sessions)}, e.sessions)[0]
}
