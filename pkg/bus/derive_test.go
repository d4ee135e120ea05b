package bus

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// silence drops audio. It panics or fails when a payload says so.
type silence struct{}

func (silence) Transform(f *av.Frame, emit func(*av.Frame)) error {
	switch string(f.Payload) {
	case "panic":
		panic("as told")
	case "fail":
		return reason.Wrap(reason.BadMedia, errors.New("cannot decode"))
	}
	if f.Track.Kind == av.Audio {
		return nil
	}
	out := *f
	out.Layout = f.Layout.Select(av.Selection{NoAudio: true})
	emit(&out)
	return nil
}

func derive(t *testing.T, v *View) (derived *View, release func()) {
	t.Helper()
	derived, release, err := v.Derive("without audio", func() Transform { return silence{} })
	if err != nil {
		t.Fatal(err)
	}
	return derived, release
}

func TestDerivedView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(DefaultLimits())
		p := publish(t, b, "me", video, audio)
		view := p.Stream().Plain()
		p.write(frame(video, 0, true), frame(audio, 10, false))
		derived, release := derive(t, view)
		defer release()
		if derived.Stream() != p.Stream() {
			t.Error("it is of another stream")
		}
		s := derived.Subscribe(time.Minute)
		defer s.Close()
		expectFrame(t, s, 0, true)
		p.write(frame(audio, 30, false), frame(video, 40, false), frame(audio, 50, false), frame(video, 80, true))
		item := next(t, s)
		if item.Frame.DTS != ms(40) || item.Frame.Layout.First(av.Audio) != nil {
			t.Errorf("got %+v", item.Frame)
		}
		expectFrame(t, s, 80, true)
		b.Close(reason.Kicked)
		_, err := s.Next(t.Context())
		expectReason(t, err, reason.Kicked)
		expectEnded(t, derived, reason.Kicked)
	})
}

func TestDerivedViewIsSharedAndLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(DefaultLimits())
		defer b.Close(reason.Shutdown)
		view := publish(t, b, "me", video).Stream().Plain()
		first, release := derive(t, view)
		second, releaseSecond := derive(t, view)
		if first != second {
			t.Error("two views under one key")
		}
		release()
		release() // the second user still has it
		time.Sleep(time.Minute)
		releaseSecond()
		time.Sleep(4 * time.Second)
		third, release := derive(t, view)
		if third != first {
			t.Error("it did not linger")
		}
		time.Sleep(time.Minute) // a user came back: the old linger is void
		synctest.Wait()
		select {
		case <-first.Done():
			t.Fatal("ended while it was used")
		default:
		}
		release()
		time.Sleep(6 * time.Second)
		synctest.Wait()
		select {
		case <-first.Done():
		default:
			t.Error("it lingers for ever")
		}
		fourth, release := derive(t, view)
		if fourth == first {
			t.Error("an ended view was handed out")
		}
		release()
	})
}

func TestFailureOfATransformEndsItsViewOnly(t *testing.T) {
	tests := []struct {
		payload string
		want    reason.Reason
	}{
		{"panic", reason.InternalError},
		{"fail", reason.BadMedia},
	}
	for _, test := range tests {
		t.Run(test.payload, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(DefaultLimits())
				defer b.Close(reason.Shutdown)
				p := publish(t, b, "me", video)
				plain := p.Stream().Plain().Subscribe(time.Minute)
				defer plain.Close()
				p.write(frame(video, 0, true))
				expectFrame(t, plain, 0, true)
				derived, release := derive(t, p.Stream().Plain())
				defer release()
				s := derived.Subscribe(time.Minute)
				defer s.Close()
				expectFrame(t, s, 0, true)
				bad := frame(video, 40, false)
				bad.Payload = []byte(test.payload)
				p.write(bad)
				_, err := s.Next(t.Context())
				expectReason(t, err, test.want)
				p.write(frame(video, 80, true))
				expectFrame(t, plain, 40, false)
				expectFrame(t, plain, 80, true)

				// Who comes now gets a fresh one, although the first user has not left.
				again, releaseAgain := derive(t, p.Stream().Plain())
				defer releaseAgain()
				fresh := again.Subscribe(time.Minute)
				defer fresh.Close()
				expectFrame(t, fresh, 80, true)
			})
		})
	}
}

// closing is a transform that is closed, and panics then.
type closing struct {
	silence
	closed *atomic.Int64
}

func (c closing) Close() error {
	c.closed.Add(1)
	panic("as told")
}

// A view names its transform, which is closed when the view ends: by itself or
// because nobody uses it any more.
func TestTransformIsClosed(t *testing.T) {
	for name, failing := range map[string]bool{"unused": false, "failed": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(DefaultLimits())
				defer b.Close(reason.Shutdown)
				p := publish(t, b, "me", video)
				plain := p.Stream().Plain()
				if plain.Through() != nil {
					t.Error("the stream itself has a transform")
				}
				made := closing{closed: new(atomic.Int64)}
				derived, release, err := plain.Derive("closing", func() Transform { return made })
				if err != nil {
					t.Fatal(err)
				}
				defer release()
				if derived.Through() != Transform(made) {
					t.Errorf("it is through %v", derived.Through())
				}
				f := frame(video, 0, true)
				if failing {
					f.Payload = []byte("fail")
				}
				p.write(f)
				synctest.Wait()
				if want := map[bool]int64{true: 1}[failing]; made.closed.Load() != want {
					t.Errorf("closed %d times while in use, want %d", made.closed.Load(), want)
				}
				release()
				time.Sleep(time.Minute)
				synctest.Wait()
				if n := made.closed.Load(); n != 1 {
					t.Errorf("closed %d times", n)
				}
			})
		})
	}
}

// closer counts how often it is closed.
type closer struct{ n atomic.Int64 }

func (c *closer) Close() error { c.n.Add(1); return nil }

func (c *closer) closed() int64 { return c.n.Load() }

func TestAcquire(t *testing.T) {
	open := func(t *testing.T, v *View, key any) (*closer, func()) {
		t.Helper()
		c, release, err := Acquire(v, key, func() (*closer, error) { return &closer{}, nil })
		if err != nil {
			t.Fatal(err)
		}
		return c, release
	}
	tests := []struct {
		name   string
		linger time.Duration
		do     func(t *testing.T, b *Bus, v *View)
	}{
		{"one per key", time.Second, func(t *testing.T, _ *Bus, v *View) {
			a, releaseA := open(t, v, "a")
			b, releaseB := open(t, v, "b")
			again, releaseAgain := open(t, v, "a")
			if a == b || a != again {
				t.Error("shared wrongly")
			}
			releaseA()
			releaseB()
			releaseAgain()
		}},
		{"without linger closed at once", 0, func(t *testing.T, _ *Bus, v *View) {
			c, release := open(t, v, "a")
			release()
			release()
			if c.closed() != 1 {
				t.Errorf("closed %d times", c.closed())
			}
		}},
		{"closed after linger", time.Second, func(t *testing.T, _ *Bus, v *View) {
			c, release := open(t, v, "a")
			release()
			if c.closed() != 0 {
				t.Error("closed at once")
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if c.closed() != 1 {
				t.Errorf("closed %d times", c.closed())
			}
		}},
		{"view ends while it lingers", time.Hour, func(t *testing.T, b *Bus, v *View) {
			c, release := open(t, v, "a")
			release()
			b.Close(reason.Shutdown)
			if c.closed() != 1 {
				t.Errorf("closed %d times", c.closed())
			}
		}},
		{"view ends while it is used", time.Hour, func(t *testing.T, b *Bus, v *View) {
			c, release := open(t, v, "a")
			b.Close(reason.Shutdown)
			if c.closed() != 0 {
				t.Error("closed under its user")
			}
			release()
			if c.closed() != 1 {
				t.Errorf("closed %d times", c.closed())
			}
		}},
		{"many users at once", time.Second, func(t *testing.T, _ *Bus, v *View) {
			var wg sync.WaitGroup
			made := make(chan *closer, 100)
			for range 100 {
				wg.Go(func() {
					c, release := open(t, v, "a")
					made <- c
					release()
				})
			}
			wg.Wait()
			first := <-made
			for range 99 {
				if c := <-made; c != first {
					t.Fatal("made twice")
				}
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if first.closed() != 1 {
				t.Errorf("closed %d times", first.closed())
			}
		}},
		{"cannot be made", time.Second, func(t *testing.T, _ *Bus, v *View) {
			_, release, err := Acquire(v, "a", func() (*closer, error) { return nil, io.ErrUnexpectedEOF })
			if !errors.Is(err, io.ErrUnexpectedEOF) || release != nil {
				t.Errorf("error %v", err)
			}
			_, release = open(t, v, "a")
			release()
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limits := DefaultLimits()
				limits.Linger = test.linger
				b := New(limits)
				defer b.Close(reason.Shutdown)
				test.do(t, b, publish(t, b, "me").Stream().Plain())
			})
		})
	}
}

// fragile is a closer that breaks.
type fragile struct {
	closer
	broken bool
}

func (f *fragile) Broken() bool { return f.broken }

func TestBrokenValuesAreReplaced(t *testing.T) {
	limits := DefaultLimits()
	limits.Linger = 0
	b := New(limits)
	defer b.Close(reason.Shutdown)
	v := publish(t, b, "me").Stream().Plain()
	open := func() (*fragile, func()) {
		f, release, err := Acquire(v, "a", func() (*fragile, error) { return &fragile{}, nil })
		if err != nil {
			t.Fatal(err)
		}
		return f, release
	}
	old, releaseOld := open()
	old.broken = true
	fresh, releaseFresh := open()
	if fresh == old {
		t.Fatal("a broken value was handed out")
	}
	releaseOld()
	if again, release := open(); again != fresh {
		t.Error("the new value is not shared any more")
	} else {
		release()
	}
	releaseFresh()
	if old.closed() != 1 || fresh.closed() != 1 {
		t.Errorf("closed %d and %d times, want once each", old.closed(), fresh.closed())
	}
}
