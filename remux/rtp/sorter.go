package rtp

import (
	prtp "github.com/pion/rtp"
)

// sorterRoom is how many packets a Sorter holds at most, a power of two: two
// seconds at 5 Mbit/s in packets of 1200 bytes.
const sorterRoom = 1024

// Sorter puts the packets of one source in the order of their numbers, where some
// come late because the network or a retransmission delayed them. It drops those
// that come twice or after their turn.
type Sorter struct {
	patience int64
	began    bool
	next     uint16 // number of the packet whose turn it is
	highest  uint16 // number of the last one held, if there are some
	held     [sorterRoom]*prtp.Packet
	count    int
	since    int64 // when the packet whose turn it is was first missed
	ready    []*prtp.Packet

	counts  SorterCounts
	lateRun int // late ones in a row
}

// SorterCounts say what a Sorter met.
type SorterCounts struct {
	// Lost counts packets that did not come in time, Reordered those that did and
	// that came behind a later one, Late those that came too late or twice.
	Lost, Reordered, Late uint64
}

// maxLateRun is how many packets in a row may be late before they are taken for
// those of a source that counts anew.
const maxLateRun = 64

// NewSorter returns a Sorter that waits patience nanoseconds for a packet that is
// missing.
func NewSorter(patience int64) *Sorter { return &Sorter{patience: patience} }

// Counts returns what s met so far.
func (s *Sorter) Counts() SorterCounts { return s.counts }

// Push takes p, which arrived at now in nanoseconds, and returns the packets whose
// turn it is, valid until the next call.
func (s *Sorter) Push(p *prtp.Packet, now int64) []*prtp.Packet {
	s.ready = s.ready[:0]
	if !s.began {
		s.began, s.next = true, p.SequenceNumber
	}
	ahead := p.SequenceNumber - s.next
	switch {
	case ahead >= 1<<15 && s.lateRun < maxLateRun, s.held[p.SequenceNumber%sorterRoom] != nil && ahead < sorterRoom:
		s.counts.Late++
		s.lateRun++
		return nil
	case ahead >= sorterRoom: // a long loss, or another numbering
		s.flush()
		s.next, ahead = p.SequenceNumber, 0
	}
	s.lateRun = 0
	if s.count > 0 && ahead < s.highest-s.next {
		s.counts.Reordered++
	}
	if s.count == 0 || ahead > s.highest-s.next {
		s.highest = p.SequenceNumber
	}
	s.held[p.SequenceNumber%sorterRoom] = p
	s.count++
	s.release()
	for s.count > 0 { // the packet whose turn it is is missing
		if s.since == 0 {
			s.since = now
		}
		if now-s.since < s.patience {
			break
		}
		s.skip()
	}
	return s.ready
}

// release moves packets without a gap to ready.
func (s *Sorter) release() {
	for s.count > 0 {
		slot := &s.held[s.next%sorterRoom]
		if *slot == nil {
			return
		}
		s.ready = append(s.ready, *slot)
		*slot = nil
		s.next++
		s.count--
		s.since = 0
	}
	s.since = 0
}

// skip gives up the packets that are missing before the first held.
func (s *Sorter) skip() {
	for s.held[s.next%sorterRoom] == nil {
		s.next++
		s.counts.Lost++
	}
	s.release()
}

func (s *Sorter) flush() {
	for s.count > 0 {
		s.skip()
	}
}
