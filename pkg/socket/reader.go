package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

const (
	// patience is how often a paced reader finds nothing before it lets the
	// kernel wake it again: an encoder that pauses is not to be asked for ever.
	patience = 10
	// sparseWake is how many bytes wake a reader that looks by itself every few
	// milliseconds: so many that none wakes it below 10 Mbit/s.
	sparseWake = 32 << 10
)

// Reader reads from a TCP connection. The connection's deadlines hold. It is
// used by one goroutine at a time.
type Reader struct {
	raw     syscall.RawConn
	pace    *Pace // nil: read as soon as something comes
	sparse  bool  // the kernel was told to wake us for much only
	drained bool  // the last read left nothing
	last    int64 // when that was, as av.Now gives it

	// Arguments and results of receive, which is made once, since a closure made
	// per call would be an allocation per message.
	b       []byte
	wait    bool
	n       int
	err     error
	receive func(fd uintptr) bool
}

// NewReader returns a reader of conn, or nil if conn is not plain TCP.
func NewReader(conn net.Conn) *Reader {
	raw := Raw(conn)
	if raw == nil {
		return nil
	}
	r := &Reader{raw: raw}
	r.receive = func(fd uintptr) bool {
		r.n, r.err = Receive(fd, r.b)
		return !r.wait || !errors.Is(r.err, ErrWouldBlock)
	}
	return r
}

// Follow makes reads wait as p says; nil ends that.
func (r *Reader) Follow(p *Pace) {
	r.pace = p
	r.setSparse(false)
}

// Read implements io.Reader. Its errors are io.EOF, those of deadlines and
// closing that net.Conn has, and *os.SyscallError.
func (r *Reader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for tries := 0; r.pace != nil && r.pace.slow() && tries < patience; tries++ {
		r.setSparse(true)
		if r.drained {
			time.Sleep(r.pace.untilNext(r.last, av.Now()))
		}
		if n, err := r.try(b, false); !errors.Is(err, ErrWouldBlock) {
			return n, err
		}
	}
	r.setSparse(false)
	return r.try(b, true)
}

// try reads once, if wait is set as soon as there is something.
func (r *Reader) try(b []byte, wait bool) (int, error) {
	r.b, r.wait = b, wait
	err := r.raw.Read(r.receive)
	r.b = nil
	if err != nil {
		return 0, err
	}
	n, err := r.n, r.err
	r.drained = n < len(b)
	if r.pace != nil {
		r.last = av.Now()
		if err == nil {
			r.pace.count(r.last)
		}
	}
	switch {
	case err == nil && n == 0:
		return 0, io.EOF
	case err == nil, errors.Is(err, ErrWouldBlock):
		return n, err
	}
	return 0, os.NewSyscallError("recvfrom", err)
}

func (r *Reader) setSparse(on bool) {
	if r.sparse == on {
		return
	}
	r.sparse = on
	bytes := 1
	if on {
		bytes = sparseWake
	}
	wakeAt(r.raw, bytes)
}
