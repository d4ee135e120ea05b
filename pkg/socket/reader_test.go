//go:build linux

package socket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// pair returns both ends of a TCP connection.
func pair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if far, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = near.Close()
		_ = far.Close()
	})
	return near, far
}

// paces are the two ways of reading, and the change between them.
func paces() map[string]*Pace {
	slow := NewPace(4 * time.Millisecond)
	slow.on.Store(true)
	return map[string]*Pace{"none": nil, "quick": NewPace(4 * time.Millisecond), "slow": slow}
}

func TestReaderReadsAll(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	for name, pace := range paces() {
		t.Run(name, func(t *testing.T) {
			near, far := pair(t)
			r := NewReader(near)
			r.Follow(pace)
			go func() {
				_, _ = far.Write(want) // what is missing shows at the other end
				_ = far.Close()
			}()
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes and %v, want %d", len(got), err, len(want))
			}
		})
	}
}

// TestReaderWaits: a reader that found nothing for a while is woken by a single
// byte, whatever it told the kernel meanwhile.
func TestReaderWaits(t *testing.T) {
	for name, pace := range paces() {
		t.Run(name, func(t *testing.T) {
			near, far := pair(t)
			r := NewReader(near)
			r.Follow(pace)
			go func() {
				time.Sleep(100 * time.Millisecond) // beyond a slow reader's patience
				_, _ = far.Write([]byte{7})
			}()
			var b [8]byte
			if n, err := r.Read(b[:]); n != 1 || b[0] != 7 || err != nil {
				t.Errorf("read %d bytes, %v", n, err)
			}
		})
	}
}

func TestReaderKeepsDeadlines(t *testing.T) {
	for name, pace := range paces() {
		t.Run(name, func(t *testing.T) {
			near, _ := pair(t)
			r := NewReader(near)
			r.Follow(pace)
			_ = near.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
			if _, err := r.Read(make([]byte, 8)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			_ = near.Close()
			if _, err := r.Read(make([]byte, 8)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("closed: got %v", err)
			}
		})
	}
}

func TestReaderDoesNotAllocate(t *testing.T) {
	near, far := pair(t)
	r := NewReader(near)
	r.Follow(NewPace(20 * time.Millisecond))
	b := make([]byte, 8)
	if n := testing.AllocsPerRun(100, func() {
		_, _ = far.Write(b[:1]) // a failure shows in the read
		if _, err := r.Read(b); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a read", n)
	}
}

// TestPaceFollowsLoad counts reads at times of its own.
func TestPaceFollowsLoad(t *testing.T) {
	p := NewPace(20 * time.Millisecond)
	now := int64(time.Second)
	reads := func(perSecond int64) {
		for range 2 * perSecond {
			now += int64(time.Second) / perSecond
			p.count(now)
		}
	}
	for _, step := range []struct {
		perSecond int64
		slow      bool
	}{{100, false}, {3000, false}, {100_000, true}, {60_000, true}, {100, false}} {
		if reads(step.perSecond); p.slow() != step.slow {
			t.Errorf("at %d reads a second slow is %v", step.perSecond, p.slow())
		}
	}
	never := NewPace(0)
	for range 100_000 {
		now += int64(time.Microsecond)
		never.count(now)
	}
	if never.slow() {
		t.Error("a pace without interval is slow")
	}
}

// TestPaceKeepsInterval: nobody waits longer than the interval, nor much less.
func TestPaceKeepsInterval(t *testing.T) {
	p := NewPace(20 * time.Millisecond)
	for last := range int64(1000) {
		last *= int64(37 * time.Microsecond)
		if d := p.untilNext(last, last); d > 20*time.Millisecond || d <= 15*time.Millisecond {
			t.Fatalf("read at %d is followed after %v", last, d)
		}
	}
}
