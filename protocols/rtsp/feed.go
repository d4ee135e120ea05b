package rtsp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/description"

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
	catchUpTick = 10 * time.Millisecond
	// batchAt is the share of a core above which sound waits for pictures,
	// unbatchAt the one below which it does not: about 150 and 75 players of 130
	// packets a second. What can be measured is passes, which hand packets to the
	// players' goroutines: a sixth to a quarter of what 500 players cost by TCP,
	// 10 % of a core whether sound waits or not (docs/performance.md).
	batchAt   = 0.03
	unbatchAt = 0.015
)

// feed turns a view into packets, once, and hands them to all players of one
// endpoint. Its goroutine and those of the players' requests share the log under
// the lock.
type feed struct {
	endpoint *endpoint
	name     string
	cancel   context.CancelFunc
	ready    chan struct{} // closed when stream or err is there

	// Set before ready is closed, and not changed then.
	stream  *gortsplib.ServerStream
	outlets []*outlet
	err     error
	wall    int64 // wall time in nanoseconds of stream time 0
	leftOut session.LeftOut

	unit   uint64     // number of the next frame; of the goroutine
	layout *av.Layout // that the outlets follow; of the goroutine

	mu      sync.Mutex
	log     packetLog
	viewers map[*viewer]struct{}
	broken  bool // nothing more comes
}

var _ bus.Breakable = (*feed)(nil)

// feed returns what the packets of a stream come from, and waits for the stream
// and its tracks. release gives it back.
func (c *client) feed(r request) (*feed, func(), error) {
	stream, err := c.await(r)
	if err != nil {
		return nil, nil, err
	}
	type key struct{ e *endpoint }
	e := c.endpoint
	f, release, err := bus.Acquire(stream.Plain(), key{e}, func() (*feed, error) {
		ctx, cancel := context.WithCancel(context.Background())
		f := &feed{
			endpoint: e, name: r.name, cancel: cancel, ready: make(chan struct{}),
			log: packetLog{window: int64(e.server.config.MaxLag)}, viewers: make(map[*viewer]struct{}),
		}
		go f.run(ctx, stream.Plain().SubscribeSettled(time.Duration(e.server.config.MaxLag)))
		return f, nil
	})
	if err != nil {
		return nil, nil, err
	}
	timer := time.NewTimer(readyWait)
	defer timer.Stop()
	select {
	case <-f.ready:
		err = f.err
	case <-timer.C:
		err = reason.Wrap(reason.StreamNotFound, fmt.Errorf("no media of %q came within %v", r.name, readyWait))
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return f, release, nil
}

// run reads the view until it ends, or until nobody has the feed any more.
func (f *feed) run(ctx context.Context, sub *bus.Subscription) {
	defer sub.Close()
	err := f.contain(func() error { return f.read(ctx, sub) })
	if f.stream == nil {
		f.err = err
		close(f.ready)
	}
	f.end(err)
	if f.stream != nil {
		<-ctx.Done() // players hold it until then
		f.stream.Close()
	}
}

// contain turns a panic into an error: it costs this output only.
func (f *feed) contain(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = reason.Wrap(reason.InternalError, fmt.Errorf("panic: %v", p))
			f.endpoint.server.host.Log.Error("panic in an RTSP feed", "panic", p, "stream", f.name, "stack", string(debug.Stack()))
		}
	}()
	return do()
}

func (f *feed) read(ctx context.Context, sub *bus.Subscription) error {
	load, rhythm := pace.NewLoad(av.Now(), batchAt, unbatchAt), pace.Rhythm{}
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
func (f *feed) next(ctx context.Context, sub *bus.Subscription, limit time.Duration) (bus.Item, error) {
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
func (f *feed) take(item bus.Item) error {
	frame := item.Frame
	if f.stream == nil {
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
	if err := f.outlets[i].muxer.Follow(frame.Track); err != nil {
		return reason.Wrap(reason.Unsupported, err)
	}
	packets, err := f.outlets[i].muxer.Mux(frame)
	if err != nil || len(packets) == 0 {
		f.endpoint.server.metrics.unsent.Inc()
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for n, p := range packets {
		p.SSRC = f.outlets[i].ssrc
		f.log.append(entry{
			Packet: p, outlet: i, unit: f.unit, first: n == 0, last: n == len(packets)-1, start: n == 0 && item.Start,
			pts: frame.PTS, arrival: frame.Arrival, size: p.MarshalSize(),
		})
	}
	f.unit++
	f.log.trim(frame.Arrival)
	return nil
}

// outletOf returns the index of the outlet of a track, -1 if it has none.
func (f *feed) outletOf(track int) int {
	for i, o := range f.outlets {
		if o.track == track {
			return i
		}
	}
	return -1
}

// describe makes the outlets of l, and what DESCRIBE tells.
func (f *feed) describe(l *av.Layout) error {
	d := &description.Session{Title: f.name}
	err := errors.New("it has none")
	var without []av.Omission
	for _, t := range l.Tracks {
		o, unable := newOutlet(t, len(f.outlets))
		if unable != nil {
			err = unable
			without = append(without, av.Omit(t, unable.Error()))
			continue
		}
		d.Medias = append(d.Medias, o.media)
		f.outlets = append(f.outlets, o)
	}
	if len(f.outlets) == 0 {
		return reason.Wrap(reason.Unsupported, fmt.Errorf("RTP can carry no track of %q: %w", f.name, err))
	}
	f.omit(without)
	stream := &gortsplib.ServerStream{Server: f.endpoint.library, Desc: d}
	if err := stream.Initialize(); err != nil {
		return err
	}
	stats := stream.Stats()
	for _, o := range f.outlets {
		o.ssrc = stats.Medias[o.media].Formats[o.muxer.Format()].LocalSSRC
	}
	f.stream, f.layout = stream, l
	return nil
}

// follow goes on with the layout l. It fails if players could not: SDP cannot be
// sent again.
func (f *feed) follow(l *av.Layout) error {
	carried := 0
	var without []av.Omission
	for _, t := range l.Tracks {
		if err := rtp.Carries(t); err != nil {
			without = append(without, av.Omit(t, err.Error()))
			continue
		}
		carried++
		i := f.outletOf(t.ID)
		if i < 0 {
			return fmt.Errorf("the stream has another track now: %s", t.Codec)
		}
		if err := f.outlets[i].muxer.Follow(t); err != nil {
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

// omit notes the tracks that players do without.
func (f *feed) omit(tracks []av.Omission) {
	if f.leftOut.Set(tracks) {
		session.LogLeftOut(f.endpoint.server.host.Log, slog.LevelInfo, tracks, slog.String("protocol", protocol), slog.String("stream", f.name))
	}
}

// pass gives players what they lack, and reports whether one still lacks
// something.
func (f *feed) pass() (behind bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for v := range f.viewers {
		if v.pass() {
			behind = true
		}
	}
	return behind
}

// add makes v a player. It fails with a *reason.Error if nothing more comes.
func (f *feed) add(v *viewer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		return reason.Wrap(reason.StreamEnded, errors.New("the stream has ended"))
	}
	f.viewers[v] = struct{}{}
	v.pass()
	return nil
}

// remove undoes add. It may be called repeatedly.
func (f *feed) remove(v *viewer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.viewers, v)
}

// end tells all players why nothing more comes. err is of the view, or why it
// cannot be sent any more.
func (f *feed) end(err error) {
	why := reason.Of(err, reason.InternalError)
	var over *bus.EndError
	if errors.As(err, &over) {
		err = nil // why says it all
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = true
	for v := range f.viewers {
		v.part(why, err)
	}
}

// Broken implements bus.Breakable.
func (f *feed) Broken() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.broken
}

// Close ends the feed, which nobody has any more. It does not wait.
func (f *feed) Close() error {
	f.cancel()
	return nil
}
