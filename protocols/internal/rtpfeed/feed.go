// Package rtpfeed turns views into RTP packets, once for all who play them: what
// RTSP and WebRTC have in common.
package rtpfeed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/pace"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/remux/rtp"
)

const (
	// readyWait is how long a player waits for the first frame of a stream that is
	// there.
	readyWait = 5 * time.Second
	// catchUpTick is the time between two passes while a player is behind.
	catchUpTick = 5 * time.Millisecond
)

// Feed is a view as packets. Its goroutine and those of requests share the log
// under the lock.
type Feed struct {
	options Options
	view    *bus.View
	name    string // of the stream
	cancel  context.CancelFunc
	ready   chan struct{} // closed when outlets or err are there

	// Set before ready is closed, and not changed then.
	outlets []*Outlet
	begun   io.Closer // what Begin returned
	err     error
	wall    int64      // wall time in nanoseconds of stream time 0
	first   *av.Layout // the layout that the outlets were made of, as far as it goes out

	leftOut session.LeftOut

	unit   uint64     // number of the next frame; of the goroutine
	layout *av.Layout // that the outlets follow; of the goroutine

	mu      sync.Mutex
	log     Log
	players map[Player]struct{}
	over    error // why nothing more comes; nil while something may
}

var _ bus.Breakable = (*Feed)(nil)

// Acquire returns the feed of view that is shared by all who ask with the same
// key, once its tracks are known. It waits for that until ctx ends, for some
// seconds at most. release gives the feed back.
func Acquire(ctx context.Context, view *bus.View, key any, o Options) (f *Feed, release func(), err error) {
	f, release, err = bus.Acquire(view, key, func() (*Feed, error) {
		ctx, cancel := context.WithCancel(context.Background())
		f := &Feed{
			options: o, view: view, name: view.Stream().Name(), cancel: cancel, ready: make(chan struct{}),
			log: Log{window: int64(o.Window)}, players: make(map[Player]struct{}),
		}
		go f.run(ctx, view.SubscribeSettled(o.Window))
		return f, nil
	})
	if err != nil {
		return nil, nil, err
	}
	if err := f.await(ctx); err != nil {
		release()
		return nil, nil, err
	}
	return f, release, nil
}

func (f *Feed) await(ctx context.Context) error {
	timer := time.NewTimer(readyWait)
	defer timer.Stop()
	select {
	case <-f.ready:
		return f.err
	case <-timer.C:
		return reason.Wrap(reason.StreamNotFound, fmt.Errorf("no media of %q came within %v", f.name, readyWait))
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Outlets returns the tracks that go out.
func (f *Feed) Outlets() []*Outlet { return f.outlets }

// Layout returns the layout that the outlets were made of, as far as it goes out.
func (f *Feed) Layout() *av.Layout { return f.first }

// Begun returns what Options.Begin returned.
func (f *Feed) Begun() io.Closer { return f.begun }

// LeftOut says which tracks do not go out, and why.
func (f *Feed) LeftOut() *session.LeftOut { return &f.leftOut }

// Wall returns the wall time of a time of the stream, both in nanoseconds, the
// former since 1970.
func (f *Feed) Wall(pts int64) int64 { return f.wall + pts }

// run reads the view until it ends, or until nobody has the feed any more.
func (f *Feed) run(ctx context.Context, sub *bus.Subscription) {
	defer sub.Close()
	err := f.contain(func() error { return f.read(ctx, sub) })
	if f.layout == nil {
		f.err = err
		close(f.ready)
	}
	f.end(err)
	if f.begun != nil {
		<-ctx.Done() // players hold it until then
		_ = f.begun.Close()
	}
}

// contain turns a panic into an error: it costs this output only.
func (f *Feed) contain(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = reason.Wrap(reason.InternalError, fmt.Errorf("panic: %v", p))
			f.options.Log.Error("panic in a feed", "protocol", f.options.Protocol, "panic", p, "stream", f.name, "stack", string(debug.Stack()))
		}
	}()
	return do()
}

func (f *Feed) read(ctx context.Context, sub *bus.Subscription) error {
	load, rhythm := pace.NewLoad(av.Now(), f.options.BatchAt, f.options.BatchAt/2), pace.Rhythm{}
	behind, wait := false, time.Duration(0)
	for {
		item, err := f.next(ctx, sub, wait)
		if err != nil {
			return err
		}
		if item.Frame != nil {
			if err := f.take(item); err != nil {
				return err
			}
			rhythm.Note(item.Frame.Track.Kind, item.Frame.Arrival)
		}
		now := av.Now()
		if due := rhythm.Due(now); load.Batching() && !behind && due > now {
			wait = time.Duration(due - now)
			continue
		}
		wait = 0
		if behind = f.pass(); behind {
			wait = catchUpTick
		}
		rhythm.Served()
		load.Add(now, av.Now())
	}
}

// next waits for the next item; if limit is not 0, only so long.
func (f *Feed) next(ctx context.Context, sub *bus.Subscription, limit time.Duration) (bus.Item, error) {
	if limit == 0 {
		return sub.Next(ctx)
	}
	soon, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	item, err := sub.Next(soon)
	if errors.Is(err, context.DeadlineExceeded) {
		return bus.Item{}, nil
	}
	return item, err
}

// take appends the packets of a frame to the log.
func (f *Feed) take(item bus.Item) error {
	frame := item.Frame
	if f.layout == nil {
		if err := f.describe(item.Layout); err != nil {
			return err
		}
		f.wall = time.Now().UnixNano() - (av.Now() - frame.Arrival) - frame.DTS
		close(f.ready)
	} else if item.Layout != f.layout && item.Layout.Epoch != f.layout.Epoch {
		if err := f.follow(item.Layout); err != nil {
			return reason.Wrap(reason.Unsupported, err)
		}
	}
	i := f.outletOf(frame.Track.ID)
	if i < 0 {
		return nil
	}
	if err := f.outlets[i].Follow(frame.Track); err != nil {
		return reason.Wrap(reason.Unsupported, err)
	}
	packets, err := f.outlets[i].Mux(frame)
	if err != nil || len(packets) == 0 {
		f.options.Unsent()
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for n, p := range packets {
		p.SSRC = f.outlets[i].SSRC
		f.log.append(Entry{
			Packet: p, Outlet: i, Unit: f.unit, First: n == 0, Last: n == len(packets)-1, Start: n == 0 && item.Start,
			PTS: frame.PTS, Arrival: frame.Arrival, Size: p.MarshalSize(),
		})
	}
	f.unit++
	f.log.trim(frame.Arrival)
	return nil
}

// outletOf returns the index of the outlet of a track, -1 if it has none.
func (f *Feed) outletOf(track int) int {
	for i, o := range f.outlets {
		if o.ID == track {
			return i
		}
	}
	return -1
}

// carries returns why t does not go out, nil if it does.
func (f *Feed) carries(t *av.Track) error {
	if f.options.Carries != nil {
		if err := f.options.Carries(t); err != nil {
			return err
		}
	}
	return rtp.Carries(t)
}

// describe makes the outlets of l.
func (f *Feed) describe(l *av.Layout) error {
	err := errors.New("it has none")
	var without []av.Omission
	for _, t := range l.Tracks {
		if err = f.carries(t); err == nil {
			err = f.open(t)
		}
		if err != nil {
			without = append(without, av.Omit(t, err.Error()))
		}
	}
	if len(f.outlets) == 0 {
		return reason.Wrap(reason.Unsupported, fmt.Errorf("%s can carry no track of %q: %w", f.options.Protocol, f.name, err))
	}
	f.omit(without)
	f.first = &av.Layout{Ready: true}
	for _, o := range f.outlets {
		f.first.Tracks = append(f.first.Tracks, o.Track())
	}
	if f.options.Begin != nil {
		if f.begun, err = f.options.Begin(f.outlets); err != nil {
			return err
		}
	}
	f.layout = l
	return nil
}

// omit notes the tracks that players do without.
func (f *Feed) omit(tracks []av.Omission) {
	tracks = append(tracks, f.view.Missing()...)
	if f.leftOut.Set(tracks) {
		session.LogLeftOut(f.options.Log, slog.LevelInfo, tracks, slog.String("protocol", f.options.Protocol), slog.String("stream", f.name))
	}
}

// open makes the outlet of a track.
func (f *Feed) open(t *av.Track) error {
	m, err := rtp.NewMuxer(t, rtp.MuxerOptions{PayloadType: rtp.FirstDynamic + uint8(len(f.outlets)), MaxPayload: f.options.MaxPayload})
	if err == nil {
		f.outlets = append(f.outlets, &Outlet{ID: t.ID, Muxer: m})
	}
	return err
}

// follow goes on with the layout l. It fails if players could not: what they were
// told cannot be told again.
func (f *Feed) follow(l *av.Layout) error {
	carried := 0
	var without []av.Omission
	for _, t := range l.Tracks {
		if err := f.carries(t); err != nil {
			without = append(without, av.Omit(t, err.Error()))
			continue
		}
		carried++
		i := f.outletOf(t.ID)
		if i < 0 {
			return fmt.Errorf("the stream has another track now: %s", t.Codec)
		}
		if err := f.outlets[i].Follow(t); err != nil {
			return err
		}
	}
	if carried < len(f.outlets) {
		return errors.New("the stream has fewer tracks now")
	}
	f.omit(without)
	f.layout = l
	return nil
}

// pass gives players what they lack, and reports whether one still lacks
// something.
func (f *Feed) pass() (behind bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for p := range f.players {
		if p.Pass(&f.log) {
			behind = true
		}
	}
	f.flush()
	return behind
}

// flush lets leave what players were given. The caller has the lock.
func (f *Feed) flush() {
	if f.options.Flush != nil {
		f.options.Flush()
	}
}

// Add makes p a player, which is passed at once. If nothing more comes it fails
// with the cause.
func (f *Feed) Add(p Player) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over != nil {
		return f.over
	}
	f.players[p] = struct{}{}
	p.Pass(&f.log)
	f.flush()
	return nil
}

// Remove undoes Add. It may be called repeatedly.
func (f *Feed) Remove(p Player) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.players, p)
}

// Do calls do with the log, under the lock of the feed.
func (f *Feed) Do(do func(l *Log)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(&f.log)
	f.flush()
}

// end tells all players why nothing more comes. err is of the view, or why it
// cannot be sent any more.
func (f *Feed) end(err error) {
	why, cause := reason.Of(err, reason.InternalError), err
	var over *bus.EndError
	if errors.As(err, &over) {
		cause = nil // why says it all
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = err
	for p := range f.players {
		p.Part(why, cause)
	}
}

// Broken implements bus.Breakable.
func (f *Feed) Broken() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.over != nil
}

// Close ends the feed, which nobody has any more. It does not wait.
func (f *Feed) Close() error {
	f.cancel()
	return nil
}
