package rtsp

import (
	prtp "github.com/pion/rtp"
)

// maxLogBytes bounds the packets that a feed keeps: as much as a view's ring.
const maxLogBytes = 64 << 20

// entry is a packet in a log.
type entry struct {
	*prtp.Packet
	outlet      int    // index in the feed's
	unit        uint64 // number of the frame
	first, last bool   // of its frame
	start       bool   // players may begin here
	pts         int64  // of the frame
	arrival     int64  // of the frame
	size        int    // in bytes, as sent
}

// packetLog keeps the packets from the newest start point on, and those of the
// last moments. Positions count from 0 and are never used twice.
type packetLog struct {
	window  int64 // the last moments, in nanoseconds
	entries []entry
	base    uint64 // position of entries[0]
	start   uint64 // position of the newest start point
	started bool   // it is in entries
	bytes   int
}

// head returns the position after the newest packet.
func (l *packetLog) head() uint64 { return l.base + uint64(len(l.entries)) }

func (l *packetLog) at(pos uint64) *entry { return &l.entries[pos-l.base] }

func (l *packetLog) append(e entry) {
	if e.start {
		l.start, l.started = l.head(), true
	}
	l.entries = append(l.entries, e)
	l.bytes += e.size
}

// trim drops what no player needs any more at the time now.
func (l *packetLog) trim(now int64) {
	n := 0
	for ; n < len(l.entries); n++ {
		e := &l.entries[n]
		old := e.arrival < now-l.window && (!l.started || l.base+uint64(n) < l.start)
		if !old && l.bytes <= maxLogBytes {
			break
		}
		l.bytes -= e.size
		*e = entry{} // what was appended to stays reachable until it is copied
	}
	l.entries = l.entries[n:]
	l.base += uint64(n)
	l.started = l.started && l.start >= l.base
}
