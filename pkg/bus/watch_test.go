package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

func expectEvent(t *testing.T, w *Watch, s *Stream, state State) {
	t.Helper()
	e, err := w.Next(t.Context())
	if err != nil || e.Stream != s || e.State != state {
		t.Fatalf("got %+v, %v, want %s: %s", e, err, s.Name(), state)
	}
}

func expectNoEvent(t *testing.T, w *Watch) {
	t.Helper()
	if e, ok := w.poll(); ok {
		t.Fatalf("got %s: %s", e.Stream.Name(), e.State)
	}
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(DefaultLimits())
		defer b.Close(reason.Shutdown)
		p := publish(t, b, "me")
		w := b.Watch()
		defer w.Close()
		expectEvent(t, w, p.Stream(), Live) // was there before
		p.Close()
		expectEvent(t, w, p.Stream(), Grace)
		p = publish(t, b, "me")
		expectEvent(t, w, p.Stream(), Live)
		publish(t, b, "me") // takes it over
		expectEvent(t, w, p.Stream(), Live)
		expectNoEvent(t, w)
		time.AfterFunc(time.Second, func() { b.Close(reason.Kicked) })
		expectEvent(t, w, p.Stream(), Ended)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want the context's", err)
		}
	})
}

func TestWatchTellsTheNewestState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(DefaultLimits())
		defer b.Close(reason.Shutdown)
		w := b.Watch()
		defer w.Close()
		p := publish(t, b, "me")
		p.Close()
		expectEvent(t, w, p.Stream(), Grace)
		again := publish(t, b, "me")
		again.Close()
		expectEvent(t, w, p.Stream(), Grace)
		expectNoEvent(t, w)
		publish(t, b, "me").Close()
		time.Sleep(time.Minute)
		synctest.Wait()
		fresh := publish(t, b, "me") // of the same name
		expectEvent(t, w, p.Stream(), Ended)
		expectEvent(t, w, fresh.Stream(), Live)
		expectNoEvent(t, w)
	})
}

// Who does what a publisher brings must learn of each, or would miss those that come
// while it looks elsewhere.
func TestWatchTellsOfEachPublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(DefaultLimits())
		defer b.Close(reason.Shutdown)
		w := b.Watch()
		defer w.Close()
		p := publish(t, b, "me")
		expectEvent(t, w, p.Stream(), Live)
		p.Close()
		publish(t, b, "you")
		expectEvent(t, w, p.Stream(), Live)
		expectNoEvent(t, w)
	})
}

// A reader that does not read holds no streams that it never heard of.
func TestWatchForgetsStreamsThatEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(DefaultLimits())
		defer b.Close(reason.Shutdown)
		w := b.Watch()
		for range 10 {
			publish(t, b, "me").Close()
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		if len(w.queue) != 0 || len(w.queued) != 0 {
			t.Errorf("%d and %d streams are queued", len(w.queue), len(w.queued))
		}
		w.Close()
		publish(t, b, "me")
		expectNoEvent(t, w)
	})
}

// Every stream that was told to be there is told to have ended, whatever
// happens at the same time.
func TestWatchUnderLoad(t *testing.T) {
	b := New(DefaultLimits())
	w := b.Watch()
	defer w.Close()
	done := make(chan map[*Stream]State)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		seen := make(map[*Stream]State)
		for {
			e, err := w.Next(ctx)
			if err != nil {
				done <- seen
				return
			}
			if seen[e.Stream] == Ended || (seen[e.Stream] == "" && e.State == Ended) {
				t.Errorf("%s after %q", e.State, seen[e.Stream])
			}
			seen[e.Stream] = e.State
		}
	}()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 100 {
				p, err := b.Publish(fmt.Sprintf("live/%d", i%4), Claim{Owner: "me", Kill: func(reason.Reason) {}})
				if err != nil {
					t.Error(err)
					return
				}
				p.Close()
				other := b.Watch()
				_, _ = other.poll()
				other.Close()
			}
		})
	}
	wg.Wait()
	b.Close(reason.Shutdown)
	for {
		w.mu.Lock()
		left := len(w.queue) + len(w.told)
		w.mu.Unlock()
		if left == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	for s, state := range <-done {
		if state != Ended {
			t.Errorf("%s was last told to be %s", s.Name(), state)
		}
	}
}
