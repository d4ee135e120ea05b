package rtsp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"

	"github.com/weirmedia/weir/pkg/reason"
)

const (
	// flushAfter bounds how long packets wait for others that were announced.
	flushAfter = 5 * time.Millisecond
	// maxHeld bounds what waits, in bytes: most key frames in one write, and not
	// much for each of many players that take nothing.
	maxHeld = 32 << 10
	// deadlineStep is how exact the deadline of writing is. gortsplib moves it for
	// each packet, which was 5 % of the time of 500 players.
	deadlineStep = time.Second
)

// peer is a connection as gortsplib sees it. For gortsplib each packet is a write
// of its own; peer joins those that are announced together, and closes
// connections that do not come to the point. Joining goes by their number, not
// by what is written: below TLS that cannot be seen.
type peer struct {
	net.Conn
	idle    time.Duration
	buffers *sync.Pool   // of *[maxHeld]byte
	coming  atomic.Int64 // packets that were announced and not written yet
	writeBy atomic.Int64 // Unix time in nanoseconds; 0 is never

	mu     sync.Mutex // of writing
	buffer *[maxHeld]byte
	held   []byte // in buffer; empty if that is nil
	flush  *time.Timer
	within int64 // the deadline in force
	err    error // of a write that nobody waited for

	quiet    sync.Mutex
	users    int         // sessions that play or record
	deadline *time.Timer // nil while there are some
	closed   bool
	idled    bool // closed for want of a session

	gone  chan struct{} // closed when the connection has ended
	cause error         // of that; valid then

	settingUp bool // the guard's lock is held for it; of its requests, one at a time
}

func newPeer(nc net.Conn, idle time.Duration, buffers *sync.Pool) *peer {
	p := &peer{Conn: nc, idle: idle, buffers: buffers, gone: make(chan struct{})}
	p.quiet.Lock()
	defer p.quiet.Unlock()
	p.await()
	return p
}

func newBuffers() *sync.Pool { return &sync.Pool{New: func() any { return new([maxHeld]byte) }} }

// peerOf returns the peer below what gortsplib has.
func peerOf(nc net.Conn) *peer {
	if secured, ok := nc.(*tls.Conn); ok {
		nc = secured.NetConn()
	}
	return nc.(*peer)
}

// await gives the other side some time to find something to do. The caller holds
// the lock.
func (p *peer) await() {
	if !p.closed {
		p.deadline = time.AfterFunc(p.idle, p.tire)
	}
}

// tire closes the connection unless there is a session now.
func (p *peer) tire() {
	p.quiet.Lock()
	idle := p.users == 0
	p.idled = idle
	p.quiet.Unlock()
	if idle {
		_ = p.Close() // reading then fails, which ends it
	}
}

// use says that a session plays or records by the connection.
func (p *peer) use() {
	p.quiet.Lock()
	defer p.quiet.Unlock()
	p.users++
	if p.deadline != nil {
		p.deadline.Stop()
		p.deadline = nil
	}
}

// carry makes p what carries a session in place of old, which may be nil or the
// same, and returns p.
func (p *peer) carry(old *peer) *peer {
	if p != old {
		p.use()
		if old != nil {
			old.unuse()
		}
	}
	return p
}

// unuse undoes use.
func (p *peer) unuse() {
	p.quiet.Lock()
	defer p.quiet.Unlock()
	if p.users--; p.users == 0 {
		p.await()
	}
}

// Close closes the connection.
func (p *peer) Close() error {
	p.quiet.Lock()
	p.closed = true
	if p.deadline != nil {
		p.deadline.Stop()
	}
	p.quiet.Unlock()
	return p.Conn.Close()
}

// end says that gortsplib has done with the connection, because of err. It
// returns why if that is the other side's fault and nobody else tells: there is no
// session, and nothing was refused.
func (p *peer) end(err error) (why reason.Reason, failure error) {
	p.cause = err
	close(p.gone)
	_ = p.Close() // of TLS, gortsplib has not
	p.quiet.Lock()
	defer p.quiet.Unlock()
	why, failure = fate(err, reason.PublishTimeout)
	switch {
	case p.idled:
		return reason.HandshakeTimeout, fmt.Errorf("no session within %v", p.idle)
	case p.users == 0 && (why == reason.BadMessage || why == reason.BadHandshake):
		return why, failure
	}
	return "", nil
}

// fateWait bounds how long the end of a session waits for that of its connection,
// which is under way.
const fateWait = time.Second

// fate returns why the connection has ended; silent if nothing came from it.
func (p *peer) fate(silent reason.Reason) (reason.Reason, error) {
	select {
	case <-p.gone:
		return fate(p.cause, silent)
	case <-time.After(fateWait):
		return reason.ClientClosed, nil
	}
}

// fate finds the reason for which a connection ended with err; silent if nothing
// came from it.
func fate(err error, silent reason.Reason) (reason.Reason, error) {
	var network *net.OpError
	var terminated liberrors.ErrServerTerminated
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.As(err, &terminated):
		return reason.ClientClosed, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return silent, err
	case errors.As(err, &record), errors.As(err, &alert):
		return reason.BadHandshake, err
	case errors.As(err, &network):
		return reason.NetworkError, err
	}
	return reason.Of(err, reason.BadMessage), err // an error with a reason is what a request was refused with
}

// announce says that n packets more are to come, right away, or -n fewer. It does
// not block.
func (p *peer) announce(n int) { p.coming.Add(int64(n)) }

// disown takes back what was announced and did not come.
func (p *peer) disown() { p.coming.Store(0) }

// arrived takes note of a write and reports whether others follow. Answers are not
// announced, so the number may become too small, which ends joining early.
func (p *peer) arrived() (more bool) {
	left := p.coming.Add(-1)
	if left < 0 {
		p.coming.CompareAndSwap(left, 0)
	}
	return left > 0
}

// SetWriteDeadline bounds later writes, give or take deadlineStep.
func (p *peer) SetWriteDeadline(t time.Time) error {
	by := int64(0)
	if !t.IsZero() {
		by = t.UnixNano()
	}
	p.writeBy.Store(by)
	return nil
}

// Write sends b, or keeps it if more is to come.
func (p *peer) Write(b []byte) (int, error) {
	more := p.arrived()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil && len(p.held)+len(b) > maxHeld {
		p.send()
	}
	if p.err != nil {
		return 0, p.err
	}
	if len(p.held) == 0 && !more || len(b) > maxHeld {
		return p.write(b)
	}
	p.hold(b)
	if !more {
		p.send()
	}
	return len(b), p.err
}

// hold keeps b for a moment. The caller holds the lock, as for the following.
func (p *peer) hold(b []byte) {
	if p.buffer == nil {
		p.buffer = p.buffers.Get().(*[maxHeld]byte)
		p.held = p.buffer[:0]
		if p.flush == nil {
			p.flush = time.AfterFunc(flushAfter, p.sendLate)
		} else {
			p.flush.Reset(flushAfter)
		}
	}
	p.held = append(p.held, b...)
}

// send writes what is held, if anything.
func (p *peer) send() {
	if p.buffer == nil {
		return
	}
	p.flush.Stop()
	_, p.err = p.write(p.held)
	p.buffers.Put(p.buffer)
	p.buffer, p.held = nil, nil
}

func (p *peer) write(b []byte) (int, error) {
	by := p.writeBy.Load()
	if step := by - p.within; step < 0 || step > int64(deadlineStep) {
		p.within = by
		t := time.Time{}
		if by != 0 {
			t = time.Unix(0, by)
		}
		if err := p.Conn.SetWriteDeadline(t); err != nil {
			return 0, err
		}
	}
	return p.Conn.Write(b)
}

func (p *peer) sendLate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.send() // the next Write returns the error
	}
}
