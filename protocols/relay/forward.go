package relay

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/transcode"
	"github.com/weirmedia/weir/protocols/internal/reconnect"
)

// forwardKey tells forwards apart.
type forwardKey struct{ stream, url string }

// forward sends one stream to one target while it is published.
type forward struct {
	service *Service
	key     forwardKey
	to      address
	order   forwardOrder

	// Guarded by service.mu.
	status Status
	ctx    context.Context // of what runs now
	cancel context.CancelCauseFunc
}

// newForward returns a forward that is wanted. The caller locks the service.
func newForward(s *Service, key forwardKey, to address, order forwardOrder) *forward {
	f := &forward{service: s, key: key, to: to, order: order}
	f.status = Status{Stream: key.stream, State: Connecting, Peer: to.shown, Since: time.Now()}
	f.ctx, f.cancel = context.WithCancelCause(context.Background())
	return f
}

// run sends until nobody publishes the stream. That decision and the removal of the
// forward are one step, so that a stream is never sent twice at once.
func (f *forward) run() {
	for {
		f.keepUp()
		if !f.goesOn() {
			return
		}
	}
}

func (f *forward) goesOn() bool {
	s := f.service
	s.mu.Lock()
	defer s.mu.Unlock()
	f.cancel(nil)
	if order, ok := s.config.forwardTo(f.key); ok && !s.drained && s.live(f.key.stream) {
		f.order = order
		f.ctx, f.cancel = context.WithCancelCause(context.Background())
		f.status.State = Connecting
		return true
	}
	delete(s.forwards, f.key)
	return false
}

// keepUp sends the stream, again and again if that fails, until its publisher
// leaves.
func (f *forward) keepUp() {
	r := reconnect.Reconnector{
		MinDelay: f.order.minDelay, MaxDelay: f.order.maxDelay,
		Failed: func(err error, delay time.Duration) {
			f.failed(err)
			f.set(func(s *Status) { s.waiting(delay) })
		},
	}
	if err := r.Run(f.ctx, f.send); err != nil && f.ctx.Err() == nil {
		f.failed(err)
		f.set(func(s *Status) {
			if s.State = Failed; !f.service.live(f.key.stream) {
				f.cancel(nil) // freed has come too early
			}
		})
		<-f.ctx.Done() // the publisher left
	}
}

func (f *forward) failed(err error) {
	f.set(func(s *Status) { s.failed(err) })
	f.service.host.Log.Warn("forward failed", slog.String("stream", f.key.stream), slog.String("target", f.to.shown),
		f.service.countFailure(err), slog.String("error", err.Error()))
}

func (f *forward) set(change func(*Status)) {
	f.service.mu.Lock()
	defer f.service.mu.Unlock()
	change(&f.status)
}

// send sends the stream by one connection. It returns nil when the publisher has
// left.
func (f *forward) send(ctx context.Context) error {
	stream := f.service.host.Bus.Stream(f.key.stream)
	if stream == nil || stream.State() != bus.Live {
		return nil
	}
	sender, _ := f.service.clients[f.to.scheme].(Sender)
	audio := f.order.audio
	if audio == transcode.Unchosen {
		audio = sender.Audio()
	}
	if err := audio.Settle(ctx, stream.Plain(), sender.Carries); err != nil {
		return over(err)
	}
	view, release, err := audio.Acquire(stream.Plain(), sender.Carries)
	if err != nil {
		return err
	}
	defer release()
	return f.sendView(ctx, sender, view)
}

// over turns the end of a view into the end of a forward.
func over(err error) error {
	if reason.Of(err, "") == reason.StreamEnded {
		return nil
	}
	return err
}

// sendView waits for a settled stream, connects, and sends from its newest key
// frame on.
func (f *forward) sendView(ctx context.Context, sender Sender, view *bus.View) error {
	settled := view.SubscribeSettled(0)
	item, err := settled.Next(ctx)
	for err == nil && item.Frame == nil && f.published(item) {
		item, err = settled.Next(ctx)
	}
	settled.Close()
	if err != nil || item.Frame == nil {
		return over(err)
	}
	target, err := f.connect(ctx, sender, item)
	if err != nil {
		return err
	}
	defer func() { _ = target.Close() }() // what matters was told by Write
	o := &outlet{forward: f, target: target}
	ctx, o.cancel = context.WithCancelCause(ctx)
	defer o.cancel(nil)
	o.session, err = f.service.host.Sessions.Open(session.Info{
		Protocol: protocol, Action: session.Forward, Stream: f.key.stream, Remote: f.to.host, Transport: f.to.scheme, Agent: "forward",
	}, func(why reason.Reason) { o.cancel(reason.Wrap(why, fmt.Errorf("%s", why))) })
	if err != nil {
		return err
	}
	f.set(func(s *Status) { s.running(o.session.ID()) })
	unhook := context.AfterFunc(ctx, func() { _ = target.Close() }) // a Write that waits returns
	defer unhook()
	err = f.to.told(contain(f.service.host.Log, func() error { return o.copy(ctx, view) }))
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	o.session.Close(reason.Of(err, endOf(err)), err)
	return err
}

// published reports whether somebody publishes the stream still, or again: what a
// publisher leaves behind comes before what the next one brings.
func (f *forward) published(item bus.Item) bool {
	return !item.Left || f.service.live(f.key.stream)
}

func endOf(err error) reason.Reason {
	if err == nil {
		return reason.StreamEnded
	}
	return reason.NetworkError
}

func (f *forward) connect(ctx context.Context, sender Sender, item bus.Item) (target Target, err error) {
	f.set(func(s *Status) { s.connecting(f.to.shown) })
	f.service.metrics.attempts.Inc()
	timeout := f.order.timeout
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	o := Options{Transport: f.order.transport, Timeout: timeout}
	o.Via = f.service.via(f.key.stream, session.Publish)
	err = contain(f.service.host.Log, func() (err error) {
		target, err = sender.Send(ctx, f.to.url, item.Layout, o)
		return err
	})
	return target, f.to.told(unanswered(ctx, err, "target", timeout))
}

// outlet carries media from a view to a target.
type outlet struct {
	forward *forward
	target  Target
	session *session.Session
	cancel  context.CancelCauseFunc
}

// copy returns nil when the publisher has left.
func (o *outlet) copy(ctx context.Context, view *bus.View) error {
	sub := view.SubscribeSettled(o.forward.order.maxLag)
	defer sub.Close()
	counters := o.session.Counters()
	for {
		item, err := sub.Next(ctx)
		switch {
		case err != nil:
			return over(err)
		case !o.forward.published(item):
			return nil
		case item.Missed > 0:
			o.session.Skipped(reason.LagTime, int(item.Missed))
		}
		if item.Frame == nil {
			continue
		}
		n, err := o.target.Write(item.Frame, item.Layout)
		if err != nil {
			return err
		}
		if n > 0 {
			counters.FramesOut.Add(1)
			counters.BytesOut.Add(uint64(n))
		}
	}
}
