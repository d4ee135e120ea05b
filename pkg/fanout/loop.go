package fanout

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/pace"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/socket"
)

// passBudget is how many bytes one viewer is sent before the others have their
// turn. It lets a joining viewer have a usual GOP at once, and bounds what one
// socket costs the others to about 50 µs.
const passBudget = 256 << 10

// maxRecent bounds the messages of one pull that a group keeps marks of. A pass
// usually has one or two.
const maxRecent = 256

// calmWindow is how long the bus retains frames of a stream, beside the newest
// GOP, while all its viewers take what there is at once. With LagTime for all,
// 500 streams of 690 kbit/s with one viewer each held 1.5 GB.
const calmWindow = 2 * time.Second

// loop is a goroutine that owns sockets and sends to them.
type loop struct {
	limits *atomic.Pointer[Limits]
	counts *LoopCounts
	signal chan struct{}
	quit   chan struct{}
	done   chan struct{}
	count  atomic.Int64 // viewers

	mu     sync.Mutex
	groups []*group  // have news
	visits []*Viewer // want attention

	// Owned by the loop's goroutine.
	byLog      map[*Log]*group
	idleGroups []*group
	idleVisits []*Viewer
	load       pace.Load
	held       []*group // wait for more to send at once
	timer      *time.Timer

	// Arguments and results of sendNow; see its comment.
	out     []byte
	sent    int
	sendErr error
	sendFn  func(fd uintptr)
}

// group is the viewers of one log on one loop.
type group struct {
	loop    *loop
	log     *Log
	dirty   atomic.Bool
	viewers []*Viewer
	behind  int // viewers that lack something
	edge    edge
	recent  []mark // the newest messages, those since the last pass at least
	stale   bool   // a pass has served what recent has
	rhythm  rhythm

	follower *bus.Follower
	window   time.Duration // that follower asks for
	uneasy   int64         // when a viewer lacked something, or had to wait, last
}

var _ bus.Waker = (*group)(nil)

// seat is a viewer's place on a loop.
type seat struct {
	group  *group
	index  int  // in group.viewers
	queued bool // in loop.visits; guarded by loop.mu
	parked bool
	behind bool // counted in group.behind
	// What the parked write did, valid once woken is set.
	wrote int
	err   error
	woken atomic.Bool
}

func newLoop(limits *atomic.Pointer[Limits], counts *LoopCounts) *loop {
	l := &loop{
		limits: limits, counts: counts, signal: make(chan struct{}, 1),
		quit: make(chan struct{}), done: make(chan struct{}), byLog: make(map[*Log]*group),
		load: pace.NewLoad(av.Now(), batchAt, unbatchAt), timer: time.NewTimer(time.Hour),
	}
	l.sendFn = func(fd uintptr) { l.sent, l.sendErr = socket.Send(fd, l.out) }
	return l
}

// Wake implements bus.Waker: the group's log can be pulled.
func (g *group) Wake() {
	if g.dirty.Swap(true) {
		return
	}
	l := g.loop
	l.mu.Lock()
	l.groups = append(l.groups, g)
	l.mu.Unlock()
	l.wake()
}

// attend implements driver.
func (l *loop) attend(v *Viewer) {
	l.mu.Lock()
	queued := v.seat.queued
	if !queued {
		v.seat.queued = true
		l.visits = append(l.visits, v)
	}
	l.mu.Unlock()
	if !queued {
		l.wake()
	}
}

func (l *loop) wake() {
	select {
	case l.signal <- struct{}{}:
	default:
	}
}

func (l *loop) run() {
	defer close(l.done)
	defer l.timer.Stop()
	for {
		select {
		case <-l.signal:
		case <-l.timer.C:
		case <-l.quit:
			return
		}
		begin := av.Now()
		l.work()
		end := av.Now()
		l.counts.Busy.Add(uint64(end - begin))
		l.load.Add(begin, end)
	}
}

// work serves everybody who had news when it began.
func (l *loop) work() {
	l.mu.Lock()
	groups, visits := l.groups, l.visits
	l.groups, l.visits = l.idleGroups[:0], l.idleVisits[:0]
	for _, v := range visits {
		v.seat.queued = false
	}
	l.mu.Unlock()
	for _, v := range visits {
		l.visit(v)
	}
	for _, g := range groups {
		l.look(g)
	}
	l.serveHeld()
	clear(groups)
	clear(visits)
	l.idleGroups, l.idleVisits = groups, visits
}

// pass sends every viewer of g what it lacks.
func (l *loop) pass(g *group) {
	l.counts.Passes.Add(1)
	g.stale = true
	now, served := av.Now(), uint64(0)
	late := g.rhythm.Waiting() != 0 && now-g.rhythm.Waiting() > int64(calmWindow)/4
	g.rhythm.passed = now
	g.rhythm.Served()
	for i := len(g.viewers) - 1; i >= 0; i-- { // backwards: serving may remove the viewer
		if v := g.viewers[i]; !v.seat.parked {
			served++
			l.serve(v)
		}
	}
	l.counts.Served.Add(served)
	if late {
		g.uneasy = now
	}
	g.retain(now)
}

// retain asks the bus for what viewers that are behind need, or may soon.
func (g *group) retain(now int64) {
	if g.behind > 0 {
		g.uneasy = now
	}
	window := calmWindow
	if now-g.uneasy < int64(calmWindow) {
		window = max(calmWindow, g.loop.limits.Load().LagTime)
	}
	if window != g.window {
		g.window = window
		g.follower.Retain(window)
	}
}

func (g *group) pull() {
	before := g.edge.messages
	g.edge = g.log.pull()
	n := g.edge.messages - before
	if n == 0 {
		return
	}
	if g.stale || len(g.recent)+int(n) > maxRecent {
		g.recent, g.stale = g.recent[:0], false
	}
	if n > maxRecent { // catching up: viewers look in the log
		g.rhythm.Note(av.Data, av.Now())
		return
	}
	known := len(g.recent)
	g.recent = g.log.marks(g.recent, before, g.edge.messages)
	for _, m := range g.recent[known:] {
		g.rhythm.Note(m.kind, m.arrival)
	}
}

// visit serves a viewer that asked for attention.
func (l *loop) visit(v *Viewer) {
	s := &v.seat
	if v.closed {
		return
	}
	if s.woken.Swap(false) {
		s.parked = false
		l.counts.Parked.Add(-1)
		if s.wrote > 0 {
			l.counts.Sends.Add(1)
			l.counts.Bytes.Add(uint64(s.wrote))
			v.sent(s.wrote, l.edgeOf(v), nil, &l.counts.Lag)
		}
		if s.err != nil {
			l.remove(v, failure(s.err), s.err)
			return
		}
	}
	if s.parked {
		return
	}
	if s.group != nil {
		s.group.pull()
	}
	l.serve(v)
}

func (l *loop) edgeOf(v *Viewer) *edge {
	if g := v.seat.group; g != nil && g.log == v.cursor.log {
		return &g.edge
	}
	return &edge{}
}

// serve sends v what it lacks and notes whether that was all.
func (l *loop) serve(v *Viewer) {
	l.send(v)
	if g := v.seat.group; g != nil && v.seat.behind != v.cursor.behind {
		v.seat.behind = v.cursor.behind
		if !v.seat.behind {
			g.behind--
			return
		}
		if g.behind++; g.behind == 1 {
			g.retain(av.Now())
		}
	}
}

func (l *loop) send(v *Viewer) {
	for budget := passBudget; ; {
		e := *l.edgeOf(v)
		b := v.due(&e)
		if v.cursor.log != logOf(v.seat.group) {
			l.regroup(v)
			continue // what came before the view was followed wakes nobody: look again
		}
		if len(b) == 0 {
			if v.leaving != "" {
				l.remove(v, v.leaving, v.cause)
			}
			return
		}
		if budget <= 0 {
			v.cursor.behind = true
			l.attend(v)
			return
		}
		if !l.push(v, b, &e) {
			return
		}
		budget -= len(b)
	}
}

// push sends b, parking or removing v if that does not work at once. It
// reports whether b went whole.
func (l *loop) push(v *Viewer, b []byte, e *edge) bool {
	n, err := l.sendNow(v, b)
	l.counts.Sends.Add(1)
	l.counts.Bytes.Add(uint64(n))
	if n > 0 {
		var recent []mark
		if g := v.seat.group; g != nil {
			recent = g.recent
		}
		v.sent(n, e, recent, &l.counts.Lag)
	}
	switch {
	case n == len(b):
		return true
	case err == nil || errors.Is(err, socket.ErrWouldBlock):
		l.park(v)
	default:
		l.remove(v, failure(err), err)
	}
	return false
}

// sendNow writes b to v's socket without waiting. The descriptor is only used
// inside RawConn.Control, which keeps it from being closed and reused
// meanwhile; the closure is made once per loop, since one made per call would
// be an allocation per frame and viewer.
func (l *loop) sendNow(v *Viewer, b []byte) (n int, err error) {
	l.out, l.sent, l.sendErr = b, 0, nil
	if err = v.raw.Control(l.sendFn); err != nil {
		return 0, err
	}
	l.out = nil
	return l.sent, l.sendErr
}

// park leaves v to a goroutine that waits until its socket takes bytes.
func (l *loop) park(v *Viewer) {
	if !v.cursor.hold() {
		l.remove(v, reason.LagTime, errors.New("the log lost the viewer's place in the middle of a message"))
		return
	}
	v.seat.parked = true
	l.counts.Parked.Add(1)
	l.counts.Parks.Add(1)
	b := v.cursor.pending
	go func() {
		s := &v.seat
		s.wrote, s.err = v.await(b)
		s.woken.Store(true)
		l.attend(v)
	}()
}

// regroup seats v where its cursor reads.
func (l *loop) regroup(v *Viewer) {
	l.unseat(v)
	log := v.cursor.log
	if log == nil {
		return
	}
	g := l.byLog[log]
	if g == nil {
		g = &group{loop: l, log: log, window: calmWindow, uneasy: -int64(calmWindow)}
		g.follower = log.view.Follow(g, g.window)
		g.pull()
		l.byLog[log] = g
	}
	v.seat.group, v.seat.index = g, len(g.viewers)
	g.viewers = append(g.viewers, v)
}

func (l *loop) unseat(v *Viewer) {
	g := v.seat.group
	if g == nil {
		return
	}
	v.seat.group = nil
	if v.seat.behind {
		v.seat.behind = false
		g.behind--
	}
	last := len(g.viewers) - 1
	moved := g.viewers[last]
	g.viewers[v.seat.index], moved.seat.index = moved, v.seat.index
	g.viewers[last] = nil
	g.viewers = g.viewers[:last]
	if last == 0 {
		g.follower.Stop()
		delete(l.byLog, g.log)
	}
}

func (l *loop) remove(v *Viewer, why reason.Reason, err error) {
	l.unseat(v)
	l.count.Add(-1)
	v.finish(why, err)
}

func logOf(g *group) *Log {
	if g == nil {
		return nil
	}
	return g.log
}
