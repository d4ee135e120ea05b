package bus

import "github.com/weirmedia/weir/pkg/av"

// Totals adds up all streams since the start, those that have ended included,
// for metrics. Every number that is not of the moment only grows from one call
// to the next.
type Totals struct {
	// Live and Grace are the streams at this moment, by state.
	Live, Grace int
	// RingBytes and RingFrames are what the rings of all views hold at this
	// moment. A frame that several views pass on counts in each.
	RingBytes  int64
	RingFrames uint64

	Bytes           uint64 // of payload
	FramesByKind    [av.Kinds]uint64
	FramesEarly     uint64 // dropped before a first key frame
	ClockJumps      uint64 // treated by the timeline
	FramesCorrected uint64 // DTS clamped
}

// Totals returns the totals. Streams are looked at one after the other.
func (b *Bus) Totals() Totals {
	b.mu.Lock()
	t := b.ended
	list := make([]*Stream, 0, len(b.streams))
	for _, s := range b.streams {
		list = append(list, s)
	}
	b.mu.Unlock()
	// A stream that ends from here on is still counted, once, as one of list.
	for _, s := range list {
		switch t.count(s) {
		case Live:
			t.Live++
		case Grace:
			t.Grace++
		}
		s.plain.addHeld(&t)
	}
	return t
}

// retire takes s, which has ended, out of the bus and keeps what it counted.
// The caller holds b.mu.
func (b *Bus) retire(s *Stream) {
	b.ended.count(s)
	delete(b.streams, s.name)
}

// count adds what s took in and returns its state.
func (t *Totals) count(s *Stream) State {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Bytes += s.stats.bytes
	for kind, n := range s.stats.framesByKind {
		t.FramesByKind[kind] += n
	}
	t.FramesEarly += s.stats.early
	t.ClockJumps += s.timeline.jumps
	t.FramesCorrected += s.timeline.corrected
	return s.state
}

// addHeld adds what the rings of v and of the views derived from it hold.
func (v *View) addHeld(t *Totals) {
	v.mu.Lock()
	t.RingBytes += v.ring.bytes
	t.RingFrames += v.ring.head - v.ring.tail
	v.mu.Unlock()
	for _, d := range v.shared.derived() {
		d.addHeld(t)
	}
}

// derived returns the views among what is shared.
func (s *sharedSet) derived() []*View {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*View
	for _, e := range s.values {
		if d, ok := e.value.(*derivedView); ok {
			out = append(out, d.View)
		}
	}
	return out
}
