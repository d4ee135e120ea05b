package fanout

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// closeTimeout is how long a viewer that is being closed may take for what is
// on its way to it.
const closeTimeout = time.Second

// maxControl bounds the control bytes that wait for a border between messages:
// some thousand answers, far more than an honest client asks for in the time
// of one message.
const maxControl = 64 << 10

// ViewerOptions say how a connection is served. The functions are called by
// the delivery and must not block, Closed aside.
type ViewerOptions struct {
	// Hello, if set, returns what goes before the first prelude, knowing the
	// layout that the viewer begins with.
	Hello func(l *av.Layout) []byte
	// Goodbye, if set, returns the last bytes of a viewer that is closed for why,
	// because of err, which may be nil.
	Goodbye func(why reason.Reason, err error) []byte
	// Closed is called once, on a goroutine of its own, when nothing more will
	// be written. It closes the connection.
	Closed func(why reason.Reason, err error)
}

// Viewer is a connection whose writes go through the delivery. Its methods are
// safe for concurrent use and do not block.
type Viewer struct {
	conn    net.Conn
	raw     syscall.RawConn // nil: driven by a goroutine
	options ViewerOptions
	limits  *atomic.Pointer[Limits]
	driver  driver

	// Owned by the driver.
	cursor  cursor
	session *session.Session // of what the viewer follows; nil before and after
	greeted bool
	paused  bool
	next    *follow // a log of the same view, to change to at a start point
	leaving reason.Reason
	cause   error
	closed  bool
	seat    seat
	lag     lag

	noted atomic.Bool // notes has something for the driver
	mu    sync.Mutex
	notes notes
}

// driver carries out what a viewer asks for.
type driver interface {
	// attend makes the driver look at v soon.
	attend(v *Viewer)
}

// notes is what others want of a viewer. Viewer.mu guards it.
type notes struct {
	control []byte
	follow  *follow
	rest    bool
	stop    bool
	paused  bool
	leave   reason.Reason
	cause   error
	gone    bool // the viewer is finished: nothing is noted any more
}

type follow struct {
	log     *Log
	release func()
	session *session.Session
}

// note changes what is wanted of v, unless it is finished already.
func (v *Viewer) note(change func(n *notes)) (noted bool) {
	v.mu.Lock()
	noted = !v.notes.gone
	if noted {
		change(&v.notes)
		v.noted.Store(true)
	}
	v.mu.Unlock()
	if noted {
		v.driver.attend(v)
	}
	return noted
}

// Control sends b at the next border between messages. It copies b. A viewer
// that lets more than maxControl wait, asking without reading the answers, is
// closed.
func (v *Viewer) Control(b []byte) {
	v.note(func(n *notes) {
		if len(n.control)+len(b) <= maxControl {
			n.control = append(n.control, b...)
			return
		}
		n.end(v, reason.LimitReached, fmt.Errorf("more than %d bytes of answers wait", maxControl))
	})
}

// Follow makes the viewer read log l from its newest start point, or change to
// it at a start point if it reads another log of the same view. release is
// called when the viewer no longer needs l, whatever happens. s is counted and
// told of skips and of what l leaves out meanwhile.
func (v *Viewer) Follow(l *Log, release func(), s *session.Session) {
	l.view.Welcome()
	noted := v.note(func(n *notes) {
		n.abandon()
		n.follow, n.rest, n.stop = &follow{l, release, s}, false, false
	})
	if !noted {
		release()
		return
	}
	s.Without(&l.leftOut)
	s.LagOf(v)
}

// Rest makes the viewer read no log until it follows another of the same view,
// which it joins no earlier than its place, so that nothing comes twice. Control
// bytes still go out.
func (v *Viewer) Rest() {
	v.note(func(n *notes) {
		n.abandon()
		n.rest = true
	})
}

// Stop makes the viewer read no log; control bytes still go out.
func (v *Viewer) Stop() {
	v.note(func(n *notes) {
		n.abandon()
		n.stop, n.paused = true, false
	})
}

func (n *notes) abandon() {
	if n.follow != nil {
		n.follow.release()
		n.follow = nil
	}
}

// Pause keeps the viewer's place without sending, or goes on from it.
func (v *Viewer) Pause(on bool) { v.note(func(n *notes) { n.paused = on }) }

// Close ends the viewer after the message on its way and the goodbye. The
// first reason counts. err, which may be nil, is handed to Closed.
func (v *Viewer) Close(why reason.Reason, err error) {
	v.note(func(n *notes) { n.end(v, why, err) })
}

func (n *notes) end(v *Viewer, why reason.Reason, err error) {
	if n.leave == "" {
		n.leave, n.cause = why, err
		_ = v.conn.SetWriteDeadline(time.Now().Add(closeTimeout)) // a parked write ends by then
	}
}

// deadline lets the next write wait for d. A viewer that is being closed has a
// deadline already, which stays; then set is false.
func (v *Viewer) deadline(d time.Duration) (set bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.notes.leave != "" {
		return false
	}
	_ = v.conn.SetWriteDeadline(time.Now().Add(d)) // fails if closed: so does the write
	return true
}

// take carries out what was noted. The cursor stands at a border.
func (v *Viewer) take() {
	v.mu.Lock()
	n := v.notes
	v.notes.control, v.notes.follow, v.notes.rest, v.notes.stop = nil, nil, false, false
	v.noted.Store(false)
	v.mu.Unlock()

	c := &v.cursor
	c.pending = append(c.pending, n.control...)
	if n.rest {
		v.rest()
	}
	if n.stop {
		v.unfollow()
	}
	if n.follow != nil {
		v.follow(n.follow)
	}
	if v.paused = n.paused; v.paused {
		c.segment, c.behind = nil, true
	}
	if n.leave != "" {
		v.leave(n.leave, n.cause)
	}
}

func (v *Viewer) follow(f *follow) {
	c := &v.cursor
	v.session = f.session
	if v.next != nil {
		v.next.release()
		v.next = nil
	}
	if c.log != nil && c.log.view == f.log.view && c.placed {
		v.next = f
		return
	}
	reached := c.reached
	c.adopt(f.log, f.release)
	c.reached = reached
}

// rest leaves the log, but not the place in the view.
func (v *Viewer) rest() {
	c := &v.cursor
	reached := c.reached
	if c.placed {
		reached = max(c.log.after(c.offset), reached)
	}
	v.unfollow()
	c.reached = reached
}

func (v *Viewer) unfollow() {
	if v.next != nil {
		v.next.release()
		v.next = nil
	}
	v.session = nil
	v.cursor.drop()
	v.lag.forget()
}

// leave makes the goodbye the last thing to be sent.
func (v *Viewer) leave(why reason.Reason, cause error) {
	if v.leaving != "" {
		return
	}
	v.leaving, v.cause = why, cause
	if v.options.Goodbye != nil {
		v.cursor.pending = append(v.cursor.pending[:len(v.cursor.pending):len(v.cursor.pending)], v.options.Goodbye(why, cause)...)
	}
}

// due returns what is to be sent now; nothing if the viewer has all there is
// or, with leaving set, is done. e is the edge of the log that the viewer reads
// and is kept so.
func (v *Viewer) due(e *edge) []byte {
	c := &v.cursor
	for {
		switch {
		case len(c.pending) > 0:
			return c.pending
		case v.noted.Load():
			before := c.log
			v.take()
			if c.log != before && c.log != nil {
				*e = c.log.pull()
			}
			continue
		case v.leaving != "" || c.log == nil:
			return nil
		case v.paused:
			if !e.ended {
				return nil
			}
			v.leave(e.why, e.err)
			continue
		}
		limit := e.offset
		if c.behind {
			v.skip(e)
		}
		if !c.placed && !v.join(e) {
			if !e.ended {
				return nil
			}
			v.leave(e.why, e.err)
			continue
		}
		if v.next != nil {
			limit = v.change(e)
		}
		if len(c.pending) > 0 {
			continue
		}
		if b := c.data(limit); b != nil {
			return b
		}
		c.behind = c.offset < e.offset // the log forgot the place between two looks, or the next log begins
		if !c.behind {
			if !e.ended {
				return nil
			}
			v.leave(e.why, e.err)
		}
	}
}

// skip moves the viewer on if it is behind by too much.
func (v *Viewer) skip(e *edge) {
	c := &v.cursor
	if !c.placed {
		return
	}
	if why, lost := c.lagging(*e, v.limits.Load()); why != "" {
		if n := c.skip(*e, lost); n > 0 {
			v.session.Skipped(why, int(n))
		}
	}
}

// join puts the cursor at the newest start point and reports whether there is
// one that the viewer has not passed.
func (v *Viewer) join(e *edge) bool {
	c := &v.cursor
	s, ok := c.log.newestStart()
	if !ok || s.offset < c.offset || s.position < c.reached {
		return false
	}
	if !v.greeted && v.options.Hello != nil {
		c.pending = v.options.Hello(s.layout)
	}
	v.greeted = true
	c.jump(s, *e)
	v.lag.note(c)
	v.session.LayoutKnown(s.layout)
	return true
}

// change moves to the next log once its first start point at or after the
// viewer's place is known and reached. It returns how far to send until then.
func (v *Viewer) change(e *edge) (limit int64) {
	c := &v.cursor
	other := v.next.log.pull()
	*e = c.log.pull() // or the border might be taken for nearer than it is
	s, ok := v.next.log.startFrom(max(c.log.after(c.offset), c.reached))
	if !ok {
		return e.offset
	}
	if border := c.log.offsetOf(s.position); c.offset < border {
		return min(e.offset, border)
	}
	next := v.next
	v.next = nil
	c.adopt(next.log, next.release)
	c.jump(s, other)
	c.reached = s.position
	*e = other
	return e.offset
}

// sent accounts for n bytes of what due returned. recent describes the newest
// messages before the edge e; lag is told of those that are complete now.
func (v *Viewer) sent(n int, e *edge, recent []mark, lag *LagCounts) {
	c := &v.cursor
	if v.session != nil {
		v.session.Counters().BytesOut.Add(uint64(n))
	}
	if len(c.pending) > 0 {
		if c.pending = c.pending[n:]; len(c.pending) > 0 {
			return
		}
		c.pending = nil
	} else {
		c.offset += int64(n)
		v.lag.note(c)
	}
	if c.log == nil || !c.placed || c.number >= e.messages {
		return
	}
	now, frames := av.Now(), uint64(0)
	observe := func(number uint64, m mark) {
		if m.kind == av.Data {
			return
		}
		frames++
		if number >= c.liveFrom {
			lag.observe(m.kind, now-m.arrival)
		}
	}
	if base := e.messages - uint64(len(recent)); c.offset == e.offset && c.number >= base {
		for ; c.number < e.messages; c.number++ {
			observe(c.number, recent[c.number-base])
		}
		c.version = e.version
	} else {
		next, version := c.log.delivered(c.number, c.offset, observe)
		c.number = max(c.number, next)
		if version != 0 {
			c.version = version
		}
	}
	if frames > 0 && !c.began {
		c.began = true
		v.session.FrameKnown()
	}
	v.session.Counters().FramesOut.Add(frames)
}

// finish gives everything back and tells the owner. It is called once, by the
// driver.
func (v *Viewer) finish(why reason.Reason, err error) {
	v.closed = true
	v.unfollow()
	v.mu.Lock()
	v.notes.abandon()
	v.notes.gone = true
	if v.notes.leave != "" { // what was asked for explains the failing write
		why, err = v.notes.leave, v.notes.cause
	}
	v.mu.Unlock()
	if v.options.Closed != nil {
		go v.options.Closed(why, err)
	}
}

// failure returns the reason for a write error.
func failure(err error) reason.Reason {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return reason.Stalled
	}
	return reason.ClientClosed
}
