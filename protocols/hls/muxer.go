package hls

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/transcode"
	"github.com/weirmedia/weir/protocols/hls/segment"
)

// readLag is how far a muxer may fall behind its stream before it misses frames.
// Cutting is faster than real time; this covers a slow start.
const readLag = 2 * time.Second

// muxer makes the segments of one rendition of a stream for all who ask. One
// goroutine reads the view; requests read snapshots and never lock.
type muxer struct {
	service *service
	stream  *bus.Stream
	view    *bus.View // what is cut; of the goroutine
	format  segment.Format
	epoch   string
	cancel  context.CancelFunc
	log     *slog.Logger
	leftOut session.LeftOut

	// newest is nil until the first segment has ended. started is closed when there
	// is the first snapshot or none will come.
	newest  atomic.Pointer[snapshot]
	started chan struct{}
	once    sync.Once

	mu        sync.Mutex // guards what follows
	cutter    *segment.Segmenter
	made      *window
	counted   counts     // what was published
	layout    *av.Layout // that leftOut is of; written by the goroutine alone
	opened    int64      // bytes of frames since the newest segment began, about
	epochTime time.Time  // of 0 on the stream's timeline
	placed    bool       // epochTime is valid
	lastTime  int64      // the newest DTS, and when it arrived
	arrived   int64
	away      *time.Timer // runs while the publisher is away
	warned    struct{ overlong, capped bool }
	closed    bool
	err       error // why the muxer failed or its view ended
}

var _ bus.Breakable = (*muxer)(nil)

// rendition is how a viewer wants a stream.
type rendition struct {
	format segment.Format
	audio  transcode.Choice
}

// acquire returns the muxer of a rendition of stream, made if nobody has it yet.
func (s *service) acquire(stream *bus.Stream, r rendition) (m *muxer, release func(), err error) {
	return bus.Acquire(stream.Plain(), r, func() (*muxer, error) { return s.newMuxer(stream, r), nil })
}

// sequenceEpoch is when media sequence numbers were 0. Every muxer begins with
// the number of shortest segments since, so that the numbers of a stream go on
// growing after a restart, or after nobody watched for a while: only if publishers
// come and go all the time are there more.
var sequenceEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (s *service) newMuxer(stream *bus.Stream, r rendition) *muxer {
	live := s.live.Load()
	set := live.of(stream.Name())
	ctx, cancel := context.WithCancel(context.Background())
	m := &muxer{
		service: s, stream: stream, format: r.format, epoch: strings.ToLower(rand.Text()[:epochLength]), cancel: cancel,
		started: make(chan struct{}),
		log:     s.log.With(slog.String("stream", stream.Name()), slog.String("format", string(r.format))),
	}
	first := uint64(max(0, time.Since(sequenceEpoch)/segment.Shortest))
	m.made = newWindow(first, set.window, int64(live.MaxBytes))
	options := segment.Options{Format: r.format, Segment: set.segment, MaxSegment: set.maxSegment}
	if live.LowLatency {
		options.Part = time.Duration(live.PartDuration)
	}
	m.cutter = segment.New(options, m.made)
	m.away = time.AfterFunc(time.Hour, m.gap)
	m.away.Stop()
	s.enter(m)
	go m.run(ctx, r.audio)
	return m
}

// Close implements io.Closer: nobody asks for the muxer any more. It does not
// wait.
func (m *muxer) Close() error {
	m.cancel()
	m.service.leave(m)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.away.Stop()
	return nil
}

// Broken implements bus.Breakable: after a fault another muxer may do better.
func (m *muxer) Broken() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err != nil
}

func (m *muxer) run(ctx context.Context, audio transcode.Choice) {
	defer m.service.running.Done()
	for m.cut(ctx, audio) {
	}
}

// cut reads the view with that audio to its end. It reports whether it is to be
// read on from another one, as a publisher brought audio that must be transcoded.
func (m *muxer) cut(ctx context.Context, audio transcode.Choice) (again bool) {
	release, err := m.choose(ctx, audio)
	if err != nil {
		m.take(bus.Item{}, err)
		return false
	}
	defer release()
	sub := m.view.SubscribeSettled(readLag)
	defer sub.Close()
	for {
		item, err := sub.Next(ctx)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		if err == nil && item.Frame != nil && item.Layout != m.layout && m.misses(audio) {
			return true
		}
		if !m.take(item, err) {
			return false
		}
	}
}

// misses reports whether the stream itself is read although that audio must be
// transcoded by now.
func (m *muxer) misses(audio transcode.Choice) bool {
	return m.view == m.stream.Plain() && audio.Transcodes(m.stream.Layout(), m.format.Carries)
}

// choose finds the view with that audio.
func (m *muxer) choose(ctx context.Context, audio transcode.Choice) (release func(), err error) {
	plain := m.stream.Plain()
	if err = audio.Settle(ctx, plain, m.format.Carries); err == nil {
		m.view, release, err = audio.Acquire(plain, m.format.Carries)
	}
	return release, err
}

// take handles what the view gave, and reports whether more is wanted.
func (m *muxer) take(item bus.Item, err error) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		err = contain(func() error { return m.handle(item) })
	} else if breakErr := contain(m.cutter.Break); breakErr != nil {
		err = breakErr
	}
	if err != nil {
		m.away.Stop()
		m.err = err
	}
	m.publish()
	return err == nil
}

// handle is called with the lock held.
func (m *muxer) handle(item bus.Item) error {
	switch {
	case item.Left:
		err := m.cutter.Break()
		m.awaitGap()
		return err
	case item.Frame == nil:
		return m.cutter.Break()
	}
	f := item.Frame
	if f.Track.Kind == av.Data {
		return nil
	}
	if !m.placed {
		m.placed = true
		m.epochTime = time.Now().Add(time.Duration(f.Arrival - av.Now() - f.DTS))
	}
	m.omit(item.Layout)
	m.away.Stop()
	m.lastTime, m.arrived = max(m.lastTime, f.DTS), f.Arrival
	return m.push(f, item)
}

// omit finds out what segments leave out of l. The caller locks.
func (m *muxer) omit(l *av.Layout) {
	if l == m.layout {
		return
	}
	m.layout = l
	if tracks := append(m.format.LeftOut(l), m.view.Missing()...); m.leftOut.Set(tracks) {
		session.LogLeftOut(m.log, slog.LevelInfo, tracks, slog.String("protocol", protocol))
	}
}

// push cuts at f. A segment that takes half of hls.max_bytes is broken off, so that
// it and the one before, which stays in any case, do not take more. The caller
// locks.
func (m *muxer) push(f *av.Frame, item bus.Item) error {
	ended := m.made.counts.segments
	if err := m.cutter.Push(f, item.Layout, item.Start); err != nil {
		return err
	}
	if m.opened += int64(len(f.Payload)); m.made.counts.segments != ended || m.made.open == nil {
		m.opened = 0
	}
	if m.opened <= m.made.maxBytes/2 {
		return nil
	}
	m.opened, m.made.capped = 0, true
	return m.cutter.Break()
}

// gapPatience is how much later than it is due a gap is shown. The frames of a
// publisher that returns are held back until their layout settles, for a second
// at most, and must not come to lie in a gap that was shown already.
const gapPatience = int64(1100 * time.Millisecond)

// awaitGap sets the time for the next gap. The caller locks.
func (m *muxer) awaitGap() {
	if target := m.cutter.Target(); target > 0 && !m.closed {
		due := m.cutter.End() + int64(target) - m.streamTime()
		m.away.Reset(max(time.Millisecond, time.Duration(due)))
	}
}

// streamTime returns the time up to which nothing of a publisher that returns can
// lie any more. The caller locks.
func (m *muxer) streamTime() int64 { return m.lastTime + av.Now() - m.arrived - gapPatience }

// gap goes on with the playlist while the publisher is away.
func (m *muxer) gap() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.err != nil || m.cutter.Gap(m.streamTime()) != nil { // a frame came just now
		return
	}
	m.publish()
	m.awaitGap()
}

// publish makes what there is visible, if it is something new. The caller locks.
func (m *muxer) publish() {
	w, before := m.made, m.newest.Load()
	if before != nil && m.counted == w.counts && m.err == nil {
		return
	}
	m.service.metrics.made(m.format, m.counted, w.counts)
	m.counted = w.counts
	if len(w.ended) == 0 {
		if m.err != nil {
			m.once.Do(func() { close(m.started) })
		}
		return
	}
	w.target = m.cutter.Target()
	w.measure()
	w.trim()
	m.warn()
	s := &snapshot{
		epoch: m.epoch, format: m.format, ended: w.ended, listed: w.listed, next: w.next,
		target: w.target, part: m.cutter.PartTarget(), independent: w.independent, broken: m.cutter.Broken(),
		peak: w.peak, epochTime: m.epochTime, superseded: make(chan struct{}),
	}
	if before != nil {
		s.version = before.version + 1
	}
	if s.over = reason.Of(m.err, "") == reason.StreamEnded; !s.over {
		s.failed = m.err
	}
	if w.open != nil {
		open := *w.open
		open.parts = open.parts[:len(open.parts):len(open.parts)]
		s.open = &open
		s.next = open.number
	}
	m.newest.Store(s)
	if before != nil {
		close(before.superseded)
	}
	m.once.Do(func() { close(m.started) })
}

// warn tells once of what the operator can do something about. The caller locks.
func (m *muxer) warn() {
	if m.made.overlong > 0 && !m.warned.overlong {
		m.warned.overlong = true
		m.log.Warn("hls segments are cut without key frame: let the encoder send one more often",
			slog.Duration("without", m.made.overlong.Round(time.Millisecond)), slog.Duration("target", m.cutter.Target()))
	}
	if m.made.capped && !m.warned.capped {
		m.warned.capped = true
		m.log.Warn("hls segments are cut short or dropped before their time: hls.max_bytes is too small for the stream",
			slog.Int64("max_bytes", m.made.maxBytes))
	}
}

// first returns the first snapshot, and waits for it until ctx ends.
func (m *muxer) first(ctx context.Context) (*snapshot, error) {
	select {
	case <-m.started:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if s := m.newest.Load(); s != nil {
		return s, s.failed
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return nil, m.err
}

// over reports whether nothing will be added.
func (m *muxer) over() bool {
	s := m.newest.Load()
	return s != nil && s.over
}

// contain turns a panic of f into an error, so that it costs one output only.
func contain(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = reason.Wrap(reason.InternalError, fmt.Errorf("panic: %v", p))
		}
	}()
	return f()
}
