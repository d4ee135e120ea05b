package fanout

import (
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// Frames are kept for LagTime only while a viewer is behind.
func TestRetention(t *testing.T) {
	const gop, distance = 25, int64(40 * time.Millisecond)
	limits := DefaultLimits()
	r := newRig(t, limits)
	arrival := av.Now()
	frame := func() {
		r.n++
		arrival += distance
		f := &av.Frame{Track: r.video, Key: r.n%gop == 1, DTS: r.n, PTS: r.n, Arrival: arrival, Payload: []byte{1}}
		if err := r.pub.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	held := func() time.Duration {
		return time.Duration(int64(r.bus.Stream("live/test").Info().RingFrames) * distance)
	}
	frame()
	c := r.join(ViewerOptions{})
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
	next := func() {
		frame()
		tag := byte('v')
		if r.n%gop == 1 {
			tag = 'K'
		}
		c.expect(t, got{tag: tag, number: uint64(r.n)})
	}
	for range 10 * gop {
		next()
	}
	if got := held(); got < calmWindow || got > calmWindow+time.Second {
		t.Errorf("%v are held while the viewer has everything", got)
	}

	c.viewer.Pause(true)
	from := r.n
	for range 2 { // the second pass shows that the first is over, and with it the pause begun
		passes := r.passes()
		frame()
		eventually(t, "a pass", func() bool { return r.passes() > passes })
	}
	for range 9 * gop {
		frame()
	}
	c.viewer.Pause(false)
	for n := from + 1; n <= r.n; n++ {
		tag := byte('v')
		if n%gop == 1 {
			tag = 'K'
		}
		c.expect(t, got{tag: tag, number: uint64(n)})
	}
	eventually(t, "retention ends when the viewer has caught up", func() bool {
		next()
		return held() <= calmWindow+time.Second
	})
}

// passes returns how many passes the loops have made.
func (r *rig) passes() (n uint64) {
	for i := range r.delivery.stats.Loops {
		n += r.delivery.stats.Loops[i].Passes.Load()
	}
	return n
}

// Frames that only borrowing muxers have read are used again, and their bytes
// are right nevertheless.
func TestBorrowedFramesAreRecycled(t *testing.T) {
	const frames, distance = 1000, int64(100 * time.Millisecond)
	r := newRig(t, DefaultLimits())
	pool := r.bus.Pool()
	allocator := pool.NewAllocator()
	arrival := av.Now()
	made := map[*av.Frame]bool{}
	write := func(body string) {
		payload, slab := allocator.Make(len(body))
		copy(payload, body)
		r.n++
		arrival += distance
		f := pool.Frame()
		*f = av.Frame{Track: r.video, Key: true, DTS: r.n, PTS: r.n, Arrival: arrival, Payload: payload}
		f.Own(slab)
		made[f] = true
		if err := r.pub.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	body := func(n int64) string { return strings.Repeat(string(rune('a'+n%26)), 1000) }
	write(body(1))
	c := r.dial(ViewerOptions{})
	l, release, err := r.delivery.Open(r.bus.Stream("live/test").Plain(), Key{Format: "test", Borrows: true}, func() Muxer { return testMuxer{} })
	if err != nil {
		t.Fatal(err)
	}
	c.viewer.Follow(l, release, c.sess)
	c.expect(t, got{tag: 'P', number: 1}, got{'K', 1, body(1)})
	for r.n < frames {
		write(body(r.n + 1))
		c.expect(t, got{'K', uint64(r.n), body(r.n)})
	}
	if len(made) > frames/2 {
		t.Errorf("%d frames were made for %d, of which %d are held", len(made), frames, int64(calmWindow)/distance)
	}
}

// A start point that is forgotten keeps no segment: each segment knows the one after it,
// so one would keep all that is ever written.
func TestTrimLetsGo(t *testing.T) {
	l := &Log{head: newSegment(0, 1)}
	l.tail = l.head
	for n := range uint64(8) {
		l.index.append(entry{end: int64(n + 1), position: n})
		l.starts = append(l.starts, start{number: n, segment: l.head, prelude: []byte{1}})
	}
	l.trim(6)
	if len(l.starts) != 2 || l.starts[0].number != 6 {
		t.Errorf("the start points are %+v", l.starts)
	}
	for _, s := range l.starts[len(l.starts):cap(l.starts)] {
		if s.segment != nil || s.prelude != nil {
			t.Errorf("message %d is remembered", s.number)
		}
	}
}
