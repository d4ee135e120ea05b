//go:build linux

package fanout

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// narrowPair is a connection whose far end holds little and acknowledges small
// segments, as that of a slow reader behind a real network does.
func narrowPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	narrow := func(_, _ string, c syscall.RawConn) (err error) {
		_ = c.Control(func(fd uintptr) { // its error is about a closed connection
			if err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 536); err == nil {
				err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10)
			}
		})
		return err
	}
	if far, err = (&net.Dialer{Control: narrow}).Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// A viewer that takes some bytes in each stall timeout, too few for its socket
// to become free, is no dead one: it skips when it is back. One that takes none
// is closed.
func TestSlowViewerIsNotStalled(t *testing.T) {
	limits := DefaultLimits()
	limits.StallTimeout = time.Second
	limits.LagBytes = 1 << 20
	limits.SendBuffer = 256 << 10 // as for a viewer whose network was fast before
	r := newRig(t, limits)
	near, far := narrowPair(t)
	r.frame(true, 10)
	c := r.serve(near, far, ViewerOptions{})
	r.play(c, av.Selection{})
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
	const large = 2 << 20
	r.frame(false, large) // 2
	eventually(t, "the viewer is parked", func() bool { return r.delivery.parked() == 1 })
	r.frame(false, large)
	r.frame(true, 10) // 4

	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	read := int64(0)
	for end := time.Now().Add(3 * limits.StallTimeout); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		n, err := io.CopyN(io.Discard, c, 256)
		if read += n; err != nil {
			t.Fatalf("after %d bytes: %v", read, err)
		}
	}
	if _, err := io.CopyN(io.Discard, c, 13+large-read); err != nil { // the rest of 2
		t.Fatal(err)
	}
	c.expect(t, got{tag: 'K', number: 4})
	if n := c.sess.Counters().Skips.Load(); n != 1 {
		t.Errorf("%d skips counted, want 1", n)
	}
	r.frame(false, 8<<20) // of which it reads nothing
	c.expectClosed(t, reason.Stalled)
}

func TestProgress(t *testing.T) {
	p := progress{acked: 100, at: 1000}
	for _, step := range []struct {
		acked uint64
		now   int64
		want  int64
	}{{100, 1250, 250}, {101, 1500, 0}, {101, 1750, 250}, {101, 2500, 1000}, {5000, 2750, 0}} {
		if got := p.none(step.acked, step.now); got != step.want {
			t.Errorf("%d acknowledged at %d: none for %d, want %d", step.acked, step.now, got, step.want)
		}
	}
}
