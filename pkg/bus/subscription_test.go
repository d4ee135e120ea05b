package bus

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// next returns the next item, which must be there without waiting.
func next(t *testing.T, s *Subscription) Item {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	item, err := s.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return item
}

func expectFrame(t *testing.T, s *Subscription, dts int64, start bool) {
	t.Helper()
	item := next(t, s)
	if item.Frame == nil || item.Frame.DTS != ms(dts) || item.Start != start || item.Missed != 0 {
		t.Fatalf("got %+v, want the frame at %d ms, start %t", item, dts, start)
	}
}

func expectLeft(t *testing.T, s *Subscription) {
	t.Helper()
	if item := next(t, s); !item.Left || item.Frame != nil || item.Missed != 0 {
		t.Fatalf("got %+v, want that the publisher left", item)
	}
}

func TestSubscriptionStartsAtTheNewestStart(t *testing.T) {
	b := New(DefaultLimits())
	defer b.Close(reason.Shutdown)
	p := publish(t, b, "me", video)
	early := p.Stream().Plain().Subscribe(time.Hour)
	defer early.Close()
	p.write(frame(video, 0, true), frame(video, 40, false), frame(video, 80, true), frame(video, 120, false))
	late := p.Stream().Plain().Subscribe(time.Hour)
	defer late.Close()
	p.write(frame(video, 160, true))
	third := p.Stream().Plain().Subscribe(time.Hour)
	defer third.Close()
	for _, s := range []*Subscription{early, late, third} {
		expectFrame(t, s, 160, true) // the newest when it first asks
	}
	p.write(frame(video, 200, false))
	for _, s := range []*Subscription{early, late, third} {
		expectFrame(t, s, 200, false)
	}
}

func TestSubscriptionWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(DefaultLimits())
		defer b.Close(reason.Shutdown)
		p := publish(t, b, "me", video)
		s := p.Stream().Plain().Subscribe(time.Second)
		defer s.Close()
		time.AfterFunc(time.Second, func() { p.write(frame(video, 0, true)) })
		expectFrame(t, s, 0, true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the context's", err)
		}
		p.write(frame(video, 40, false)) // nothing is lost by that
		expectFrame(t, s, 40, false)
	})
}

func TestSubscriptionTellsOfGaps(t *testing.T) {
	b := New(afterOpening())
	defer b.Close(reason.Shutdown)
	p := publish(t, b, "me", video)
	s := p.Stream().Plain().Subscribe(0)
	defer s.Close()
	p.write(frame(video, 0, true))
	expectFrame(t, s, 0, true)
	for i := int64(1); i <= 100; i++ { // key frames at 1000, 2000, … ms
		p.write(frame(video, i*40, i%25 == 0))
	}
	if item := next(t, s); item.Frame != nil || item.Missed != 99 || item.Start {
		t.Fatalf("got %+v, want a gap of 99 frames", item)
	}
	expectFrame(t, s, 4000, true)

	// Frames that were read before they were dropped are no gap.
	p.write(frame(video, 4040, false), frame(video, 4080, false))
	expectFrame(t, s, 4040, false)
	p.write(frame(video, 4120, true))
	expectFrame(t, s, 4080, false)
	expectFrame(t, s, 4120, true)
}

func TestGapLastsUntilTheNextStart(t *testing.T) {
	limits := DefaultLimits()
	limits.RingBytes = 1000 // less than the GOP
	b := New(limits)
	defer b.Close(reason.Shutdown)
	p := publish(t, b, "me", video)
	s := p.Stream().Plain().Subscribe(time.Hour)
	defer s.Close()
	p.write(frame(video, 0, true))
	expectFrame(t, s, 0, true)
	for i := int64(1); i < 100; i++ {
		p.write(frame(video, i*40, false))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if item, err := s.Next(ctx); err == nil {
		t.Fatalf("got %+v although there is no start point", item)
	}
	p.write(frame(video, 4000, true), frame(video, 4040, false))
	if item := next(t, s); item.Missed != 99 {
		t.Fatalf("got %+v, want a gap of 99 frames", item)
	}
	expectFrame(t, s, 4000, true)
	expectFrame(t, s, 4040, false)
}

func TestSubscriptionEndsAfterTheLastFrame(t *testing.T) {
	b := New(DefaultLimits())
	p := publish(t, b, "me", video)
	s := p.Stream().Plain().Subscribe(time.Hour)
	defer s.Close()
	p.write(frame(video, 0, true), frame(video, 40, false))
	b.Close(reason.Kicked)
	expectFrame(t, s, 0, true)
	expectFrame(t, s, 40, false)
	for range 2 {
		_, err := s.Next(t.Context())
		expectReason(t, err, reason.Kicked)
		var end *EndError
		if !errors.As(err, &end) || end.Reason != reason.Kicked {
			t.Errorf("error %v, want an EndError", err)
		}
	}
}

func TestSubscriptionGoesOnAcrossPublishers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(DefaultLimits())
		defer b.Close(reason.Shutdown)
		p := publish(t, b, "me", video)
		s := p.Stream().Plain().Subscribe(time.Minute)
		defer s.Close()
		p.write(frame(video, 5000, true))
		expectFrame(t, s, 5000, true)
		p.Close()
		time.Sleep(10 * time.Second)
		p = publish(t, b, "me", video)
		p.write(frame(video, 0, true), frame(video, 40, false))
		expectLeft(t, s)
		expectFrame(t, s, 15_000, true)
		expectFrame(t, s, 15_040, false)
	})
}

func TestSubscriptionBeginsInThePast(t *testing.T) {
	for _, test := range []struct {
		name       string
		ago        time.Duration
		keep       time.Duration // of somebody else
		want, then int64         // ms
	}{
		{"now", 0, time.Hour, 4000, 4500},
		{"a start point", 2 * time.Second, time.Hour, 2000, 2500},
		{"between two", 2500 * time.Millisecond, time.Hour, 1000, 1500},
		{"before the first", time.Hour, time.Hour, 0, 500},
		{"before what is held", time.Hour, 2200 * time.Millisecond, 2000, 2500},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(DefaultLimits())
				defer b.Close(reason.Shutdown)
				p := publish(t, b, "me", video)
				view := p.Stream().Plain()
				keeper := view.Subscribe(test.keep)
				defer keeper.Close()
				for at := int64(0); at <= 4000; at += 500 { // a key frame each second
					f := frame(video, at, at%1000 == 0)
					f.Arrival = av.Now()
					p.write(f)
					if at < 4000 {
						time.Sleep(500 * time.Millisecond)
					}
				}
				s := view.SubscribeSettledSince(time.Second, test.ago)
				defer s.Close()
				if test.then > 4000 {
					p.write(frame(video, test.then, false))
				}
				expectFrame(t, s, test.want, true)
				expectFrame(t, s, test.then, false)
			})
		})
	}
}
