package record

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/bus"
)

const (
	// all is before the first frame of every stream.
	all = 24 * time.Hour
	// keeperSlack is how much longer than asked for frames stay in memory: a recorder
	// that begins has as long to read them.
	keeperSlack = 2 * time.Second
)

// task is what is to be done about one stream: it is there while a rule is for a
// stream that is there, or somebody has told to record it. Service.mu guards all but
// order.
type task struct {
	service *Service
	stream  string
	order   atomic.Pointer[order] // by which the stream is recorded now

	of      *bus.Stream   // that the rest is about; nil if there is none
	wish    *StartOptions // somebody said start; nil if nobody did
	stopped bool          // somebody said stop
	fresh   bool          // the stream was not recorded yet
	keeper  *bus.Follower // keeps frames of it in memory
	status  Status

	cancel    context.CancelCauseFunc // of the recorder; nil if none runs
	recording *bus.Stream             // of the recorder: of, or one before that has ended; nil without one
	ending    bool                    // the recorder was told to stop, and completes its file
}

// newTask adds a task. The caller locks.
func (s *Service) newTask(stream string) *task {
	t := &task{service: s, stream: stream}
	t.status.Stream = stream
	s.tasks[stream] = t
	return t
}

// update brings what is done about a stream in line with what is wanted. The caller
// locks.
func (s *Service) update(name string) {
	stream := s.host.Bus.Stream(name)
	t := s.tasks[name]
	if t == nil {
		if _, ruled := s.config.orderFor(name, StartOptions{}); !ruled || stream == nil {
			return
		}
		t = s.newTask(name)
	}
	ruled := t.decide(stream)
	wanted := stream != nil && !s.drained && !t.stopped && (t.wish != nil || t.status.Mode == Always)
	switch {
	case t.cancel != nil && s.drained:
		t.cancel(errStopping)
	case t.cancel != nil && !wanted && stream == t.recording:
		t.ending = true
		t.cancel(errChanged)
	case t.cancel != nil: // it goes on, or finds out by itself that the stream has ended
	case wanted:
		t.begin()
	case t.stopped:
		t.status.idle(Stopped)
	case t.wish != nil:
		t.status.idle(Waiting)
	default:
		t.status.idle("")
	}
	if t.cancel == nil && t.wish == nil && (stream == nil || !ruled) {
		t.forget()
		delete(s.tasks, name)
	}
}

// decide finds out how the stream is recorded, and whether there is a rule for it.
func (t *task) decide(stream *bus.Stream) (ruled bool) {
	c := t.service.config
	if t.of != stream {
		_, ruled = c.orderFor(t.stream, StartOptions{})
		if t.of != nil && t.wish != nil && (t.wish.Once || !ruled) {
			t.wish = nil
		}
		t.forget()
		t.of, t.stopped, t.fresh = stream, false, true
	}
	var options StartOptions
	if t.wish != nil {
		options = *t.wish
	}
	o, ruled := c.orderFor(t.stream, options)
	t.order.Store(&o)
	t.status.Mode = o.mode
	if ruled && stream != nil {
		t.keep(o.before)
	} else {
		t.forget()
	}
	return ruled
}

// keep has the stream keep frames in memory, for when recording is told to start.
func (t *task) keep(before time.Duration) {
	if before == 0 {
		t.forget()
		return
	}
	if t.keeper == nil {
		t.keeper = t.of.Plain().Follow(asleep{}, 0)
	}
	t.keeper.RetainSince(before + keeperSlack)
}

// forget undoes keep.
func (t *task) forget() {
	if t.keeper != nil {
		t.keeper.Stop()
		t.keeper = nil
	}
}

// asleep is a bus.Waker that is not interested.
type asleep struct{}

// Wake implements bus.Waker.
func (asleep) Wake() {}

// begin begins to record.
func (t *task) begin() {
	s := t.service
	if s.active >= s.config.MaxRecorders {
		s.refused(t)
		return
	}
	ago := t.order.Load().before
	if t.fresh && (t.wish == nil || t.wish.Once) {
		ago = all // it was published just now
	}
	t.fresh = false
	t.status = Status{Stream: t.stream, Mode: t.status.Mode, State: Waiting, Since: time.Now()}
	var ctx context.Context
	ctx, t.cancel = context.WithCancelCause(context.Background())
	t.recording = t.of
	s.active++
	r := newRecorder(t, t.of)
	s.running.Go(func() {
		r.run(ctx, ago)
		s.ended(t)
	})
}

// runs reports whether there is something to stop: a recorder, or that one is wanted.
func (t *task) runs() bool { return t.cancel != nil && !t.ending || t.wish != nil }

// halt ends what runs and what is wished for, because of why.
func (t *task) halt(why error) {
	t.wish, t.stopped = nil, t.status.Mode == Always
	if t.cancel != nil {
		t.ending = true
		t.cancel(why)
	}
	t.service.update(t.stream)
}

// idle notes the state of a task without a recorder.
func (s *Status) idle(state State) {
	if s.State != state || s.Session != "" {
		*s = Status{Stream: s.Stream, Mode: s.Mode, State: state, Since: time.Now()}
	}
}
