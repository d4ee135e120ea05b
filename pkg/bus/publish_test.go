package bus

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

func TestStreamsAreListedByName(t *testing.T) {
	b := New(DefaultLimits())
	defer b.Close(reason.Shutdown)
	for _, name := range []string{"live/b", "cam/north/hd", "live/a"} {
		if _, err := b.Publish(name, Claim{Owner: "me", Kill: func(reason.Reason) {}}); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for _, s := range b.Streams() {
		names = append(names, s.Name())
	}
	if got := strings.Join(names, " "); got != "cam/north/hd live/a live/b" {
		t.Errorf("streams %s", got)
	}
	if s := b.Stream("live/a"); s == nil || s.Name() != "live/a" {
		t.Errorf("stream live/a is %v", s)
	}
	if s := b.Stream("live/A"); s != nil {
		t.Error("names are case-sensitive")
	}
}

func TestSecondPublisherOfAnotherOwnerIsRefused(t *testing.T) {
	for _, owners := range [][2]string{{"me", "somebody else"}, {"me", ""}, {"", "me"}, {"", ""}} {
		b := New(DefaultLimits())
		first := publish(t, b, owners[0], video)
		c, _ := claim(owners[1])
		_, err := b.Publish("live/test", c)
		expectReason(t, err, reason.StreamBusy)
		if err == nil || !strings.Contains(err.Error(), `"live/test"`) {
			t.Errorf("error %v does not name the stream", err)
		}
		first.write(frame(video, 0, true))
		first.expectKilled()
		b.Close(reason.Shutdown)
	}
}

func TestTakeoverByTheSameOwner(t *testing.T) {
	b := New(DefaultLimits())
	defer b.Close(reason.Shutdown)
	first := publish(t, b, "me", video)
	first.write(frame(video, 0, true))
	stream := first.Stream()
	second := publish(t, b, "me", video)
	first.expectKilled(reason.TakenOver)
	if second.Stream() != stream {
		t.Error("the stream is another one")
	}

	// The old handle can do nothing any more, not even end the new one.
	for what, err := range map[string]error{
		"Write":       first.Write(frame(video, 40, true)),
		"SetTrack":    first.SetTrack(audio),
		"SetMetadata": first.SetMetadata(av.Metadata{{Name: "encoder", Value: "x"}}),
		"Hint":        first.Hint([av.Kinds]bool{av.Audio: true}),
	} {
		if !errors.Is(err, ErrRevoked) {
			t.Errorf("%s of the old publisher: %v, want ErrRevoked", what, err)
		}
	}
	first.Close()
	second.write(frame(video, 0, true))
	if state := stream.Info().State; state != Live {
		t.Errorf("state %s, want live", state)
	}
	second.expectKilled()
}

// Kill runs without locks, so that a session may look at the bus while it ends.
func TestKillMayUseTheBus(t *testing.T) {
	b := New(DefaultLimits())
	done := make(chan int, 3)
	kill := func(reason.Reason) { done <- len(b.Streams()) }
	for range 2 {
		if _, err := b.Publish("live/test", Claim{Owner: "me", Kill: kill}); err != nil {
			t.Fatal(err)
		}
	}
	b.Close(reason.Shutdown)
	if over, closed := <-done, <-done; over != 1 || closed != 0 {
		t.Errorf("%d streams seen at the takeover and %d at the end, want 1 and 0", over, closed)
	}
}

func TestGrace(t *testing.T) {
	tests := []struct {
		name  string
		owner string
		after time.Duration
		same  bool
	}{
		{"same owner within grace", "me", 14 * time.Second, true},
		{"another owner within grace", "somebody else", 14 * time.Second, true},
		{"after grace", "me", 16 * time.Second, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(DefaultLimits())
				defer b.Close(reason.Shutdown)
				first := publish(t, b, "me", video)
				stream := first.Stream()
				first.write(frame(video, 0, true))
				first.Close()
				first.Close()
				if i := stream.Info(); i.State != Grace || i.Session != "" {
					t.Errorf("state %s with session %q, want grace without", i.State, i.Session)
				}
				time.Sleep(test.after)
				synctest.Wait()
				if !test.same {
					expectEnded(t, stream.Plain(), reason.StreamEnded)
					if b.Stream("live/test") != nil {
						t.Error("the ended stream is still listed")
					}
				}
				second := publish(t, b, test.owner, video)
				if same := second.Stream() == stream; same != test.same {
					t.Errorf("the stream is the same: %t, want %t", same, test.same)
				}
				time.Sleep(time.Second) // the old grace period must not end the new publisher's stream
				second.write(frame(video, 0, true))
				if i := second.Stream().Info(); i.State != Live || i.Session != test.owner+"'s session" {
					t.Errorf("state %s with session %q", i.State, i.Session)
				}
				first.expectKilled()
			})
		})
	}
}

// A publisher that returns in the moment in which the grace period ends gets
// the old stream or a new one, but is never killed for the end of the old.
func TestReturnAtTheEndOfGrace(t *testing.T) {
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			b := New(DefaultLimits())
			defer b.Close(reason.Shutdown)
			publish(t, b, "me").Close()
			time.Sleep(DefaultLimits().Grace)
			second := publish(t, b, "me", video)
			synctest.Wait()
			second.write(frame(video, 0, true))
			second.expectKilled()
		})
	}
}

func TestLimitOfStreams(t *testing.T) {
	limits := DefaultLimits()
	limits.Streams = 1
	b := New(limits)
	publish(t, b, "me")
	c, _ := claim("me")
	_, err := b.Publish("live/other", c)
	expectReason(t, err, reason.LimitReached)
	publish(t, b, "me") // a takeover is no new stream
	b.Close(reason.Shutdown)
}

// TestLimitsOfOneStream: each stream has its own, all others those of the bus.
func TestLimitsOfOneStream(t *testing.T) {
	limits := DefaultLimits()
	limits.ForStream = func(name string) Limits {
		l := DefaultLimits()
		if name == "live/test" {
			l.Grace, l.Wait, l.PublishTimeout = 2*time.Second, time.Second, 3*time.Second
			l.RingBytes, l.RingDuration = 10_000, 500*time.Millisecond
		}
		return l
	}
	publishOther := func(b *Bus) (*Publisher, chan reason.Reason) {
		c, killed := claim("me")
		p, err := b.Publish("live/other", c)
		if err != nil {
			t.Fatal(err)
		}
		return p, killed
	}
	t.Run("grace", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := New(limits)
			defer b.Close(reason.Shutdown)
			other, _ := publishOther(b)
			publish(t, b, "me").Close()
			other.Close()
			time.Sleep(2*time.Second + time.Millisecond)
			synctest.Wait()
			if b.Stream("live/test") != nil || b.Stream("live/other") == nil {
				t.Errorf("after 2 s: %v", b.Streams())
			}
		})
	})
	t.Run("wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := New(limits)
			defer b.Close(reason.Shutdown)
			for name, want := range map[string]time.Duration{"live/test": time.Second, "live/other": limits.Wait} {
				began := time.Now()
				_, err := b.Await(t.Context(), name)
				expectReason(t, err, reason.StreamNotFound)
				if after := time.Since(began); after != want || !strings.Contains(err.Error(), want.String()) {
					t.Errorf("%s: waited %v: %v", name, after, err)
				}
			}
		})
	})
	t.Run("publish timeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := New(limits)
			defer b.Close(reason.Shutdown)
			other, otherKilled := publishOther(b)
			p := publish(t, b, "me", video)
			began := time.Now()
			time.Sleep(2 * time.Second)
			p.write(frame(video, 0, true))
			<-p.killed
			if after := time.Since(began); after != 5*time.Second {
				t.Errorf("killed after %v", after)
			}
			<-otherKilled
			if after := time.Since(began); after != limits.PublishTimeout {
				t.Errorf("the other was killed after %v", after)
			}
			p.Close()
			other.Close()
		})
	})
	t.Run("ring", func(t *testing.T) {
		b := New(limits)
		defer b.Close(reason.Shutdown)
		p := publish(t, b, "me", video)
		other, _ := publishOther(b)
		if err := other.SetTrack(video); err != nil {
			t.Fatal(err)
		}
		for i := range 1000 { // one GOP
			p.write(frame(video, int64(i), i == 0))
			if err := other.Write(frame(video, int64(i), i == 0)); err != nil {
				t.Fatal(err)
			}
		}
		if a, b := p.Stream().Info().RingBytes, other.Stream().Info().RingBytes; a > 10_000 || b < 100_000 {
			t.Errorf("the rings hold %d and %d bytes", a, b)
		}
	})
}

func TestClose(t *testing.T) {
	b := New(DefaultLimits())
	p := publish(t, b, "me", video)
	b.Close(reason.Shutdown)
	b.Close(reason.Kicked)
	p.expectKilled(reason.Shutdown)
	expectEnded(t, p.Stream().Plain(), reason.Shutdown)
	if err := p.Write(frame(video, 0, true)); !errors.Is(err, ErrRevoked) {
		t.Errorf("write after the end: %v, want ErrRevoked", err)
	}
	p.Close()
	if state := p.Stream().Info().State; state != Ended {
		t.Errorf("state %s, want ended", state)
	}
	c, _ := claim("me")
	_, err := b.Publish("live/test", c)
	expectReason(t, err, reason.Shutdown)
}

func TestSilentPublisherIsKilled(t *testing.T) {
	tests := []struct {
		name   string
		frames int // one per ten seconds
		key    bool
		want   time.Duration
	}{
		{"no frame at all", 0, false, 15 * time.Second},
		{"silent after a while", 4, true, 45 * time.Second},
		{"without key frame it is not silent", 4, false, 45 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(DefaultLimits())
				defer b.Close(reason.Shutdown)
				began := time.Now()
				p := publish(t, b, "me", video)
				for i := range test.frames {
					if i > 0 {
						time.Sleep(10 * time.Second)
					}
					p.write(frame(video, int64(i)*10_000, test.key))
				}
				why := <-p.killed
				if after := time.Since(began); why != reason.PublishTimeout || after != test.want {
					t.Errorf("killed because of %s after %v, want %s after %v", why, after, reason.PublishTimeout, test.want)
				}
				p.Close() // as its session does
			})
		})
	}
}

func TestAwait(t *testing.T) {
	t.Run("there already", func(t *testing.T) {
		b := New(DefaultLimits())
		defer b.Close(reason.Shutdown)
		p := publish(t, b, "me")
		if s, err := b.Await(t.Context(), "live/test"); s != p.Stream() || err != nil {
			t.Errorf("got %v, %v", s, err)
		}
	})
	t.Run("arrives for all who wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := New(DefaultLimits())
			defer b.Close(reason.Shutdown)
			found := make(chan *Stream)
			for range 50 {
				go func() {
					s, err := b.Await(t.Context(), "live/test")
					if err != nil {
						t.Error(err)
					}
					found <- s
				}()
			}
			time.Sleep(4 * time.Second)
			p := publish(t, b, "me")
			for range 50 {
				if s := <-found; s != p.Stream() {
					t.Errorf("got %v", s)
				}
			}
			expectNobodyWaits(t, b)
		})
	})
	t.Run("times out", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := New(DefaultLimits())
			defer b.Close(reason.Shutdown)
			publish(t, b, "me") // another name does not help
			began := time.Now()
			_, err := b.Await(t.Context(), "live/other")
			expectReason(t, err, reason.StreamNotFound)
			if after := time.Since(began); after != 5*time.Second {
				t.Errorf("waited %v", after)
			}
			expectNobodyWaits(t, b)
		})
	})
	t.Run("context ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := New(DefaultLimits())
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			if _, err := b.Await(ctx, "live/test"); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			expectNobodyWaits(t, b)
		})
	})
	t.Run("one leaves, the other stays", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := New(DefaultLimits())
			defer b.Close(reason.Shutdown)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { _, _ = b.Await(ctx, "live/test") }()
			found := make(chan error)
			go func() {
				_, err := b.Await(t.Context(), "live/test")
				found <- err
			}()
			synctest.Wait()
			cancel()
			synctest.Wait()
			publish(t, b, "me")
			if err := <-found; err != nil {
				t.Error(err)
			}
		})
	})
}

// TestDespair: who comes when the next try is too late is told at once, others wait for
// it, and are told the same in the end; nobody is once there is hope.
func TestDespair(t *testing.T) {
	off := reason.Wrap(reason.StreamNotFound, errors.New("the source is off"))
	for _, test := range []struct {
		name  string
		next  time.Duration
		then  func(t *testing.T, b *Bus) // while the player waits
		after time.Duration
		want  string
	}{
		{"the next try is too late", 6 * time.Second, nil, 0, "the source is off"},
		{"the next try fails", 2 * time.Second, func(_ *testing.T, b *Bus) { b.Despair("live/test", off, time.Hour) }, time.Second, "the source is off"},
		{"the next try hangs", 2 * time.Second, nil, 5 * time.Second, "the source is off"},
		{"the next try succeeds", 2 * time.Second, func(t *testing.T, b *Bus) { publish(t, b, "me") }, time.Second, ""},
		{"there is hope", 2 * time.Second, func(_ *testing.T, b *Bus) { b.Hope("live/test") }, 5 * time.Second, "nobody publishes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(DefaultLimits())
				defer b.Close(reason.Shutdown)
				b.Despair("live/test", off, test.next)
				if test.then != nil {
					time.AfterFunc(time.Second, func() { test.then(t, b) })
				}
				began := time.Now()
				s, err := b.Await(t.Context(), "live/test")
				if (test.want == "") != (s != nil) || err != nil && !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, %v, want %q", s, err, test.want)
				}
				if after := time.Since(began); after != test.after {
					t.Errorf("told after %v, want %v", after, test.after)
				}
				expectNobodyWaits(t, b)
			})
		})
	}
}

// TestDespairEndsWithAPublisher: why a stream was not there before says nothing of later.
func TestDespairEndsWithAPublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(DefaultLimits())
		defer b.Close(reason.Shutdown)
		for range 2 { // it is new, and in its grace period
			p := publish(t, b, "me")
			p.Close()
			b.Despair("live/test", errors.New("off"), time.Hour)
		}
		publish(t, b, "me").Close()
		time.Sleep(time.Minute)
		if _, err := b.Await(t.Context(), "live/test"); !strings.Contains(err.Error(), "nobody publishes") {
			t.Error(err)
		}
	})
}

func expectNobodyWaits(t testing.TB, b *Bus) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.waiting); n != 0 {
		t.Errorf("%d names are still waited for", n)
	}
}

// The grace period of a publisher that left earlier says nothing of the one
// that left last.
func TestLateExpiryOfAnEarlierPublisher(t *testing.T) {
	b := New(DefaultLimits())
	defer b.Close(reason.Shutdown)
	first := publish(t, b, "me", video)
	first.Close()
	second := publish(t, b, "me", video)
	second.Close()
	s := second.Stream()
	s.expire(first.Publisher)
	if b.Stream("live/test") != s {
		t.Error("the stream ended before its grace period")
	}
	s.expire(second.Publisher)
	if b.Stream("live/test") != nil {
		t.Error("the stream did not end with its grace period")
	}
}

// TestSetLimits: what begins from now on is bounded anew, what is there stays.
func TestSetLimits(t *testing.T) {
	limits := DefaultLimits()
	limits.Streams = 1
	b := New(limits)
	defer b.Close(reason.Shutdown)
	publish(t, b, "me", video)
	limits.Streams, limits.Wait, limits.RingBytes = 2, time.Millisecond, 1000
	b.SetLimits(limits)
	c, _ := claim("me")
	p, err := b.Publish("live/other", c)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Stream().Plain().limits.RingBytes; got != 1000 {
		t.Errorf("a new stream's ring has %d bytes", got)
	}
	if got := b.Stream("live/test").Plain().limits.RingBytes; got != DefaultLimits().RingBytes {
		t.Errorf("the ring that was there has %d bytes", got)
	}
	_, err = b.Await(t.Context(), "live/none")
	expectReason(t, err, reason.StreamNotFound)
	if !strings.Contains(err.Error(), "waited 1ms") {
		t.Error(err)
	}
}
