package rtpfeed

import prtp "github.com/pion/rtp"

// maxLogBytes bounds the packets that a feed keeps: as much as a view's ring.
const maxLogBytes = 64 << 20

// Entry is a packet in a log. Players share it and must not change it.
type Entry struct {
	*prtp.Packet
	Outlet      int    // index in the feed's
	Unit        uint64 // number of the frame
	First, Last bool   // of its frame
	Start       bool   // players may begin here
	PTS         int64  // of the frame
	Arrival     int64  // of the frame
	Size        int    // in bytes, as marshalled
}

// Log keeps the packets from the newest start point on, and those of the last
// moments. Positions count from 0 and are never used twice. The lock of its feed
// guards it.
type Log struct {
	window  int64 // the last moments, in nanoseconds
	entries []Entry
	base    uint64 // position of entries[0]
	start   uint64 // position of the newest start point
	started bool   // it is in entries
	bytes   int
	numbers []numbers // of each outlet
}

// Head returns the position after the newest packet.
func (l *Log) Head() uint64 { return l.base + uint64(len(l.entries)) }

// Tail returns the position of the oldest packet.
func (l *Log) Tail() uint64 { return l.base }

// Start returns the position of the newest start point. ok is false if there is
// none yet.
func (l *Log) Start() (pos uint64, ok bool) { return l.start, l.started }

// At returns the packet at pos, which must be there.
func (l *Log) At(pos uint64) *Entry { return &l.entries[pos-l.base] }

// Newest returns how many packets the newest frame has.
func (l *Log) Newest() (n uint64) {
	for pos := l.Head(); pos > l.base; {
		pos--
		n++
		if l.At(pos).First {
			break
		}
	}
	return n
}

// Numbered returns the packet of an outlet with a sequence number, nil if it is
// not there any more.
func (l *Log) Numbered(outlet int, number uint16) *Entry {
	pos := l.numbers[outlet].at[number%numbersKept]
	if pos < l.base || pos >= l.Head() {
		return nil
	}
	if e := l.At(pos); e.Outlet == outlet && e.SequenceNumber == number {
		return e
	}
	return nil
}

// numbersKept is for how many packets of an outlet it is known where they are: a
// second of 10 Mbit/s, for who asks for lost ones.
const numbersKept = 1024

// numbers tells where the packets of an outlet are, by their numbers.
type numbers struct{ at [numbersKept]uint64 }

func (l *Log) append(e Entry) {
	if e.Start {
		l.start, l.started = l.Head(), true
	}
	for len(l.numbers) <= e.Outlet {
		l.numbers = append(l.numbers, numbers{})
	}
	l.numbers[e.Outlet].at[e.SequenceNumber%numbersKept] = l.Head()
	l.entries = append(l.entries, e)
	l.bytes += e.Size
}

// trim drops what no player needs any more at the time now.
func (l *Log) trim(now int64) {
	n := 0
	for ; n < len(l.entries); n++ {
		e := &l.entries[n]
		old := e.Arrival < now-l.window && (!l.started || l.base+uint64(n) < l.start)
		if !old && l.bytes <= maxLogBytes {
			break
		}
		l.bytes -= e.Size
		*e = Entry{} // what was appended to stays reachable until it is copied
	}
	l.entries = l.entries[n:]
	l.base += uint64(n)
	l.started = l.started && l.start >= l.base
}
