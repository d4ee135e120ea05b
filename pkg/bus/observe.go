package bus

import (
	"reflect"
	"sync"

	"github.com/weirmedia/weir/pkg/av"
)

// Happening is what became of a stream.
type Happening string

// What can happen. Published and Unpublished of a stream come in pairs, in this
// order: a publisher that is taken over is unpublished before its successor is
// published. LayoutChanged comes between them, when all tracks are known and are
// not those that were told of last.
const (
	Published     Happening = "published"
	Unpublished   Happening = "unpublished"
	LayoutChanged Happening = "layout_changed"
)

// Change tells of a stream.
type Change struct {
	Happening Happening
	// Session is the publisher's, of Unpublished that of who left.
	Session string
	// Info is the stream right after the change, without what its ring holds.
	Info Info
}

// Observe has f told of every change of every stream, those of a stream in their
// order. In contrast to a Watch it leaves nothing out, so f must be quick; it is
// called without locks, by one goroutine at a time that no publisher waits for.
// There is one observer; Observe is called before the first Publish. Close
// returns when f was told of everything.
func (b *Bus) Observe(f func(Change)) { b.observer = newObserver(f) }

// observer tells of changes in the order in which they were noted. Its goroutine
// is there while there is something to tell.
type observer struct {
	tell func(Change)

	mu      sync.Mutex
	idle    *sync.Cond // signals !telling
	queue   []Change
	telling bool
}

func newObserver(tell func(Change)) *observer {
	o := &observer{tell: tell}
	o.idle = sync.NewCond(&o.mu)
	return o
}

func (o *observer) note(c Change) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = append(o.queue, c)
	if !o.telling {
		o.telling = true
		go o.run()
	}
}

func (o *observer) run() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) > 0 {
		batch := o.queue
		o.queue = nil
		o.mu.Unlock()
		for _, c := range batch {
			o.tell(c)
		}
		o.mu.Lock()
	}
	o.telling = false
	o.idle.Broadcast()
}

// wait returns when all was told.
func (o *observer) wait() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.telling {
		o.idle.Wait()
	}
}

// note tells the observer, if there is one, what happened. The caller locks.
func (s *Stream) note(what Happening, session string) {
	if o := s.bus.observer; o != nil {
		o.note(Change{what, session, s.infoLocked(av.Now())})
	}
}

// noteLayout tells of the layout in force if its tracks are new. The caller locks.
func (s *Stream) noteLayout() {
	l := s.layout.Load()
	if s.bus.observer == nil || !l.Ready || reflect.DeepEqual(l.Tracks, s.told) {
		return
	}
	s.told = l.Tracks
	s.note(LayoutChanged, s.session)
}
