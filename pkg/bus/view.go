package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

const (
	// startInterval is the distance between start points of a stream without
	// video, where every frame could be one.
	startInterval = int64(time.Second)
	// videoSilence is how long a video track may send nothing before audio
	// frames become start points, so that a stream whose picture stopped can
	// still be joined.
	videoSilence = int64(5 * time.Second)
	// derivedLag is how far a transform may fall behind before it misses
	// frames. Transforms are faster than real time; this covers a slow start.
	derivedLag = 2 * time.Second
)

// Waker is woken when a view has new frames or ends. Wake is called on the
// publisher's goroutine: it must not block and should be cheap.
type Waker interface{ Wake() }

// View is a stream seen through a transform; the plain view is the stream
// itself. All methods are safe for concurrent use.
type View struct {
	stream  *Stream
	limits  Limits
	source  *View     // that it is made of; nil if that is the publisher's
	through Transform // nil for the plain view

	mu        sync.Mutex
	ring      ring
	settling  settling
	window    int64 // the longest that a follower asks for
	since     int64 // likewise
	lastStart int64 // DTS of the newest start point
	started   bool
	lastVideo int64 // DTS of the newest video frame, of the first frame until there is one
	opened    int64 // when the first frame arrived
	began     bool

	followers atomic.Pointer[[]*Follower] // changed under mu
	shared    sharedSet

	done   chan struct{}
	ending sync.Once
	why    reason.Reason
}

// Follower is one who is woken by a view and has it retain frames. Its methods
// are safe for concurrent use.
type Follower struct {
	view   *View
	waker  Waker
	window int64 // guarded by view.mu, as the others
	since  int64
	held   uint64 // has the frames from this position on; noFrame if none
}

func newView(s *Stream, limits Limits) *View {
	v := &View{stream: s, limits: limits, done: make(chan struct{})}
	v.followers.Store(&[]*Follower{})
	v.shared.linger = limits.Linger
	v.ring.held = noFrame
	return v
}

// Stream returns the stream that v shows.
func (v *View) Stream() *Stream { return v.stream }

// Through returns the transform that makes v's frames, nil if v is the stream
// itself. Its Transform method is not for the caller.
func (v *View) Through() Transform { return v.through }

// Missing returns the tracks of the stream that v lacks now, and why. A track is
// known to be missing when v's Layouts lack it.
func (v *View) Missing() (tracks []av.Omission) {
	if v.source != nil {
		tracks = v.source.Missing()
	}
	if t, ok := v.through.(Omitter); ok {
		tracks = append(tracks, t.Missing()...)
	}
	return tracks
}

// Done is closed when the view has ended: no frame follows. End then says why.
func (v *View) Done() <-chan struct{} { return v.done }

// End returns why the view ended. It is valid once Done is closed.
func (v *View) End() reason.Reason { return v.why }

// append adds f and wakes the readers.
func (v *View) append(f *av.Frame) {
	v.insert(f)
	v.wake()
}

// insert adds f and reports whether viewers may begin there.
func (v *View) insert(f *av.Frame) (start bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	start = v.isStart(f)
	v.ring.append(f, start)
	v.settling.note(&v.ring, f.Layout)
	since := v.since
	if v.source == nil && f.Arrival-v.opened < int64(v.limits.Opening) {
		since = max(since, int64(v.limits.Opening))
	}
	v.ring.trim(retention{window: v.window, since: since, maxBytes: v.limits.RingBytes, maxAge: int64(v.limits.RingDuration)}, f.Arrival)
	return start
}

// isStart decides whether viewers may begin at f.
func (v *View) isStart(f *av.Frame) bool {
	if !v.began {
		v.began, v.lastVideo, v.opened = true, f.DTS, f.Arrival
	}
	start := false
	switch f.Track.Kind {
	case av.Video:
		v.lastVideo = f.DTS
		start = f.Key && f.Layout.Leads(f.Track)
	case av.Audio:
		noPicture := f.Layout.First(av.Video) == nil || f.DTS-v.lastVideo > videoSilence
		start = noPicture && (!v.started || f.DTS-v.lastStart >= startInterval)
	}
	if start {
		v.started, v.lastStart = true, f.DTS
	}
	return start
}

func (v *View) end(why reason.Reason) {
	v.ending.Do(func() {
		v.settle(nil)
		v.why = why
		close(v.done)
		v.wake()
		v.shared.end()
	})
}

func (v *View) wake() {
	for _, f := range *v.followers.Load() {
		f.waker.Wake()
	}
}

// Follow registers w and asks the view to retain, beside the newest GOP, the
// frames of the last window.
func (v *View) Follow(w Waker, window time.Duration) *Follower {
	f := &Follower{view: v, waker: w, window: int64(window), held: noFrame}
	v.mu.Lock()
	defer v.mu.Unlock()
	list := append(slices.Clone(*v.followers.Load()), f)
	v.followers.Store(&list)
	v.demand()
	return f
}

// Retain changes the window that f asks for. Frames that have left the view do
// not come back.
func (f *Follower) Retain(window time.Duration) {
	f.view.mu.Lock()
	defer f.view.mu.Unlock()
	f.window = int64(window)
	f.view.demand()
}

// release lets go of the frames before pos.
func (f *Follower) release(pos uint64) {
	f.view.mu.Lock()
	defer f.view.mu.Unlock()
	f.held = pos
	f.view.demand()
}

// RetainSince asks the view to retain, too, what SubscribeSettledSince with that ago
// begins with: the frames from the newest start point on that arrived at least so long
// ago, however long its GOP is.
func (f *Follower) RetainSince(ago time.Duration) {
	f.view.mu.Lock()
	defer f.view.mu.Unlock()
	f.since = int64(ago)
	f.view.demand()
}

// Stop undoes Follow. It may be called repeatedly.
func (f *Follower) Stop() {
	v := f.view
	v.mu.Lock()
	defer v.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(*v.followers.Load()), func(other *Follower) bool { return other == f })
	v.followers.Store(&list)
	v.demand()
}

// demand finds the most that is asked for, and what is held.
func (v *View) demand() {
	v.window, v.since, v.ring.held = 0, 0, noFrame
	for _, f := range *v.followers.Load() {
		v.window, v.since, v.ring.held = max(v.window, f.window), max(v.since, f.since), min(v.ring.held, f.held)
	}
}

// Entry is a frame in a view.
type Entry struct {
	*av.Frame
	// Layout is the layout in force: that which the frame came with or, from
	// ReadSettled, the one that its publisher settled on.
	Layout *av.Layout
	// Start reports that viewers may begin here: a key frame or, without video,
	// a frame about every second.
	Start bool
}

// Read copies entries from position pos on into dst and returns those copied
// and the position of the first. That is greater than pos if frames were
// dropped meanwhile; it is the next position to ask for if none were copied.
func (v *View) Read(pos uint64, dst []Entry) (entries []Entry, first uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	entries, first = v.ring.read(pos, v.ring.head, dst)
	unsettle(entries)
	return entries, first
}

// Borrow does what Read does for a reader that keeps nothing of the frames and
// their payloads once it has called Return, which it does soon: then their
// memory can be used again when they leave the view.
func (v *View) Borrow(pos uint64, dst []Entry) (entries []Entry, first uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ring.lent++
	entries, first = v.ring.lend(pos, v.ring.head, dst)
	unsettle(entries)
	return entries, first
}

// Return ends what Borrow began. It returns what Tail does.
func (v *View) Return() (tail uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ring.lent--
	return v.ring.tail
}

// NewestStart returns the position of the newest frame at which a viewer may
// begin. ok is false if none is held: then the next start point is to come at
// the returned position or later.
func (v *View) NewestStart() (pos uint64, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if pos, ok = v.ring.newestStart(); ok {
		return pos, true
	}
	return v.ring.head, false
}

// startBefore returns the newest start point held that arrived by then, or else the
// oldest. ok is false if none is held.
func (v *View) startBefore(arrival int64) (pos uint64, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	starts := v.ring.starts
	for i, pos := range slices.Backward(starts) {
		if i == 0 || v.ring.at(pos).frame.Arrival <= arrival {
			return pos, true
		}
	}
	return 0, false
}

// Tail returns the position of the oldest frame held.
func (v *View) Tail() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ring.tail
}

// Transform makes the frames of a derived view from those of its source. It is
// called by one goroutine. Frames that it makes need a Layout of their own if
// the transform changes tracks. One that is an io.Closer is closed, by the same
// goroutine, when the view has ended.
type Transform interface {
	// Transform handles f, which is immutable, and emits any number of frames.
	// An error ends the derived view with its reason, not the stream.
	Transform(f *av.Frame, emit func(*av.Frame)) error
}

// Omitter is what a Transform implements that may have to leave tracks out.
type Omitter interface {
	// Missing returns the tracks of its source that are left out now. Any goroutine
	// may call it; it does not block.
	Missing() []av.Omission
}

// Derive returns the view of v through the transform that newTransform makes,
// shared by all who ask with the same key. release gives it back.
func (v *View) Derive(key string, newTransform func() Transform) (derived *View, release func(), err error) {
	type viewKey string
	dv, release, err := Acquire(v, viewKey(key), func() (*derivedView, error) {
		ctx, cancel := context.WithCancel(context.Background())
		d := &derivedView{View: newView(v.stream, v.limits), cancel: cancel}
		d.source, d.through = v, newTransform()
		if w, ok := d.through.(Worker); ok {
			w.CountInto(&v.stream.bus.work)
		}
		go d.run(ctx, v.Subscribe(derivedLag))
		return d, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return dv.View, release, nil
}

type derivedView struct {
	*View
	cancel context.CancelFunc
}

var _ Breakable = (*derivedView)(nil)

// Broken implements Breakable.
func (d *derivedView) Broken() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

// Close ends the view; it does not wait for the transform in progress.
func (d *derivedView) Close() error {
	d.cancel()
	return nil
}

func (d *derivedView) run(ctx context.Context, sub *Subscription) {
	defer sub.Close()
	if c, ok := d.through.(io.Closer); ok {
		defer func() { _ = contain(c.Close) }() // nobody is left who could be told
	}
	for {
		item, err := sub.Next(ctx)
		if err == nil { // what is left to read is for nobody then
			err = ctx.Err()
		}
		switch {
		case err != nil:
		case item.Left:
			d.leave(nil)
			d.wake()
		case item.Frame != nil:
			err = contain(func() error { return d.through.Transform(item.Frame, d.append) })
		}
		if err != nil {
			d.end(reason.Of(err, reason.InternalError))
			return
		}
	}
}

var errPanic = errors.New("panic")

// contain turns a panic of f into an error, so that it costs one output only.
func contain(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = reason.Wrap(reason.InternalError, fmt.Errorf("%w: %v", errPanic, p))
		}
	}()
	return f()
}
