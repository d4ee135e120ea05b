package fanout

import (
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/session"
)

// lag is where a viewer is, for those who ask how far it is behind. Its driver
// writes it, with one atomic store for each send.
type lag struct {
	known  *Log // as the driver has stored it
	log    atomic.Pointer[Log]
	offset atomic.Int64
}

// note takes in where the cursor is. While the log changes there is none, so that
// nobody takes a place in one for a place in the other.
func (l *lag) note(c *cursor) {
	if l.known == c.log {
		l.offset.Store(c.offset)
		return
	}
	l.log.Store(nil)
	l.offset.Store(c.offset)
	l.log.Store(c.log)
	l.known = c.log
}

// forget says that the viewer reads no log.
func (l *lag) forget() {
	l.log.Store(nil)
	l.known = nil
}

var _ session.Lagger = (*Viewer)(nil)

// Lag implements session.Lagger: what the kernel has taken counts as sent.
func (v *Viewer) Lag() (time.Duration, bool) {
	log := v.lag.log.Load()
	offset := v.lag.offset.Load()
	if log == nil || v.lag.log.Load() != log {
		return 0, false
	}
	return log.lag(offset), true
}

// lag returns for how long the oldest message that ends after offset has been
// there; 0 if there is none.
func (l *Log) lag(offset int64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := &l.index
	number := x.search(func(e *entry) bool { return e.end > offset })
	if number == x.next {
		return 0
	}
	return time.Duration(av.Now() - x.at(number).arrival)
}
