//go:build linux

package fanout

import (
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/session"
)

// rawMuxer is the least a format can do: the payload as it is.
type rawMuxer struct{}

func (rawMuxer) AppendPrelude(dst []byte, _ *av.Layout, _ int64) ([]byte, error) { return dst, nil }

func (rawMuxer) AppendChange(dst []byte, _, _ *av.Layout, _ int64) ([]byte, error) { return dst, nil }

func (rawMuxer) AppendFrame(dst []byte, f *av.Frame, _ *av.Layout, _ bool) ([]byte, error) {
	return append(dst, f.Payload...), nil
}

// benchPayload is the mean frame of 530 kbit/s at 68 frames a second.
const benchPayload = 1000

// publish writes a frame with a shared payload, every fiftieth a key frame.
func (r *rig) publish(payload []byte) {
	r.write(&av.Frame{Track: r.video, Key: r.n%50 == 0, Payload: payload})
}

// BenchmarkRing writes a frame to a stream and reads it back, without bytes or
// sockets.
func BenchmarkRing(b *testing.B) {
	r := newRig(b, DefaultLimits())
	view := r.bus.Stream("live/test").Plain()
	payload := make([]byte, benchPayload)
	batch := make([]bus.Entry, 32)
	var position uint64
	b.ReportAllocs()
	for b.Loop() {
		r.publish(payload)
		entries, first := view.Read(position, batch)
		position = first + uint64(len(entries))
	}
}

// BenchmarkLog writes a frame to a stream and to a log.
func BenchmarkLog(b *testing.B) {
	r := newRig(b, DefaultLimits())
	l, release, err := r.delivery.Open(r.bus.Stream("live/test").Plain(), Key{Format: "raw"}, func() Muxer { return rawMuxer{} })
	if err != nil {
		b.Fatal(err)
	}
	defer release()
	payload := make([]byte, benchPayload)
	b.SetBytes(benchPayload)
	b.ReportAllocs()
	for b.Loop() {
		r.publish(payload)
		l.pull()
	}
}

// BenchmarkDelivery sends frames to viewers over loopback TCP and waits until
// the last of them has each. One goroutine empties all sockets.
func BenchmarkDelivery(b *testing.B) {
	for _, viewers := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("viewers=%d", viewers), func(b *testing.B) {
			c := newCrowd(b, viewers)
			payload := make([]byte, benchPayload)
			c.deliver(payload)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			b.ReportAllocs()
			for b.Loop() {
				c.deliver(payload)
			}
			runtime.ReadMemStats(&after)
			n := float64(b.N) * float64(viewers)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/frame/viewer")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/n, "allocs/frame/viewer")
		})
	}
}

func TestSendingAllocatesNothingPerFrameAndViewer(t *testing.T) {
	const viewers, frames = 50, 500
	c := newCrowd(t, viewers)
	payload := make([]byte, benchPayload)
	for range 100 { // buffers and rings grow to their size
		c.deliver(payload)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range frames {
		c.deliver(payload)
	}
	runtime.ReadMemStats(&after)
	// The frame itself is allocated, a segment now and then, and something by
	// the runtime: a few objects per frame, so well below one for 20 viewers. One
	// allocation per viewer would give 1 or more.
	perSend := float64(after.Mallocs-before.Mallocs) / (frames * viewers)
	if perSend >= 0.05 {
		t.Errorf("%.3f allocations per frame and viewer", perSend)
	}
}

// crowd is many viewers of one stream, whose far ends are emptied together.
type crowd struct {
	*rig
	viewers int
	drain   *drain
	timer   *time.Timer // made once, so that waiting allocates nothing
}

func newCrowd(t testing.TB, viewers int) *crowd {
	t.Helper()
	c := &crowd{rig: newRig(t, DefaultLimits()), viewers: viewers, drain: newDrain(t), timer: time.NewTimer(0)}
	view := c.bus.Stream("live/test").Plain()
	sess, err := c.registry.Open(session.Info{Protocol: "test", Action: session.Play}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range viewers {
		near, far := tcpPair(t)
		t.Cleanup(func() { near.Close() })
		c.drain.add(far)
		l, release, err := c.delivery.Open(view, Key{Format: "raw"}, func() Muxer { return rawMuxer{} })
		if err != nil {
			t.Fatal(err)
		}
		c.delivery.Add(near, ViewerOptions{}).Follow(l, release, sess)
	}
	return c
}

// deliver publishes one frame and waits until every viewer has it.
func (c *crowd) deliver(payload []byte) {
	d := c.drain
	want := d.wanted.Add(int64(len(payload) * c.viewers))
	c.publish(payload)
	c.timer.Reset(30 * time.Second)
	select {
	case <-d.reached:
	case <-c.timer.C:
		c.t.Fatalf("%d bytes have not arrived", want-d.received.Load())
	}
}

// drain reads from many sockets into one buffer that is thrown away.
type drain struct {
	t        testing.TB
	epoll    int
	received atomic.Int64
	wanted   atomic.Int64  // bytes to be received until
	reached  chan struct{} // is told
}

func newDrain(t testing.TB) *drain {
	t.Helper()
	epoll, err := unix.EpollCreate1(0)
	if err != nil {
		t.Fatal(err)
	}
	d := &drain{t: t, epoll: epoll, reached: make(chan struct{}, 1)}
	quit, done := make(chan struct{}), make(chan struct{})
	go d.run(quit, done)
	t.Cleanup(func() {
		close(quit)
		<-done
		_ = unix.Close(epoll)
	})
	return d
}

// add has d empty conn, which must stay open until the test ends.
func (d *drain) add(conn net.Conn) {
	d.t.Helper()
	d.t.Cleanup(func() { conn.Close() })
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		d.t.Fatal(err)
	}
	var added error
	err = raw.Control(func(fd uintptr) {
		added = unix.EpollCtl(d.epoll, unix.EPOLL_CTL_ADD, int(fd), &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
	})
	if err != nil || added != nil {
		d.t.Fatal(err, added)
	}
}

func (d *drain) run(quit, done chan struct{}) {
	defer close(done)
	events, buf := make([]unix.EpollEvent, 256), make([]byte, 64<<10)
	for {
		select {
		case <-quit:
			return
		default:
		}
		n, _ := unix.EpollWait(d.epoll, events, 1) // a short wait, to see quit
		for _, e := range events[:max(n, 0)] {
			if n, err := unix.Read(int(e.Fd), buf); err == nil {
				if d.received.Add(int64(n)) == d.wanted.Load() {
					d.reached <- struct{}{}
				}
			}
		}
	}
}
