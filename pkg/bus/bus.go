package bus

import (
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Limits bounds what streams hold and how long they wait.
type Limits struct {
	// Grace is how long a stream outlives its publisher.
	Grace time.Duration
	// Wait is how long a player waits for a stream that is not there.
	Wait time.Duration
	// PublishTimeout is how long a publisher may send no frame.
	PublishTimeout time.Duration
	// Settle is how much media is awaited before a layout counts as ready
	// although a hinted track is missing.
	Settle time.Duration
	// Streams is the greatest number of streams; 0 means no limit.
	Streams int
	// RingBytes and RingDuration cap what one view retains, the newest frame
	// aside; each frame counts for its payload and about 100 bytes. A GOP beyond
	// them can no longer be joined at its key frame.
	RingBytes    int64
	RingDuration time.Duration
	// Opening is how long a new stream retains all its frames: who records or forwards
	// it learns of it by a Watch, and GOPs may come faster than in real time.
	Opening time.Duration
	// Linger is how long derived views and formats survive their last user.
	Linger time.Duration
	// ForStream returns the limits of one stream, of which those of the bus as a
	// whole, Streams and ForStream itself, do not count; nil for the same for all. It
	// is called with locks held and must not block.
	ForStream func(name string) Limits
}

// limitsOf returns the limits of one stream.
func (b *Bus) limitsOf(name string) Limits {
	l := b.limits.Load()
	if l.ForStream == nil {
		return *l
	}
	return l.ForStream(name)
}

// DefaultLimits returns the limits that weir runs with unless told otherwise.
func DefaultLimits() Limits {
	return Limits{
		Grace:          15 * time.Second,
		Wait:           5 * time.Second,
		PublishTimeout: 15 * time.Second,
		Settle:         time.Second,
		Streams:        10000,
		RingBytes:      64 << 20,
		RingDuration:   30 * time.Second,
		Opening:        time.Second,
		Linger:         5 * time.Second,
	}
}

// Bus holds all streams by name. All methods are safe for concurrent use.
type Bus struct {
	limits   atomic.Pointer[Limits] // immutable
	observer *observer              // nil for none

	mu      sync.Mutex
	streams map[string]*Stream
	waiting map[string]*arrival
	despair map[string]despair
	ended   Totals // of the streams that are gone
	closed  bool

	watches atomic.Pointer[[]*Watch]
	pool    av.Pool
	work    Work
}

// Pool returns where streams put the memory of frames that left them and that
// nobody has, for publishers to use again.
func (b *Bus) Pool() *av.Pool { return &b.pool }

// New returns an empty bus.
func New(limits Limits) *Bus {
	b := &Bus{streams: make(map[string]*Stream), waiting: make(map[string]*arrival), despair: make(map[string]despair)}
	b.limits.Store(&limits)
	b.watches.Store(&[]*Watch{})
	return b
}

// SetLimits changes the limits for what begins from now on: Settle, RingBytes,
// RingDuration and Linger for streams, the others for each wait. Nothing that is there
// has to go.
func (b *Bus) SetLimits(limits Limits) { b.limits.Store(&limits) }

// Claim says who wants to publish.
type Claim struct {
	// Owner identifies the party: a claim on a live stream succeeds only for
	// the owner of the publisher there. Nobody owns what has an empty owner.
	Owner string
	// Session names the publishing session in listings.
	Session string
	// Kill ends the publisher's session. It must not block.
	Kill func(reason.Reason)
	// Refresh asks the publisher to send a key frame soon; nil if it cannot be
	// asked. It must not block.
	Refresh func()
	// Witness is told how the publisher gets on; nil for nobody.
	Witness Witness
}

// Witness is told how a publisher gets on. Its methods are called under locks of
// the bus and must not block.
type Witness interface {
	// LayoutKnown tells of the layout once all tracks are known, and when it has
	// changed then.
	LayoutKnown(l *av.Layout)
	// FrameKnown tells, once, that a frame came at which viewers may begin.
	FrameKnown()
}

// Publish makes name live and returns the handle to write with. It fails with
// a *reason.Error: StreamBusy, LimitReached or Shutdown. A publisher of the
// same owner is taken over, one that has gone is succeeded.
func (b *Bus) Publish(name string, c Claim) (*Publisher, error) {
	p, old, err := b.publish(name, c)
	if old != nil {
		p.stream.plain.wake()
		old.kill(reason.TakenOver)
	}
	if p != nil {
		b.changed(p.stream)
	}
	return p, err
}

// publish does what Publish does but for killing the old publisher, which
// needs that no lock is held.
func (b *Bus) publish(name string, c Claim) (p, old *Publisher, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() {
		if p != nil {
			b.arrived(name)
		}
	}()
	if b.closed {
		return nil, nil, reason.Wrap(reason.Shutdown, fmt.Errorf("the server is stopping"))
	}
	s := b.streams[name]
	if s != nil {
		if p, old, err = s.succeed(c); p != nil || err != nil {
			return p, old, err
		}
		// The stream ended just now; a new one takes its place.
		b.retire(s)
	} else if most := b.limits.Load().Streams; most > 0 && len(b.streams) >= most {
		return nil, nil, reason.Wrap(reason.LimitReached, fmt.Errorf("there are %d streams already (stream.max_streams)", len(b.streams)))
	}
	s = newStream(b, name)
	p, _, err = s.succeed(c) // a new stream refuses nobody
	b.streams[name] = s
	return p, nil, err
}

// Stream returns the stream of that name, or nil.
func (b *Bus) Stream(name string) *Stream {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.streams[name]
}

// Streams returns all streams, ordered by name.
func (b *Bus) Streams() []*Stream {
	b.mu.Lock()
	list := make([]*Stream, 0, len(b.streams))
	for _, s := range b.streams {
		list = append(list, s)
	}
	b.mu.Unlock()
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list
}

// remove drops s if it is still the stream of its name.
func (b *Bus) remove(s *Stream) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.streams[s.name] == s {
		b.retire(s)
	}
}

// Close ends every stream and refuses new ones.
func (b *Bus) Close(why reason.Reason) {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	for _, s := range b.Streams() {
		s.end(why, func() bool { return true })
	}
	if b.observer != nil {
		b.observer.wait()
	}
}
