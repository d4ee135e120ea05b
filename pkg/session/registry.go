package session

import (
	"container/list"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Options configure a Registry.
type Options struct {
	Logger *slog.Logger // nil: no log
	// MaxSessions bounds the sessions of all protocols, MaxWaiting those of
	// them that wait for their stream; 0 or less means no bound.
	MaxSessions, MaxWaiting int
	// MaxViewers returns the bound on the players of one stream, those that wait for
	// it included, in the same way; nil for none.
	MaxViewers func(stream string) int
	// Admit returns why the server is too busy for who comes now, nil if it is not; nil
	// for never. It must not block.
	Admit func(Info) error
}

// Registry lists the sessions of every protocol, limits them, ends them and
// adds up what they moved. Its methods are safe for concurrent use. It calls
// nobody while it holds its lock.
type Registry struct {
	options   Options
	node      string
	log       *slog.Logger
	refusals  *lineLimit
	observers atomic.Pointer[[]Observer] // changed under mu
	life      context.Context            // of questions whether sessions may go on
	end       context.CancelFunc

	mu       sync.Mutex
	sessions map[string]*Session
	order    *list.List // of the same sessions, oldest first
	waiting  int
	viewers  map[string]int // players of each stream that has any
	groups   map[groupKey]*group
	streams  map[string]*streamGroup // by name
	refused  map[refusalKey]uint64
	history  history
	rechecks uint64 // how often Recheck was called
	stopping bool
	leaving  int           // sessions of whose end the observer is being told
	empty    chan struct{} // closed when stopping and the last session has closed

	measuring bool       // a look is to come
	looked    []*Session // of the look alone
}

// NewRegistry returns an empty registry.
func NewRegistry(o Options) *Registry {
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	r := &Registry{
		options:  o,
		node:     newNode(),
		log:      log,
		refusals: newLineLimit(),
		sessions: make(map[string]*Session),
		order:    list.New(),
		viewers:  make(map[string]int),
		groups:   make(map[groupKey]*group),
		streams:  make(map[string]*streamGroup),
		refused:  make(map[refusalKey]uint64),
		empty:    make(chan struct{}),
	}
	r.observers.Store(&[]Observer{})
	r.life, r.end = context.WithCancel(context.Background())
	return r
}

// Open enters a session. The registry calls kill when the session shall end
// for a reason from outside; the owner then says farewell to its peer, closes
// its connection and calls Session.Close. kill must not block, may be called
// more than once, from any goroutine, and even before Open has returned.
//
// The error is a *reason.Error: reason.LimitReached, reason.Overloaded, reason.Loop for
// what this server itself relays, or reason.Shutdown once Shutdown was called. A session
// that could not be opened is the caller's to Refuse.
func (r *Registry) Open(info Info, kill func(reason.Reason)) (*Session, error) {
	if err := r.checkLoop(info); err != nil {
		return nil, err
	}
	if r.options.Admit != nil {
		if err := r.options.Admit(info); err != nil {
			return nil, err
		}
	}
	s := &Session{registry: r, info: info.bounded(), since: time.Now(), kill: kill, state: Active, grant: info.grant}
	s.samples.older.at = av.Now()
	s.samples.newer.at = s.samples.older.at
	s.begin(info.before)
	opened, err := r.enter(s)
	if err != nil {
		return nil, err
	}
	attrs := append(s.info.attrs(),
		slog.String("session", s.id),
		slog.String("transport", s.info.Transport),
		slog.String("agent", s.info.Agent))
	r.log.LogAttrs(context.Background(), slog.LevelInfo, "session started", attrs...)
	r.opened(opened)
	s.recheckLate(info.grant)
	return s, nil
}

// SetLimits changes Options.MaxSessions and MaxWaiting. Who is there already stays.
func (r *Registry) SetLimits(maxSessions, maxWaiting int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.options.MaxSessions, r.options.MaxWaiting = maxSessions, maxWaiting
}

// SetMaxViewers changes Options.MaxViewers in the same way.
func (r *Registry) SetMaxViewers(maxViewers func(stream string) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.options.MaxViewers = maxViewers
}

// maxViewers returns the bound on the players of one stream, 0 for none.
func (r *Registry) maxViewers(stream string) int {
	r.mu.Lock()
	f := r.options.MaxViewers
	r.mu.Unlock()
	if f == nil {
		return 0
	}
	return f(stream)
}

// reserved is one of how many sessions is not for players: what they watch must be able
// to come back.
const reserved = 20

func (r *Registry) enter(s *Session) (Snapshot, error) {
	viewers := 0
	if s.info.Action == Play {
		viewers = r.maxViewers(s.info.Stream)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping {
		return Snapshot{}, reason.Wrap(reason.Shutdown, errors.New("the server is stopping"))
	}
	if limit := r.options.MaxSessions; limit > 0 {
		of := ""
		if s.info.Action == Play {
			limit -= limit / reserved
			of = " that viewers may have"
		}
		if len(r.sessions) >= limit {
			return Snapshot{}, reason.Wrap(reason.LimitReached, fmt.Errorf("all %d sessions%s are in use (limits.max_sessions)", limit, of))
		}
	}
	if s.info.Action == Play {
		if viewers > 0 && r.viewers[s.info.Stream] >= viewers {
			return Snapshot{}, reason.Wrap(reason.LimitReached, fmt.Errorf("%d players watch %q already (stream.max_viewers)", viewers, s.info.Stream))
		}
		r.viewers[s.info.Stream]++
	}
	s.id = r.newID()
	s.group = r.group(s.info)
	s.counters.Network.roundTrips = &s.group.roundTrips
	s.group.opened++
	s.group.open++
	r.joinStream(s)
	r.sessions[s.id] = s
	s.place = r.order.PushBack(s)
	s.renewInTime()
	r.measure()
	return s.snapshot(), nil
}

// idLength makes an identity of 60 random bits, so that a link to an ended
// session does not come to mean another one.
const idLength = 12

func (r *Registry) newID() string {
	for {
		id := strings.ToLower(rand.Text()[:idLength])
		if r.sessions[id] == nil {
			return id
		}
	}
}

// Refuse counts and logs a peer that never became a session: bad handshake,
// denied, limit reached. Every refusal is counted; of the log lines with one
// reason only some per second are written, so that an attack does not fill the
// disk. err may be nil.
func (r *Registry) Refuse(info Info, why reason.Reason, err error) {
	info = info.bounded()
	r.mu.Lock()
	r.refused[refusalKey{info.Protocol, why}]++
	r.mu.Unlock()

	write, suppressed := r.refusals.allow(why, time.Now())
	if !write {
		return
	}
	attrs := append(info.attrs(), slog.String("reason", string(why)))
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	if suppressed > 0 {
		attrs = append(attrs, slog.Uint64("suppressed", suppressed))
	}
	r.log.LogAttrs(context.Background(), level(why), "refused", attrs...)
	r.toldRefused(info, why)
}

// level is higher for what an operator can do something about.
func level(why reason.Reason) slog.Level {
	switch why {
	case reason.InternalError:
		return slog.LevelError
	case reason.LimitReached, reason.Overloaded:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// Get returns the session with this identity as it is now, with its timeline.
func (r *Registry) Get(id string) (Snapshot, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.sessions[id]
	if !ok {
		return Snapshot{}, false
	}
	out := s.snapshot()
	out.Timeline = s.told()
	return out, true
}

// Viewers returns, for every stream that somebody watches, the number of
// viewers by protocol. Waiting players are not counted.
func (r *Registry) Viewers() map[string]map[string]int {
	out := make(map[string]map[string]int)
	r.each(func(s *Session) {
		if s.info.Action != Play || s.state != Active {
			return
		}
		byProtocol := out[s.info.Stream]
		if byProtocol == nil {
			byProtocol = make(map[string]int, 1)
			out[s.info.Stream] = byProtocol
		}
		byProtocol[s.info.Protocol]++
	})
	return out
}

// Kill asks the session with this identity to end and reports whether there is
// one. It does not wait for the end.
func (r *Registry) Kill(id string, why reason.Reason) bool { return r.killFor(id, why, nil) }

// killFor is Kill with more to say about it.
func (r *Registry) killFor(id string, why reason.Reason, err error) bool {
	r.mu.Lock()
	s, ok := r.sessions[id]
	if ok {
		s.killed(why, err)
	}
	r.mu.Unlock()
	if ok {
		s.kill(why)
	}
	return ok
}

// KillAll asks every session to end. It does not wait for the ends.
func (r *Registry) KillAll(why reason.Reason) {
	r.mu.Lock()
	all := make([]*Session, 0, len(r.sessions))
	for _, s := range r.sessions {
		s.killed(why, nil)
		all = append(all, s)
	}
	r.mu.Unlock()
	for _, s := range all {
		s.kill(why)
	}
}

// killed notes the first reason from outside. The caller holds the lock.
func (s *Session) killed(why reason.Reason, err error) {
	if s.killedBy == "" {
		s.killedBy, s.killedAs = why, err
	}
}

// Shutdown lets no session in any more, asks all to end with reason.Shutdown
// and waits until the last has closed. The error is ctx's, with the number of
// sessions that are left.
func (r *Registry) Shutdown(ctx context.Context) error {
	defer r.end()
	r.mu.Lock()
	r.stopping = true
	r.signalEmpty()
	r.mu.Unlock()
	r.KillAll(reason.Shutdown)

	select {
	case <-r.empty:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	left := len(r.sessions)
	r.mu.Unlock()
	if left == 0 {
		return nil
	}
	return fmt.Errorf("%d sessions did not end: %w", left, ctx.Err())
}

// signalEmpty tells Shutdown when nobody is left. The caller holds the lock.
func (r *Registry) signalEmpty() {
	if !r.stopping || len(r.sessions) > 0 || r.leaving > 0 {
		return
	}
	select {
	case <-r.empty:
	default:
		close(r.empty)
	}
}
