package rtp

import (
	"math"

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
	next     uint16            // number of the packet whose turn it is
	end      uint16            // number behind the highest that came; next if none is held
	slots    *[sorterRoom]slot // nil before the first packet: it may never come
	ready    []*prtp.Packet

	counts  SorterCounts
	lateRun int // late ones in a row
}

// slot is for one of the packets from next to end.
type slot struct {
	packet *prtp.Packet // nil if it is missing
	missed int64        // since when, if it is: when the first one behind it came
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

// Missing returns the numbers of the packets that are waited for.
func (s *Sorter) Missing() (numbers []uint16) {
	for n := s.next; n != s.end; n++ {
		if s.slot(n).packet == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// Push takes p, which arrived at now in nanoseconds, and returns the packets whose
// turn it is, valid until the next call.
func (s *Sorter) Push(p *prtp.Packet, now int64) []*prtp.Packet {
	s.ready = s.ready[:0]
	if s.slots == nil {
		s.slots, s.next, s.end = new([sorterRoom]slot), p.SequenceNumber, p.SequenceNumber
	}
	ahead := p.SequenceNumber - s.next
	switch {
	case ahead >= 1<<15 && s.lateRun < maxLateRun, ahead < sorterRoom && s.slot(p.SequenceNumber).packet != nil:
		s.counts.Late++
		s.lateRun++
		return nil
	case ahead >= sorterRoom: // a long loss, or another numbering
		s.release(math.MaxInt64)
		s.next, s.end, ahead = p.SequenceNumber, p.SequenceNumber, 0
	}
	s.lateRun = 0
	if ahead < s.end-s.next {
		s.counts.Reordered++
	} else {
		for ; s.end != p.SequenceNumber; s.end++ {
			s.slot(s.end).missed = now
		}
		s.end++
	}
	s.slot(p.SequenceNumber).packet = p
	s.release(now - s.patience)
	return s.ready
}

func (s *Sorter) slot(number uint16) *slot { return &s.slots[number%sorterRoom] }

// release moves packets to ready up to the first that is missing. Those that have
// been since a time or longer are given up.
func (s *Sorter) release(since int64) {
	for ; s.next != s.end; s.next++ {
		slot := s.slot(s.next)
		switch {
		case slot.packet != nil:
			s.ready = append(s.ready, slot.packet)
			slot.packet = nil
		case slot.missed <= since:
			s.counts.Lost++
		default:
			return
		}
	}
}
