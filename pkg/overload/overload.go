// Package overload compares what a server uses with what it may use, and says who can
// still be let in: with little left no viewers, with nothing left no publishers either.
package overload

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// Resource is what may run out.
type Resource string

// The resources.
const (
	LoopShare   Resource = "loop_share"  // of its time that the busiest delivery loop works
	Memory      Resource = "memory"      // bytes that the process or its control group occupies
	Descriptors Resource = "descriptors" // open files and sockets
	Bandwidth   Resource = "bandwidth"   // bit/s to all viewers
)

// Resources returns all of them.
func Resources() []Resource { return []Resource{LoopShare, Memory, Descriptors, Bandwidth} }

// Limits are how much of each there is; nothing, or 0, means without limit.
type Limits map[Resource]float64

// Reading is how much of each is used. Work and Sent grow, and are compared with those
// of earlier readings.
type Reading struct {
	At          time.Time       // monotonic
	Work        []time.Duration // of each loop
	Sent        uint64          // bytes
	Memory      float64
	Descriptors float64
}

// Level says who is refused.
type Level int

// The levels.
const (
	Calm       Level = iota
	Viewers          // new viewers are refused
	Publishers       // and new publishers
)

// String returns the level's name in metrics and the log.
func (l Level) String() string { return [...]string{"nobody", "viewers", "publishers"}[l] }

const (
	// viewersAt is the part of a limit from which on no viewers come in, so that what
	// is left is for publishers, and for what those who are there need more: memory of
	// 100 publishers at 4 Mbit/s grows by about 5 % in the time of a key frame interval.
	viewersAt = 0.9
	// calmer is how much less must be used until the next are let in again; else every
	// viewer who leaves would let one in.
	calmer = 0.05
	// every is the time between two looks, which take 0.03 ms with 1,000 sessions.
	every = time.Second
	// over is the time over which loop share and bandwidth are averaged: a key frame of
	// many streams at once is no overload.
	over = 5
)

// Usage is one resource at one moment.
type Usage struct {
	Resource    Resource
	Used, Limit float64 // Limit is 0 without one
	Level       Level
}

// share returns the used part of the limit, 0 without one.
func (u Usage) share() float64 {
	if u.Limit <= 0 {
		return 0
	}
	return u.Used / u.Limit
}

// next returns the level after the share that is used now.
func (u Usage) next() Level {
	share := u.share()
	level := Calm
	for l, from := range map[Level]float64{Viewers: viewersAt, Publishers: 1} {
		if u.Level >= l {
			from -= calmer
		}
		if share >= from {
			level = max(level, l)
		}
	}
	return level
}

// Options say what is watched. Read is needed.
type Options struct {
	Limits Limits
	Read   func() Reading
	Log    *slog.Logger // told when another Level counts for a resource; nil: no log
}

// Guard watches. Its methods are safe for concurrent use.
type Guard struct {
	options Options
	stop    chan struct{}
	done    chan struct{}

	mu       sync.Mutex
	limits   Limits
	usages   []Usage
	readings []Reading // of the last seconds, oldest first
}

// Start begins to watch.
func Start(o Options) *Guard {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	g := &Guard{options: o, limits: o.Limits, stop: make(chan struct{}), done: make(chan struct{})}
	for _, r := range Resources() {
		g.usages = append(g.usages, Usage{Resource: r, Limit: o.Limits[r]})
	}
	g.readings = []Reading{o.Read()}
	go g.run()
	return g
}

// Close ends it and returns when nothing runs any more.
func (g *Guard) Close() {
	close(g.stop)
	<-g.done
}

func (g *Guard) run() {
	defer close(g.done)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-g.stop:
			return
		case <-ticker.C:
			g.look(g.options.Read())
		}
	}
}

// SetLimits changes the limits from the next look on.
func (g *Guard) SetLimits(l Limits) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limits = l
}

// Usages returns how much of each resource is used, in the order of Resources.
func (g *Guard) Usages() []Usage {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.usages)
}

// Admit returns why nobody of a level is let in now, with reason.Overloaded; nil if
// there is room.
func (g *Guard) Admit(who Level) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, u := range g.usages {
		if u.Level >= who {
			return reason.Wrap(reason.Overloaded, fmt.Errorf("the server is overloaded: %s", u.told()))
		}
	}
	return nil
}

// Warnings says who is refused now and why, in a line for each resource.
func (g *Guard) Warnings() (lines []string) {
	for _, u := range g.Usages() {
		switch u.Level {
		case Viewers:
			lines = append(lines, "overloaded, new viewers are refused: "+u.told())
		case Publishers:
			lines = append(lines, "overloaded, new viewers and publishers are refused: "+u.told())
		}
	}
	return lines
}

// told says in words how much is used.
func (u Usage) told() string {
	return fmt.Sprintf("%.0f %% of its %s is in use", 100*u.share(), map[Resource]string{
		LoopShare: "time for delivery", Memory: "memory", Descriptors: "file descriptors", Bandwidth: "bandwidth",
	}[u.Resource])
}

// busiest returns the most that a loop has worked since.
func busiest(now, before []time.Duration) (most time.Duration) {
	for i := range min(len(now), len(before)) {
		most = max(most, now[i]-before[i])
	}
	return most
}

func (g *Guard) look(r Reading) {
	changed := g.take(r)
	for _, u := range changed {
		level := slog.LevelWarn
		if u.Level == Calm {
			level = slog.LevelInfo
		}
		g.options.Log.Log(context.Background(), level, "overload", slog.String("resource", string(u.Resource)),
			slog.String("refused", u.Level.String()), slog.Float64("used", u.Used), slog.Float64("limit", u.Limit))
	}
}

// take notes a reading and returns the resources whose level changed.
func (g *Guard) take(r Reading) (changed []Usage) {
	g.mu.Lock()
	defer g.mu.Unlock()
	oldest := g.readings[0]
	if g.readings = append(g.readings, r); len(g.readings) > over {
		g.readings = g.readings[1:]
	}
	seconds := max(r.At.Sub(oldest.At).Seconds(), 1e-3)
	used := map[Resource]float64{
		LoopShare: busiest(r.Work, oldest.Work).Seconds() / seconds, Bandwidth: 8 * float64(r.Sent-oldest.Sent) / seconds,
		Memory: r.Memory, Descriptors: r.Descriptors,
	}
	for i := range g.usages {
		u := &g.usages[i]
		u.Used, u.Limit = used[u.Resource], g.limits[u.Resource]
		if level := u.next(); level != u.Level {
			u.Level = level
			changed = append(changed, *u)
		}
	}
	return changed
}
