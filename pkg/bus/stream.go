package bus

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// State is where a stream is in its life.
type State string

// The states of a stream.
const (
	Live  State = "live"  // a publisher is there
	Grace State = "grace" // the publisher is gone and may return
	Ended State = "ended"
)

// Stream is a name under which frames flow. It outlives its publisher by the
// grace period. All methods are safe for concurrent use.
type Stream struct {
	bus   *Bus
	name  string
	since time.Time
	plain *View

	layout atomic.Pointer[av.Layout]

	mu       sync.Mutex
	state    State
	turn     uint64 // publishers that there were
	pub      *Publisher
	left     *Publisher // the last one that left
	owner    string
	session  string
	told     []*av.Track // to the observer
	epoch    uint64
	timeline timeline
	deadline *time.Timer // of grace, or of the publisher's silence
	stats    stats
}

func newStream(b *Bus, name string) *Stream {
	s := &Stream{bus: b, name: name, since: time.Now(), state: Grace}
	s.plain = newView(s, b.limitsOf(name))
	s.plain.ring.recycles = true // frames of derived views may be in the plain one too
	s.layout.Store(&av.Layout{})
	return s
}

// Name returns the stream's name.
func (s *Stream) Name() string { return s.name }

// Plain returns the view that shows the stream as it was published.
func (s *Stream) Plain() *View { return s.plain }

// Layout returns the layout now in force; it has no tracks before the first
// publisher names one.
func (s *Stream) Layout() *av.Layout { return s.layout.Load() }

// succeed makes c the publisher in place of old, if there is one, whom the
// caller kills; then the caller wakes the plain view. All results are nil if the
// stream has ended.
func (s *Stream) succeed(c Claim) (p, old *Publisher, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == Ended {
		return nil, nil, nil
	}
	old = s.pub
	if old != nil && (c.Owner == "" || s.owner != c.Owner) {
		return nil, nil, reason.Wrap(reason.StreamBusy, fmt.Errorf("%q is being published by somebody else", s.name))
	}
	if old != nil {
		s.plain.leave(s.settle())
		s.state, s.pub = Grace, nil
		s.unpublished()
	}
	p = &Publisher{stream: s, kill: c.Kill, refresh: c.Refresh, witness: c.Witness}
	s.pub, s.owner, s.session, s.state = p, c.Owner, c.Session, Live
	s.turn++
	s.timeline.newPublisher()
	s.arm(s.bus.limitsOf(s.name).PublishTimeout, p.checkSilence)
	p.lastFrame.Store(av.Now())
	s.note(Published, s.session)
	return p, old, nil
}

func (s *Stream) arm(d time.Duration, f func()) {
	if s.deadline != nil {
		s.deadline.Stop()
	}
	s.deadline = time.AfterFunc(d, f)
}

// leave begins the grace period if p is still the publisher.
func (s *Stream) leave(p *Publisher) {
	if s.release(p) {
		s.plain.wake()
		s.bus.changed(s)
	}
}

// release does what leave does to the stream, and reports whether p was the publisher.
func (s *Stream) release(p *Publisher) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pub != p {
		return false
	}
	s.arm(s.bus.limitsOf(s.name).Grace, func() { s.expire(p) })
	s.pub, s.left, s.state = nil, p, Grace
	s.plain.leave(s.settle())
	s.unpublished()
	return true
}

// expire ends the stream unless a publisher came after the one that left.
func (s *Stream) expire(left *Publisher) {
	s.end(reason.StreamEnded, func() bool { return s.state == Grace && s.left == left })
}

// end ends the stream if it has not ended yet and still may, which is asked
// under the lock.
func (s *Stream) end(why reason.Reason, still func() bool) {
	s.mu.Lock()
	if s.state == Ended || !still() {
		s.mu.Unlock()
		return
	}
	pub := s.pub
	s.state, s.pub = Ended, nil
	s.deadline.Stop()
	s.plain.settle(s.settle())
	if pub != nil {
		s.unpublished()
	}
	s.mu.Unlock()
	s.bus.remove(s)
	s.bus.changed(s)
	if pub != nil {
		pub.kill(why)
	}
	s.plain.end(why)
}

// unpublished forgets the publisher's session and tells of its end. The caller
// locks.
func (s *Stream) unpublished() {
	session := s.session
	s.session = ""
	s.note(Unpublished, session)
}

// settle returns the layout in force after the publisher is gone: no track is to
// come any more. The caller locks.
func (s *Stream) settle() *av.Layout {
	if !s.layout.Load().Ready {
		s.setLayout(func(l *av.Layout) { l.Ready = true })
	}
	return s.layout.Load()
}

// setLayout puts a changed copy of the layout in force. The caller locks.
func (s *Stream) setLayout(change func(l *av.Layout)) {
	l := *s.layout.Load()
	change(&l)
	s.epoch++
	l.Epoch = s.epoch
	s.layout.Store(&l)
	if p := s.pub; l.Ready && p != nil && p.witness != nil {
		p.witness.LayoutKnown(&l)
	}
	s.noteLayout()
}
