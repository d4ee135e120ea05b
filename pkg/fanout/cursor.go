package fanout

import (
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// cursor is a viewer's place in a log. It always stands at a border between
// messages: the rest of a message that was sent in part is in pending.
//
// Whoever drives the viewer owns its cursor.
type cursor struct {
	log     *Log
	release func() // gives log back

	placed  bool     // offset is valid
	began   bool     // a frame of log was sent
	segment *segment // holds offset; nil: to be looked up
	offset  int64
	number  uint64 // of the message at offset
	version uint32 // of the prelude that the viewer has; 0: none
	reached uint64 // the viewer had what lies before this view position from other logs

	behind   bool   // more was there than the viewer took
	liveFrom uint64 // messages before this one were catch-up at a join or skip

	pending []byte // goes before anything else; whole messages but for the first
}

// adopt begins with another log.
func (c *cursor) adopt(l *Log, release func()) {
	c.drop()
	c.log, c.release = l, release
}

// drop leaves the log.
func (c *cursor) drop() {
	if c.release != nil {
		c.release()
	}
	*c = cursor{pending: c.pending}
}

// jump moves to start point s; the log ends at e now.
func (c *cursor) jump(s start, e edge) {
	if s.version != c.version {
		c.pending = append(c.pending[:len(c.pending):len(c.pending)], s.prelude...)
	}
	c.placed, c.segment, c.offset, c.number, c.version = true, s.segment, s.offset, s.number, s.version
	c.liveFrom = e.messages
}

// data returns what can be sent next, up to limit, in one piece. It ends at a
// border between messages.
func (c *cursor) data(limit int64) []byte {
	if c.segment == nil {
		c.segment = c.log.segmentAt(c.offset)
	}
	for c.segment != nil && c.offset < limit {
		if end := min(c.segment.end(), limit); c.offset < end {
			return c.segment.buf[c.offset-c.segment.base : end-c.segment.base]
		}
		c.segment = c.segment.next.Load()
	}
	return nil
}

// hold turns the rest of the message that offset lies in into pending bytes
// and lets go of the segment, so that a viewer that waits keeps one segment's
// bytes alive and not all that follow. ok is false if the log has forgotten
// where the message ends.
func (c *cursor) hold() (ok bool) {
	if len(c.pending) == 0 {
		m, ok := c.log.locate(c.offset)
		if !ok {
			return false
		}
		from, to := c.offset-c.segment.base, m.end-c.segment.base
		c.pending = c.segment.buf[from:to:to]
		c.offset, c.version = m.end, m.version
	}
	c.segment = nil
	c.behind = true
	return true
}

// lagging reports why the viewer must skip, if it must.
func (c *cursor) lagging(e edge, limits *Limits) (why reason.Reason, lost bool) {
	if c.offset >= e.offset {
		return "", false
	}
	m, ok := c.log.locate(c.offset)
	switch {
	case !ok:
		return reason.LagTime, true
	case e.offset-c.offset > limits.LagBytes:
		return reason.LagBytes, false
	case time.Duration(av.Now()-m.arrival) > limits.LagTime:
		return reason.LagTime, false
	}
	return "", false
}

// skip moves a lagging viewer to the newest start point. It returns how many
// messages that leaves out; 0 if there is no later point. If the log has lost
// the viewer's place, it must wait for the next start point.
func (c *cursor) skip(e edge, lost bool) (skipped uint64) {
	s, ok := c.log.newestStart()
	switch {
	case ok && s.offset > c.offset:
		skipped = s.number - c.number
		c.jump(s, e)
	case lost:
		skipped = e.messages - c.number
		c.placed, c.segment = false, nil
	}
	return skipped
}
