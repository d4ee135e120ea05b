package record

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/internal/reconnect"
	"github.com/weirmedia/weir/remux/mediafile"
)

// protocol is the name in sessions and metrics.
const protocol = "record"

const (
	minDelay = time.Second // between a failure and the next try; it doubles
	maxDelay = 30 * time.Second
)

// recorder records one stream, from when that is wanted until it is not or the stream
// has ended. A publisher that leaves ends a segment, a failure of the disk ends one
// and costs a pause. All but the health is its own goroutine's.
type recorder struct {
	task    *task
	service *Service
	stream  *bus.Stream
	sub     *bus.Subscription
	session *session.Session // nil before it could be opened
	leftOut session.LeftOut
	segment *segment  // nil between segments
	number  uint64    // of the newest segment
	tried   bool      // try was called
	behind  bool      // what is left out is since the newest failure
	checked time.Time // when all was well last
	health  health
}

func newRecorder(t *task, stream *bus.Stream) *recorder {
	r := &recorder{task: t, service: t.service, stream: stream}
	r.health.init(r)
	return r
}

// run records what came so long ago and what comes.
func (r *recorder) run(ctx context.Context, ago time.Duration) {
	r.sub = r.stream.Plain().SubscribeSettledSince(usualLag, ago)
	r.sub.Hold()
	defer r.sub.Close()
	retry := reconnect.Reconnector{MinDelay: minDelay, MaxDelay: maxDelay, Failed: r.pausing}
	err := retry.Run(ctx, r.try)
	if !r.tried && !errors.Is(err, errStopping) { // what came before is wanted, however soon it was stopped
		err = r.try(ctx)
	}
	if err == nil {
		err = context.Cause(ctx) // who stopped it
	}
	r.health.end()
	if r.session != nil {
		r.session.Close(reason.Of(err, reason.StreamEnded), nil)
	}
}

// try records until the stream has ended, which is no error, or ctx has, or until
// something fails.
func (r *recorder) try(ctx context.Context) error {
	r.tried = true
	if err := r.open(); err != nil {
		r.failed(err, "")
		return err
	}
	err := contain(r.service.host.Log, func() error { return r.copy(ctx) })
	if err != nil {
		r.spoil(err)
	}
	return err
}

// open makes the recorder a session.
func (r *recorder) open() (err error) {
	if r.session != nil {
		return nil
	}
	r.session, err = r.service.host.Sessions.Open(session.Info{
		Protocol: protocol, Action: session.Record, Stream: r.stream.Name(), Transport: "file", Agent: "recorder",
	}, r.kill)
	if err == nil {
		r.session.Without(&r.leftOut)
		r.set(func(s *Status) { s.Session = r.session.ID() })
	}
	return err
}

// kill is told by the session registry to end.
func (r *recorder) kill(why reason.Reason) {
	s := r.service
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.tasks[r.task.stream] != r.task || r.task.recording != r.stream || r.task.cancel == nil || r.task.ending: // it ends already
	case why == reason.Kicked:
		r.task.halt(errKicked)
	case why == reason.Shutdown:
		r.task.cancel(errStopping)
	default:
		r.task.cancel(reason.Wrap(why, errors.New(string(why))))
	}
}

// copy records frame by frame. At the end of ctx and of the stream it completes the
// segment, with what had arrived by then; if the server stops, with what was read.
func (r *recorder) copy(ctx context.Context) error {
	ended := sync.OnceValue(av.Now) // when ctx has
	defer context.AfterFunc(ctx, func() { ended() })()
	for {
		item, err := r.sub.Next(ctx)
		switch why := context.Cause(ctx); {
		case why != nil && (err != nil || errors.Is(why, errStopping) || item.Frame != nil && item.Frame.Arrival > ended()):
			return r.complete(why.Error())
		case err != nil:
			return r.complete(errEnded.Error())
		}
		if err := r.take(item); err != nil {
			return err
		}
	}
}

func (r *recorder) take(item bus.Item) error {
	switch {
	case item.Missed > 0:
		r.missed(item.Missed)
		return nil
	case item.Left:
		return r.complete(byUnpublished)
	}
	order := r.task.order.Load()
	if r.segment != nil {
		if why := r.segment.over(item, order); why != "" {
			if err := r.complete(why); err != nil {
				return err
			}
		}
	}
	if r.segment == nil {
		if !item.Start {
			if r.behind {
				r.leaveOut()
			}
			return nil
		}
		if err := r.begin(item, order); err != nil {
			return err
		}
	}
	if err := r.segment.write(item); err != nil {
		return err
	}
	lag := time.Duration(av.Now() - item.Frame.Arrival)
	r.behind = r.behind && lag >= usualLag/2
	r.health.keepsUp(lag)
	return r.upkeep(order)
}

// begin begins a segment with a frame.
func (r *recorder) begin(item bus.Item, o *order) error {
	seg, err := newSegment(r, item, o)
	if err != nil {
		return err
	}
	if r.number == 0 || r.behind {
		r.checked = time.Now()
	}
	r.number++
	r.segment = seg
	if tracks := mediafile.LeftOut(o.format, item.Layout); r.leftOut.Set(tracks) {
		session.LogLeftOut(r.service.host.Log, slog.LevelInfo, tracks, slog.String("stream", r.stream.Name()), slog.String("protocol", protocol))
	}
	r.set(func(s *Status) { s.State, s.File, s.Next = Recording, seg.name, time.Time{} })
	return nil
}

// complete ends the segment, if there is one, because of why.
func (r *recorder) complete(why string) error {
	if r.segment == nil {
		return nil
	}
	if err := r.segment.close(); err != nil {
		return err
	}
	if err := r.end(why); err != nil {
		return err
	}
	r.segment = nil
	return nil
}

// end hands the segment over to the library, once, and tells of it if there is
// something left of it.
func (r *recorder) end(why string) error {
	done, err := r.segment.end(why)
	written := r.segment.unnoted()
	lost := errors.Is(err, fs.ErrNotExist) || reason.Of(err, "") == reason.BadMedia
	r.set(func(s *Status) {
		s.State, s.File = Waiting, ""
		s.Bytes += written
		if !lost {
			s.Segments++
		}
	})
	if !lost {
		r.service.metrics.segments.Inc()
		r.service.tell().Ended(done)
	}
	return err
}

// spoil ends the segment, as well as that can be, because of err.
func (r *recorder) spoil(err error) {
	file, why := "", classify(err)
	if seg := r.segment; seg != nil {
		file = seg.name
		switch {
		case seg.ended:
		case seg.hasMedia():
			if why == reason.InternalError {
				seg.file.Cut() // nobody knows what the writer would add
			} else {
				_ = seg.close() // writes nothing if a write has failed
			}
			_ = r.end(string(why)) // err says it all
		default:
			seg.file.Discard()
		}
		r.segment = nil
	}
	r.behind = true
	r.failed(err, file)
}

// failed tells of a failure.
func (r *recorder) failed(err error, file string) {
	r.health.failed(Failure{Stream: r.stream.Name(), File: file, Reason: classify(err), Error: err.Error()})
	r.set(func(s *Status) {
		s.State, s.File = Failed, ""
		s.fails(err)
	})
}

// pausing notes when the next try comes.
func (r *recorder) pausing(_ error, delay time.Duration) {
	r.set(func(s *Status) { s.Next = time.Now().Add(delay) })
}

// missed notes frames that the disk was too slow for, or that came in a pause.
func (r *recorder) missed(frames uint64) {
	r.session.Skipped(reason.LagTime, int(frames))
	r.dropped(frames)
	if r.behind {
		return // that was told of
	}
	r.health.slow(fmt.Errorf("the disk is too slow: %d frames were left out", frames))
}

// leaveOut notes a frame that is in no file.
func (r *recorder) leaveOut() {
	r.session.Counters().FramesSkipped.Add(1)
	r.dropped(1)
}

func (r *recorder) dropped(frames uint64) {
	r.service.metrics.dropped.Add(float64(frames))
	r.set(func(s *Status) { s.Dropped += frames })
}

func (r *recorder) set(change func(*Status)) {
	r.service.mu.Lock()
	defer r.service.mu.Unlock()
	change(&r.task.status)
}

const (
	noteEvery  = time.Second     // listings are that old
	checkEvery = 5 * time.Second // a file that was removed is noticed, and a disk that is well again
)

// upkeep does what is due from time to time.
func (r *recorder) upkeep(o *order) error {
	seg, now := r.segment, time.Now()
	if now.Sub(seg.notedAt) >= noteEvery {
		seg.notedAt = now
		seg.file.Note(seg.writer.Duration())
		written := seg.unnoted()
		r.set(func(s *Status) { s.Bytes += written })
	}
	if o.sync > 0 && now.Sub(seg.syncedAt) >= o.sync {
		seg.syncedAt = now
		if err := seg.sync(); err != nil {
			return err
		}
	}
	if now.Sub(r.checked) >= checkEvery {
		r.checked = now
		if err := r.health.timed(seg.file.Check); err != nil {
			return err
		}
		r.health.works(now)
	}
	return nil
}
