package bus

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// expectSettled fails unless the next item is the frame at dts ms with a ready
// layout of these tracks.
func expectSettled(t *testing.T, s *Subscription, dts int64, tracks ...*av.Track) {
	t.Helper()
	item := next(t, s)
	if item.Frame == nil || item.Frame.DTS != ms(dts) || !item.Layout.Ready || !slices.Equal(item.Layout.Tracks, tracks) {
		t.Fatalf("got %+v, layout %+v, want the frame at %d ms, settled on %d tracks", item, item.Layout, dts, len(tracks))
	}
}

// expectHeld fails if s has something.
func expectHeld(t *testing.T, s *Subscription) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if item, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %+v, %v, want nothing yet", item, err)
	}
}

// views runs f with the plain view of a stream and with one derived from it.
func views(t *testing.T, f func(t *testing.T, b *Bus, v *View)) {
	for _, derived := range []bool{false, true} {
		name := "plain"
		if derived {
			name = "derived"
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(DefaultLimits())
				defer b.Close(reason.Shutdown)
				c, _ := claim("me")
				first, err := b.Publish("live/test", c)
				if err != nil {
					t.Fatal(err)
				}
				first.Close()
				v := first.Stream().Plain()
				if derived {
					d, release, err := v.Derive("same", func() Transform { return same{} })
					if err != nil {
						t.Fatal(err)
					}
					defer release()
					v = d
				}
				f(t, b, v)
			})
		})
	}
}

// same changes nothing but gives frames layouts of its own.
type same struct{}

func (same) Transform(f *av.Frame, emit func(*av.Frame)) error {
	out, l := *f, *f.Layout
	out.Layout = &l
	emit(&out)
	return nil
}

func TestSettlingOnALateTrack(t *testing.T) {
	views(t, func(t *testing.T, b *Bus, v *View) {
		early := v.SubscribeSettled(time.Minute)
		defer early.Close()
		impatient := v.Subscribe(time.Minute)
		defer impatient.Close()
		p := publish(t, b, "me")
		p.hint(bothHinted)
		p.track(audio)
		p.write(frame(audio, 0, false), frame(audio, 400, false))
		expectFrame(t, impatient, 0, true)
		expectHeld(t, early)
		p.track(video)
		expectHeld(t, early) // the frames say it, in their order
		p.write(frame(audio, 410, false))
		for _, dts := range []int64{0, 400, 410} {
			expectSettled(t, early, dts, video, audio)
		}
		p.write(frame(video, 500, true))
		expectSettled(t, early, 500, video, audio)
		for _, dts := range []int64{400, 410} {
			item := next(t, impatient)
			if item.Frame.DTS != ms(dts) || item.Layout != item.Frame.Layout {
				t.Errorf("got %+v", item)
			}
		}
		late := v.SubscribeSettled(time.Minute)
		defer late.Close()
		expectSettled(t, late, 500, video, audio)
	})
}

func TestSettlingWithoutAHintedTrack(t *testing.T) {
	views(t, func(t *testing.T, b *Bus, v *View) {
		s := v.SubscribeSettled(time.Minute)
		defer s.Close()
		p := publish(t, b, "me")
		p.hint(bothHinted)
		p.track(audio)
		for dts := int64(0); dts < 1000; dts += 20 {
			p.write(frame(audio, dts, false))
		}
		expectHeld(t, s)
		p.write(frame(audio, 1000, false))
		for dts := int64(0); dts <= 1000; dts += 20 {
			expectSettled(t, s, dts, audio)
		}
	})
}

func TestSettlingWhenThePublisherLeaves(t *testing.T) {
	for _, how := range []string{"leaves", "is taken over", "ends"} {
		t.Run(how, func(t *testing.T) {
			views(t, func(t *testing.T, b *Bus, v *View) {
				s := v.SubscribeSettled(time.Minute)
				defer s.Close()
				p := publish(t, b, "me")
				p.hint(bothHinted)
				p.track(audio)
				p.write(frame(audio, 0, false), frame(audio, 20, false))
				expectHeld(t, s)
				switch how {
				case "leaves":
					p.Close()
				case "ends":
					b.Close(reason.Kicked)
					expectSettled(t, s, 0, audio)
					expectSettled(t, s, 20, audio)
					_, err := s.Next(t.Context())
					expectReason(t, err, reason.Kicked)
					return
				}
				next := publish(t, b, "me")
				next.hint(bothHinted)
				next.track(video)
				next.write(frame(video, 0, true), frame(video, 40, false))
				expectSettled(t, s, 0, audio)
				expectSettled(t, s, 20, audio)
				expectLeft(t, s)
				expectHeld(t, s)
				next.track(audio)
				next.write(frame(video, 80, false))
				for range 3 {
					item, err := s.Next(t.Context())
					if err != nil || item.Frame.Track != video || !item.Layout.Ready || len(item.Layout.Tracks) != 2 {
						t.Fatalf("got %+v, %v", item, err)
					}
				}
			})
		})
	}
}

// A reader sleeps until its frames have settled, and is woken by that alone.
func TestSettlingWakes(t *testing.T) {
	views(t, func(t *testing.T, b *Bus, v *View) {
		s := v.SubscribeSettled(time.Minute)
		defer s.Close()
		p := publish(t, b, "me")
		p.hint(bothHinted)
		p.track(audio)
		p.write(frame(audio, 0, false))
		time.AfterFunc(time.Second, p.Close)
		expectSettled(t, s, 0, audio)
		expectLeft(t, s)
		expectHeld(t, s)
	})
}

// What is held back may leave the ring like all else: that is a gap.
func TestSettlingBeyondTheRing(t *testing.T) {
	limits := DefaultLimits()
	limits.RingBytes = 3000
	b := New(limits)
	defer b.Close(reason.Shutdown)
	p := publish(t, b, "me")
	s := p.Stream().Plain().SubscribeSettled(time.Minute)
	defer s.Close()
	p.hint(bothHinted)
	p.track(video)
	p.write(frame(video, 0, true))
	if item, ok := s.poll(); ok {
		t.Fatalf("got %+v", item)
	}
	for dts := int64(40); dts < 1000; dts += 40 {
		f := frame(video, dts, dts == 520)
		f.Payload = make([]byte, 100)
		p.write(f)
	}
	p.write(frame(video, 1000, true))
	if item := next(t, s); item.Missed != 25 {
		t.Errorf("got %+v, want a gap of 25 frames", item)
	}
	expectSettled(t, s, 1000, video)
}

func TestReadSettled(t *testing.T) {
	b := New(DefaultLimits())
	defer b.Close(reason.Shutdown)
	p := publish(t, b, "me")
	v := p.Stream().Plain()
	defer v.Follow(&counter{}, time.Hour).Stop()
	p.hint(bothHinted)
	p.track(video)
	p.write(frame(video, 0, true), frame(video, 40, false))
	unready := p.Stream().Layout()
	if entries, first := v.ReadSettled(0, make([]Entry, 10)); len(entries) != 0 || first != 0 {
		t.Errorf("%d entries from %d", len(entries), first)
	}
	p.track(audio)
	p.write(frame(video, 80, false))
	ready := p.Stream().Layout()
	entries, _ := v.ReadSettled(0, make([]Entry, 10))
	if len(entries) != 3 || entries[0].Layout != ready || entries[2].Layout != ready || entries[0].Frame.Layout != unready {
		t.Errorf("%+v", entries)
	}
	entries, _ = v.Read(0, make([]Entry, 10))
	if len(entries) != 3 || entries[0].Layout != unready || entries[2].Layout != ready {
		t.Errorf("%+v", entries)
	}
	p.Close()
	if l := p.Stream().Layout(); l != ready {
		t.Errorf("layout %+v after the end of a publisher that had settled", l)
	}
}

// Leaving without a frame since the last time is no news for readers.
func TestLeavingIsToldOnce(t *testing.T) {
	b := New(DefaultLimits())
	defer b.Close(reason.Shutdown)
	publish(t, b, "me").Close()
	p := publish(t, b, "me", video)
	s := p.Stream().Plain().Subscribe(time.Minute)
	defer s.Close()
	p.write(frame(video, 0, true))
	expectFrame(t, s, 0, true)
	p.Close()
	expectLeft(t, s)
	publish(t, b, "me", video).Close()
	late := p.Stream().Plain().Subscribe(time.Minute)
	defer late.Close()
	expectFrame(t, late, 0, true)
	expectLeft(t, late)
	for _, s := range []*Subscription{s, late} {
		if item, ok := s.poll(); ok {
			t.Errorf("got %+v", item)
		}
	}
}
