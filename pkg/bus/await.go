package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// arrival is what waits for one stream to appear.
type arrival struct {
	ch    chan struct{}
	users int
	err   error // why it will not appear; set before ch is closed
}

// despair is why a stream is not there, and until when that will not change.
type despair struct {
	why   error
	until time.Time
}

// Await returns the stream of that name and waits for it up to Limits.Wait. It
// fails with what Despair told, with a *reason.Error of StreamNotFound if that was
// nothing, or with ctx's error.
func (b *Bus) Await(ctx context.Context, name string) (*Stream, error) {
	wait := b.limitsOf(name).Wait
	s, w, err := b.find(name, wait)
	if s != nil || err != nil {
		return s, err
	}
	defer b.forget(name, w)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-w.ch:
		if w.err != nil {
			return nil, w.err
		}
		if s := b.Stream(name); s != nil {
			return s, nil
		}
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return nil, b.missing(name, wait)
}

// find returns the stream, or what to wait for, or why that is in vain.
func (b *Bus) find(name string, wait time.Duration) (*Stream, *arrival, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.streams[name]; s != nil {
		return s, nil, nil
	}
	if d, ok := b.despair[name]; ok && time.Until(d.until) > wait {
		return nil, nil, d.why
	}
	w := b.waiting[name]
	if w == nil {
		w = &arrival{ch: make(chan struct{})}
		b.waiting[name] = w
	}
	w.users++
	return nil, w, nil
}

// forget undoes find.
func (b *Bus) forget(name string, w *arrival) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.users--; w.users == 0 && b.waiting[name] == w {
		delete(b.waiting, name)
	}
}

// missing returns why a stream has not come.
func (b *Bus) missing(name string, wait time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d, ok := b.despair[name]; ok {
		return d.why
	}
	return reason.Wrap(reason.StreamNotFound, fmt.Errorf("nobody publishes %q (waited %v)", name, wait))
}

// arrived tells those who wait that the stream is there. The caller locks.
func (b *Bus) arrived(name string) {
	delete(b.despair, name)
	if w := b.waiting[name]; w != nil {
		close(w.ch)
		delete(b.waiting, name)
	}
}

// Despair tells those who wait for the stream of that name now that it will not
// come: their Await fails with why. So does, until Hope or a publisher comes, that of
// those who come later: at once if they would have waited in vain for the next try,
// which comes after that time, else in place of a time-out.
func (b *Bus) Despair(name string, why error, next time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.despair[name] = despair{why, time.Now().Add(next)}
	if w := b.waiting[name]; w != nil {
		w.err = why
		close(w.ch)
		delete(b.waiting, name)
	}
}

// Hope undoes Despair for those who come.
func (b *Bus) Hope(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.despair, name)
}
