package bus

import (
	"context"
	"math"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Subscription reads the frames of a view, each once and in order. It is used
// by one goroutine at a time; Close may be called by any.
type Subscription struct {
	view     *View
	settled  bool
	since    int64 // begin with what had arrived by then; valid before began
	pos      uint64
	placed   bool // pos is where to read on
	began    bool
	told     uint64 // the newest place at which it was told that a publisher left
	batch    []Entry
	pending  []Entry
	signal   chan struct{}
	follower *Follower
	holder   *Follower // the follower if the reader releases frames, else nil
}

var _ Waker = (*Subscription)(nil)

// Item is what Subscription.Next returns: a frame, a gap, or that a publisher left.
type Item struct {
	// Frame is the next frame; nil if this item is something else.
	Frame *av.Frame
	// Layout is the layout in force: Frame.Layout or, of a settled subscription,
	// the one that the frame's publisher settled on.
	Layout *av.Layout
	// Start reports that decoding may begin at Frame.
	Start bool
	// Missed counts the frames that the reader was too slow for. The next item
	// is a start point.
	Missed uint64
	// Left reports that the publisher of the frames so far has left. The frames
	// that follow, if any do, are another's.
	Left bool
}

// EndError reports that a view ended.
type EndError struct{ Reason reason.Reason }

func (e *EndError) Error() string { return "stream ended: " + string(e.Reason) }

// Subscribe starts reading at the newest start point, or at the first to come.
// window is how far the reader may fall behind before it meets a gap.
func (v *View) Subscribe(window time.Duration) *Subscription { return v.subscribe(window, 0, false) }

// SubscribeSettled is like Subscribe for formats that must name all tracks at
// their start: frames are held back until their layout is ready or their
// publisher has left. See View.ReadSettled.
func (v *View) SubscribeSettled(window time.Duration) *Subscription {
	return v.subscribe(window, 0, true)
}

// SubscribeSettledSince is like SubscribeSettled but begins in the past: at the newest
// start point that arrived at least so long ago, or else at the oldest that the view
// holds.
func (v *View) SubscribeSettledSince(window, ago time.Duration) *Subscription {
	return v.subscribe(window, ago, true)
}

func (v *View) subscribe(window, ago time.Duration, settled bool) *Subscription {
	s := &Subscription{view: v, settled: settled, since: math.MaxInt64, batch: make([]Entry, 32), signal: make(chan struct{}, 1)}
	if ago > 0 {
		s.since = av.Now() - int64(ago)
	}
	s.follower = v.Follow(s, window)
	v.Welcome()
	return s
}

// Wake implements Waker.
func (s *Subscription) Wake() {
	select {
	case s.signal <- struct{}{}:
	default:
	}
}

// Retain changes how far the reader may fall behind.
func (s *Subscription) Retain(window time.Duration) { s.follower.Retain(window) }

// Hold has the memory of frames used again that the reader has let go of by Release or
// Close. It is called before Next.
func (s *Subscription) Hold() { s.holder = s.follower }

// Release lets go of all frames that Next has returned, the newest aside: they must
// not be touched any more.
func (s *Subscription) Release() {
	if s.holder != nil && s.pos > 0 {
		s.holder.release(s.pos - 1)
	}
}

// Close ends the subscription. A Next that waits keeps waiting for its context.
func (s *Subscription) Close() { s.follower.Stop() }

// Next returns the next frame or gap. It waits for one until ctx ends. When
// the view ends, what it holds is still returned, then a *reason.Error around
// an *EndError.
func (s *Subscription) Next(ctx context.Context) (Item, error) {
	for {
		if item, ok := s.poll(); ok {
			return item, nil
		}
		select {
		case <-s.signal:
		case <-ctx.Done():
			return Item{}, ctx.Err()
		case <-s.view.done:
			if item, ok := s.poll(); ok {
				return item, nil
			}
			return Item{}, reason.Wrap(s.view.why, &EndError{s.view.why})
		}
	}
}

// poll returns what can be had without waiting.
func (s *Subscription) poll() (Item, bool) {
	if len(s.pending) == 0 {
		if missed, ok := s.place(); !ok || missed > 0 {
			return Item{Missed: missed}, ok
		}
		var first uint64
		var left bool
		s.pending, first, left = s.view.readRun(s.pos, s.batch, s.settled, s.holder)
		if first > s.pos { // overrun: go on at a start point
			s.placed, s.pending = false, nil
			return s.poll()
		}
		if left && s.told != s.pos {
			s.told, s.pending = s.pos, nil
			return Item{Left: true}, true
		}
		if len(s.pending) == 0 {
			return Item{}, false
		}
	}
	e := s.pending[0]
	s.pending = s.pending[1:]
	s.pos++
	return Item{Frame: e.Frame, Layout: e.Layout, Start: e.Start}, true
}

// place moves to the start point to begin with, and after an overrun to the newest.
// ok is false if there is none yet.
func (s *Subscription) place() (missed uint64, ok bool) {
	if s.placed {
		return 0, true
	}
	var pos uint64
	if s.began {
		pos, ok = s.view.NewestStart()
		missed = pos - s.pos
	} else {
		pos, ok = s.view.startBefore(s.since)
	}
	if !ok {
		return 0, false
	}
	s.pos, s.placed, s.began, s.told = pos, true, true, pos
	return missed, true
}
