package fanout

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// Muxer turns frames into the bytes of one format. It knows no socket and is
// called by one goroutine at a time.
type Muxer interface {
	// AppendPrelude appends what a viewer must have before frames of layout l:
	// metadata and codec headers, stamped with dts. An error ends the log.
	AppendPrelude(dst []byte, l *av.Layout, dts int64) ([]byte, error)
	// AppendChange appends what a viewer whose stream goes on must have when
	// layout to takes the place of layout from; nothing if it needs nothing. An
	// error, such as that the format cannot express the change, ends the log.
	AppendChange(dst []byte, from, to *av.Layout, dts int64) ([]byte, error)
	// AppendFrame appends f as whole messages; nothing if the format cannot
	// carry its codec. l is the layout in force, after selection; what f.Layout
	// says is not asked for. start reports that viewers may begin at f. An error
	// ends the log, unless it is av.ErrLeftOut with dst as it was.
	//
	// A muxer may hold frames back. What it appends then at the next start point,
	// before that point's own frame, must be such that viewers may begin there:
	// so it holds from a start point on only, and appends what it has at a change
	// of layout. It implements Ender.
	AppendFrame(dst []byte, f *av.Frame, l *av.Layout, start bool) ([]byte, error)
}

// Key names a log within its view.
type Key struct {
	// Format names the format; counters are kept by it.
	Format    string
	Selection av.Selection
	// Settled says that the format must name all tracks at its start: frames are
	// held back until their layout is ready. See bus.View.ReadSettled.
	Settled bool
	// Borrows says that the muxer keeps nothing of a frame, nor of its payload,
	// once AppendFrame has returned, so that their memory can be used again. It
	// has no effect on a settled log.
	Borrows bool
	// Variant tells logs of one format with other parameters apart.
	Variant any
}

// Log is an append-only byte stream with an index of its messages. It is
// written when somebody reads: pull serialises what the view has gained. Its
// tail follows the ring's.
type Log struct {
	view   *bus.View
	key    Key
	mux    Muxer
	counts *FormatCounts
	out    *slog.Logger

	leftOut session.LeftOut

	mu       sync.Mutex
	position uint64 // in the view, of the next frame to write
	batch    [32]bus.Entry
	resync   bool   // drop frames until a start point
	starting bool   // viewers may begin at the next frame that the muxer gets
	owed     bool   // the next message is a start point
	finished bool   // what the muxer held at the end is written
	prelude  []byte // of that start point

	checked  *av.Layout // of the newest frame
	layout   *av.Layout // of the newest frame written, before selection
	selected *av.Layout // the same, after selection
	dropped  []int      // the ids of its tracks that the format cannot carry
	version  uint32     // grows whenever the prelude's bytes change
	plain    []byte     // the prelude stamped 0, to see whether it changes

	tail, head *segment
	capacity   int // of the next segment
	rolled     int64
	index      index
	starts     []start // ascending; those with entries still in the index
	err        error
}

// start is a point at which viewers may begin.
type start struct {
	number   uint64 // of the message
	position uint64 // of its frame in the view
	offset   int64
	segment  *segment
	version  uint32
	layout   *av.Layout // after selection
	prelude  []byte
}

// edge is where a log ends at the moment.
type edge struct {
	offset   int64
	messages uint64 // how many were ever written
	version  uint32
	ended    bool // nothing follows
	why      reason.Reason
	err      error
}

// Open returns the log of key over view v, shared by all who ask for the same,
// and a function that gives it back. newMuxer is called if there is none yet.
func (d *Delivery) Open(v *bus.View, key Key, newMuxer func() Muxer) (*Log, func(), error) {
	return bus.Acquire(v, key, func() (*Log, error) {
		l := &Log{
			view: v, key: key, mux: newMuxer(), counts: d.stats.format(key.Format), out: d.log,
			resync: true, capacity: minSegment,
		}
		l.head = newSegment(0, minSegment)
		l.tail = l.head
		l.position, _ = v.NewestStart()
		l.counts.opened(l)
		return l, nil
	})
}

var _ bus.Breakable = (*Log)(nil)

// Broken implements bus.Breakable: whoever comes after a failure gets a new log.
func (l *Log) Broken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err != nil
}

// Close implements io.Closer for the view that shares the log.
func (l *Log) Close() error {
	l.counts.closed(l)
	return nil
}

// pull writes what the view has gained and returns the log's edge.
func (l *Log) pull() edge {
	ended := l.viewEnded() // before reading, so that no frame is missed
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.err == nil {
		entries, first := l.read()
		if first > l.position {
			l.position, l.resync = first, true
			l.counts.Overruns.Add(1)
		}
		for _, e := range entries {
			l.write(e)
			l.position++
		}
		clear(entries)
		l.trim(l.readDone())
		if len(entries) < len(l.batch) {
			break // that was all
		}
	}
	if ended && l.err == nil {
		l.finish()
	}
	e := edge{offset: l.head.end(), messages: l.index.next, version: l.version, ended: ended}
	if ended {
		e.why = l.view.End()
	}
	if l.err != nil {
		e.ended, e.err, e.why = true, l.err, reason.Of(l.err, reason.InternalError)
	}
	return e
}

// read returns what the view has gained, until readDone.
func (l *Log) read() (entries []bus.Entry, first uint64) {
	switch {
	case l.key.Settled:
		return l.view.ReadSettled(l.position, l.batch[:])
	case l.key.Borrows:
		return l.view.Borrow(l.position, l.batch[:])
	}
	return l.view.Read(l.position, l.batch[:])
}

// readDone returns the position of the oldest frame that the view holds.
func (l *Log) readDone() (tail uint64) {
	if l.key.Borrows && !l.key.Settled {
		return l.view.Return()
	}
	return l.view.Tail()
}

func (l *Log) viewEnded() bool {
	select {
	case <-l.view.Done():
		return true
	default:
		return false
	}
}

// write serialises one frame, preceded by a new prelude if the layout changed.
func (l *Log) write(e bus.Entry) {
	if e.Start {
		l.resync, l.starting, l.owed = false, true, true
	}
	if e.Layout != l.checked {
		l.checked = e.Layout
		l.err = l.check(e.Layout)
	}
	if l.resync || !l.key.Selection.Has(e.Track.Kind) || l.err != nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			l.err = reason.Wrap(reason.InternalError, fmt.Errorf("%s remuxer panicked: %v", l.key.Format, p))
		}
	}()
	if e.Layout != l.layout {
		l.changeLayout(e)
	}
	if l.err != nil || slices.Contains(l.dropped, e.Track.ID) {
		return
	}
	starting := l.starting
	if starting {
		l.starting = false
		if l.prelude, l.err = l.mux.AppendPrelude(nil, l.selected, e.DTS); l.err != nil {
			return
		}
	}
	begin, segment := l.append(len(e.Payload), func(dst []byte) ([]byte, error) {
		dst, err := l.mux.AppendFrame(dst, e.Frame, l.selected, starting)
		if errors.Is(err, av.ErrLeftOut) {
			l.counts.LeftOut.Add(1)
			return dst, nil
		}
		return dst, err
	})
	if l.head.end() == begin {
		return // the format leaves it out, or the muxer holds it
	}
	if l.owed {
		l.addStart(begin, segment)
	}
	l.add(e, e.Track.Kind)
	l.counts.Frames.Add(1)
}

// addStart enters a point at which viewers may begin: the message at begin.
func (l *Log) addStart(begin int64, segment *segment) {
	l.owed = false
	l.starts = append(l.starts, start{
		number: l.index.next, position: l.position, offset: begin, segment: segment,
		version: l.version, layout: l.selected, prelude: l.prelude,
	})
}

// check fails if the layout is complete and nothing of it is selected: viewers
// would wait for ever.
func (l *Log) check(layout *av.Layout) error {
	if layout.Ready && layout.Lacks(l.key.Selection) {
		return reason.Wrap(reason.Unsupported, errors.New("the stream has no track of those that were asked for"))
	}
	return nil
}

// changeLayout puts e's layout in force. Running viewers get the change as a
// message of its own, unless the prelude's bytes are those that they have.
func (l *Log) changeLayout(e bus.Entry) {
	before := l.selected
	l.layout, l.selected = e.Layout, e.Layout.Select(l.key.Selection)
	var plain []byte
	if plain, l.err = l.mux.AppendPrelude(nil, l.selected, 0); l.err != nil {
		return
	}
	l.drop()
	l.omit()
	if bytes.Equal(plain, l.plain) {
		return
	}
	l.plain = plain
	l.version++
	if before == nil {
		return // nobody runs yet: the first start point has it
	}
	begin, _ := l.append(len(plain), func(dst []byte) ([]byte, error) {
		return l.mux.AppendChange(dst, before, l.selected, e.DTS)
	})
	if l.head.end() > begin {
		l.add(e, av.Data)
	}
	l.owed = l.starting // what the muxer held is out: what follows of that group is no start point
}

// drop finds the tracks that the format cannot carry, so that a start point is
// not taken for begun with a frame that is left out.
func (l *Log) drop() {
	l.dropped = l.dropped[:0]
	if len(l.selected.Tracks) < 2 {
		return // the prelude says that it can
	}
	for _, t := range l.selected.Tracks {
		if _, err := l.mux.AppendPrelude(nil, &av.Layout{Tracks: []*av.Track{t}, Ready: true}, 0); err != nil {
			l.dropped = append(l.dropped, t.ID)
		}
	}
}

// add enters the message just appended into the index.
func (l *Log) add(e bus.Entry, kind av.Kind) {
	l.index.append(entry{end: l.head.end(), position: l.position, arrival: e.Arrival, version: l.version, kind: kind})
}

// append lets f append one message of about size bytes and publishes it. It
// returns where the message begins. A message never spans segments.
func (l *Log) append(size int, f func(dst []byte) ([]byte, error)) (begin int64, s *segment) {
	if free := len(l.head.buf) - int(l.head.size.Load()); free < size+size/64+256 {
		l.roll(size + size/64 + 256)
	}
	s = l.head
	n := int(s.size.Load())
	out, err := f(s.buf[:n])
	if err != nil {
		l.err = err
		return s.end(), s
	}
	if len(out) > 0 && &out[0] != &s.buf[0] { // f moved the bytes to a larger array
		message := out[n:]
		l.roll(len(message))
		s, n = l.head, 0
		out = s.buf[:copy(s.buf, message)]
	}
	begin = s.base + int64(n)
	l.counts.Bytes.Add(uint64(len(out) - n))
	s.size.Store(int64(len(out)))
	return begin, s
}

// roll starts a segment of at least size bytes.
func (l *Log) roll(size int) {
	now := av.Now()
	if now-l.rolled < int64(time.Second) {
		l.capacity = min(2*l.capacity, maxSegment)
	}
	l.rolled = now
	next := newSegment(l.head.end(), max(l.capacity, size))
	l.head.next.Store(next)
	l.head = next
}

// trim forgets the messages of frames before position tail, which the ring no
// longer holds.
func (l *Log) trim(tail uint64) {
	l.index.dropBefore(tail)
	forgotten := 0
	for forgotten < len(l.starts) && l.starts[forgotten].number < l.index.first {
		forgotten++
	}
	l.starts = slices.Delete(l.starts, 0, forgotten) // which leaves no segment behind
	for l.tail != l.head && l.tail.end() <= l.index.begin {
		l.tail = l.tail.next.Load()
	}
}

// newestStart returns the newest point at which a viewer may begin.
func (l *Log) newestStart() (start, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.starts) == 0 {
		return start{}, false
	}
	return l.starts[len(l.starts)-1], true
}

// startFrom returns the first start point whose message came from position or
// later in the view.
func (l *Log) startFrom(position uint64) (start, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.starts {
		if s.position >= position {
			return s, true
		}
	}
	return start{}, false
}

// after returns the view position after the frame of the last message that ends
// at or before offset, or of the message there if the index knows none before.
func (l *Log) after(offset int64) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := &l.index
	number := x.search(func(e *entry) bool { return e.end > offset })
	switch {
	case number > x.first:
		return x.at(number-1).position + 1
	case number < x.next:
		return x.at(number).position
	}
	return l.position
}

// offsetOf returns where the messages made from view positions below position
// end; the index's begin if it has forgotten them.
func (l *Log) offsetOf(position uint64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := &l.index
	number := x.search(func(e *entry) bool { return e.position >= position })
	if number == x.first {
		return x.begin
	}
	return x.at(number - 1).end
}

// locate returns the message that holds offset. ok is false if it has left the
// index or is not written yet.
func (l *Log) locate(offset int64) (m message, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := &l.index
	number := x.search(func(e *entry) bool { return e.end > offset })
	if number >= x.next || offset < x.begin {
		return message{}, false
	}
	e := x.at(number)
	return message{number: number, end: e.end, arrival: e.arrival, version: e.version}, true
}

// segmentAt returns the segment that holds offset, or the newest if offset is
// the log's end; nil if it was forgotten.
func (l *Log) segmentAt(offset int64) *segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	if offset < l.tail.base {
		return nil
	}
	s := l.tail
	for s != l.head && offset >= s.end() {
		s = s.next.Load()
	}
	return s
}

// delivered calls f for the messages from number on that end at or before
// offset and returns the number of the first that does not, and the version of
// the last that does; 0 if there is none. Messages that the index has forgotten
// are passed over if they end before offset; if it cannot tell, none counts.
func (l *Log) delivered(number uint64, offset int64, f func(number uint64, m mark)) (next uint64, version uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if offset < l.index.begin {
		return number, 0
	}
	number = max(number, l.index.first)
	for number < l.index.next && l.index.at(number).end <= offset {
		e := l.index.at(number)
		f(number, mark{e.arrival, e.kind})
		version = e.version
		number++
	}
	return number, version
}

// marks appends the messages from number up to, not including, next to dst.
func (l *Log) marks(dst []mark, number, next uint64) []mark {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ; number < next; number++ {
		if number < l.index.first {
			dst = append(dst, mark{kind: av.Data})
			continue
		}
		e := l.index.at(number)
		dst = append(dst, mark{e.arrival, e.kind})
	}
	return dst
}

// size returns the bytes that the log's segments hold.
func (l *Log) size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var n int64
	for s := l.tail; s != nil; s = s.next.Load() {
		n += int64(len(s.buf))
	}
	return n
}
