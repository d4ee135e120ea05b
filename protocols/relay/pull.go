package relay

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/internal/reconnect"
)

// pull fetches one stream, from one source at a time.
type pull struct {
	service *Service
	name    string
	order   pullOrder
	unfit   error // why the order cannot be carried out
	next    int   // of the sources: the one to try

	// Guarded by service.mu.
	status Status
	ctx    context.Context // of what runs now
	cancel context.CancelCauseFunc
	idle   *time.Timer // until nobody has watched for long enough; nil if somebody does
	past   bool        // nobody has
	busy   bool        // it Failed since somebody else publishes the stream
	barred bool        // it is Waiting since a source refused the credentials
}

// newPull returns a pull that is wanted. The caller locks the service.
func newPull(s *Service, name string, order pullOrder, unfit error) *pull {
	p := &pull{service: s, name: name, order: order, unfit: unfit}
	p.status = Status{Stream: name, Mode: order.mode, State: Connecting, Since: time.Now()}
	p.renew()
	return p
}

// renew makes the pull go on until it is cancelled again. The caller locks the
// service.
func (p *pull) renew() {
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
}

// idleSoon ends the pull unless somebody watches soon. The caller locks the service.
func (p *pull) idleSoon() {
	if p.order.mode == Always || p.idle != nil {
		return
	}
	p.idle = time.AfterFunc(p.order.closeAfter, p.unwatched)
}

// notIdle undoes idleSoon. The caller locks the service.
func (p *pull) notIdle() {
	if p.idle != nil {
		p.idle.Stop()
		p.idle, p.past = nil, false
	}
}

// wanted notes that somebody watches. The caller locks the service.
func (p *pull) wanted() {
	p.notIdle()
	if p.status.State == Failed && p.ctx.Err() == nil {
		p.service.despair(p.name, errors.New(p.status.Error), 0) // until there is something new to tell
		p.cancel(nil)                                            // run begins anew
	}
}

// unwatched ends the pull, since nobody has watched for long enough. One that is barred
// ends later: the next viewer would have it begin anew.
func (p *pull) unwatched() {
	p.service.mu.Lock()
	defer p.service.mu.Unlock()
	p.past = p.idle != nil // else somebody came just now
	if !p.barred {
		p.close()
	}
}

// close ends the pull if nobody watches. The caller locks the service.
func (p *pull) close() {
	if p.idle != nil && p.service.viewers[p.name] == 0 {
		p.cancel(errIdle)
	}
}

// run fetches until nobody wants the stream. That decision and the removal of the
// pull are one step, so that a stream is never fetched twice at once.
func (p *pull) run() {
	for {
		p.keepUp()
		if !p.goesOn() {
			return
		}
	}
}

// goesOn decides whether the pull begins anew, and removes it if not.
func (p *pull) goesOn() bool {
	s := p.service
	s.mu.Lock()
	defer s.mu.Unlock()
	p.notIdle()
	if p.busy || !errors.Is(context.Cause(p.ctx), context.Canceled) {
		s.host.Bus.Hope(p.name) // what failed is not what comes
	}
	order, ok, unfit := s.order(p.name)
	if ok && !s.drained && (order.mode == Always || s.viewers[p.name] > 0 && !s.live(p.name)) {
		p.renew()
		p.order, p.unfit, p.status.Mode = order, unfit, order.mode
		p.status.State, p.next, p.busy = Connecting, 0, false
		return true
	}
	p.cancel(nil)
	s.host.Bus.Hope(p.name)
	s.ended(p.name)
	return false
}

// keepUp fetches from one source after the other until the pull is cancelled, or
// has failed as often as it may.
func (p *pull) keepUp() {
	if p.unfit != nil {
		p.giveUp(p.unfit)
		return
	}
	failures, rounds, delay, refused := 0, 0, p.order.minDelay, false
	for p.ctx.Err() == nil {
		lasted, err := p.fetch(p.order.sources[p.next])
		if errors.Is(err, errIdle) { // somebody asked for that
			p.set(func(*Status) { p.close() })
		}
		if p.ctx.Err() != nil {
			return
		}
		p.failed(err)
		if errors.Is(err, errBusy) {
			p.giveUp(err)
			return
		}
		p.next = (p.next + 1) % len(p.order.sources)
		if lasted >= p.order.maxDelay {
			failures, rounds, delay, refused = 0, 0, p.order.minDelay, false
		}
		if reason.Of(err, "") == reason.Unauthorized {
			delay, refused = p.order.maxDelay, true // cameras lock out who tries often
		}
		if failures++; failures%len(p.order.sources) != 0 && reason.Of(err, "") != reason.Kicked {
			continue
		}
		if rounds++; p.order.retry > 0 && rounds > p.order.retry {
			p.giveUp(err)
			return
		}
		p.wait(err, reconnect.Spread(delay), refused)
		delay = min(2*delay, p.order.maxDelay)
	}
}

// wait waits for the next try, of which there is none if it was barred and nobody has
// watched for long enough.
func (p *pull) wait(why error, d time.Duration, barred bool) {
	p.service.despair(p.name, why, d)
	p.set(func(i *Status) {
		i.waiting(d)
		p.barred = barred
	})
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.ctx.Done():
	}
	p.set(func(*Status) {
		if p.barred = false; p.past {
			p.close()
		}
	})
}

// giveUp waits until the pull is cancelled, which a new viewer does too.
func (p *pull) giveUp(err error) {
	p.service.despair(p.name, err, never)
	p.set(func(i *Status) {
		i.State, p.busy = Failed, errors.Is(err, errBusy)
		if i.Error == "" {
			i.failed(err)
		}
		if p.busy && !p.service.live(p.name) {
			p.cancel(nil) // freed has come too early
		}
	})
	<-p.ctx.Done()
}

// failed notes why a source brings nothing any more.
func (p *pull) failed(err error) {
	p.set(func(i *Status) { i.failed(err) })
	p.service.host.Log.Warn("pull failed", slog.String("stream", p.name), slog.String("source", p.order.sources[p.next].shown),
		p.service.countFailure(err), slog.String("error", err.Error()))
}

func (p *pull) set(change func(*Status)) {
	p.service.mu.Lock()
	defer p.service.mu.Unlock()
	change(&p.status)
}

// fetch fetches from one source and returns for how long media came and why that
// ended; never nil.
func (p *pull) fetch(from address) (lasted time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	p.set(func(i *Status) { i.connecting(from.shown) })
	p.service.metrics.attempts.Inc()
	source, err := p.open(ctx, from)
	if err != nil {
		return 0, err
	}
	f := &feed{pull: p, from: from, source: source, cancel: cancel}
	unhook := context.AfterFunc(ctx, func() { _ = source.Close() }) // Read then says so
	defer unhook()
	silence := time.AfterFunc(p.order.timeout, func() { cancel(errSilent) })
	defer silence.Stop()
	err = from.told(contain(p.service.host.Log, func() error { return f.copy(func() { silence.Reset(p.order.timeout) }) }))
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	f.end(err)
	_ = source.Close() // it has told all it had to say
	if errors.Is(err, io.EOF) {
		err = errEnded
	}
	return f.lasted(), err
}

func (p *pull) open(ctx context.Context, from address) (source Source, err error) {
	timeout := p.order.timeout
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	o := p.order.options
	o.Via = p.service.via(p.name, session.Play)
	err = contain(p.service.host.Log, func() (err error) {
		source, err = p.service.clients[from.scheme].Open(ctx, from.url, o)
		return err
	})
	return source, from.told(unanswered(ctx, err, "source", timeout))
}
