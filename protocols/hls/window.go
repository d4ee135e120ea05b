package hls

import (
	"time"

	"github.com/weirmedia/weir/protocols/hls/segment"
)

// piece is a segment. It is immutable once it has ended.
type piece struct {
	segment.Head
	number          uint64 // media sequence number
	discontinuities uint64 // before this one
	parts           []*segment.Part
	bytes           []byte // of all parts, once it has ended
	duration        time.Duration
	size            int64
	pictures        int
}

func (p *piece) add(part *segment.Part) {
	p.parts = append(p.parts, part)
	p.duration += part.Duration
	p.size += int64(len(part.Bytes))
	p.pictures += part.Pictures
}

// join puts the bytes of all parts into one array, as which they are sent with
// few calls. The parts that snapshots have stay as they are.
func (p *piece) join() {
	parts := make([]segment.Part, len(p.parts))
	joined := make([]*segment.Part, len(p.parts))
	p.bytes = make([]byte, 0, p.size)
	for i, part := range p.parts {
		begin := len(p.bytes)
		p.bytes = append(p.bytes, part.Bytes...)
		parts[i] = *part
		parts[i].Bytes = p.bytes[begin:len(p.bytes):len(p.bytes)]
		joined[i] = &parts[i]
	}
	p.parts = joined
}

func (p *piece) end() int64 { return p.Start + int64(p.duration) }

// gap reports whether there is no media in p, as far as it goes.
func (p *piece) gap() bool { return p.size == 0 }

// window is the segments that a muxer keeps: those in the playlist and, so that
// players can finish what they began, those that left it not long ago. It is the
// sink of a segmenter.
type window struct {
	count    int   // segments in the playlist
	maxBytes int64 // of all that is kept

	ended  []*piece // oldest first
	listed int      // ended[listed:] are in the playlist
	open   *piece   // nil if none is

	target      time.Duration // of the segmenter; 0 until the first segment has ended
	counts      counts        // what was made
	next        uint64        // number of the next segment
	breaks      uint64        // discontinuities so far
	bytes       int64
	independent bool          // all segments so far begin with a key frame
	peak        float64       // see measure
	overlong    time.Duration // the newest segment that no key frame followed; 0 if there was none
	capped      bool          // segments left for want of room
}

// counts says how much was made.
type counts struct {
	segments uint64 // that ended, gaps too
	parts    uint64
	leftOut  uint64 // frames that the format cannot express
}

var _ segment.Sink = (*window)(nil)

func newWindow(first uint64, count int, maxBytes int64) *window {
	// Discontinuities are numbered from first on too: they cannot outrun segments,
	// so that a player which meets a new muxer sees both numbers grow.
	return &window{next: first, breaks: first, count: count, maxBytes: maxBytes, independent: true}
}

// Begin implements segment.Sink.
func (w *window) Begin(h segment.Head) { w.open = w.piece(h) }

func (w *window) piece(h segment.Head) *piece {
	p := &piece{Head: h, number: w.next, discontinuities: w.breaks}
	w.next++
	if h.Discontinuity {
		w.breaks++
	}
	return p
}

// Part implements segment.Sink.
func (w *window) Part(p *segment.Part) {
	if w.open.pictures == 0 && p.Pictures > 0 && !p.Independent {
		w.independent = false
	}
	w.open.add(p)
	w.bytes += int64(len(p.Bytes))
	w.counts.parts++
	w.counts.leftOut += uint64(p.LeftOut)
}

// End implements segment.Sink.
func (w *window) End() {
	p := w.open
	w.open = nil
	p.join()
	w.add(p)
}

// Gap implements segment.Sink.
func (w *window) Gap(h segment.Head, d time.Duration) {
	p := w.piece(h)
	p.duration = d
	w.add(p)
}

// Overlong implements segment.Sink.
func (w *window) Overlong(d time.Duration) { w.overlong = d }

func (w *window) add(p *piece) {
	// A copy, for snapshots share the array.
	w.ended = append(append(make([]*piece, 0, len(w.ended)+1), w.ended...), p)
	w.counts.segments++
}

// holdBack is how many target durations a playlist has at least (RFC 8216bis
// 6.2.2).
const holdBack = 3

// measure notes the peak segment bit rate in bits per second: the largest of
// consecutive segments that last 0.5 to 1.5 target durations together (RFC 8216,
// 4.1). A lone key frame would seem a great rate.
func (w *window) measure() {
	for i := range w.ended {
		var size int64
		var d time.Duration
		for _, p := range w.ended[i:] {
			size, d = size+p.size, d+p.duration
			if 2*d > 3*w.target {
				break
			}
			if 2*d >= w.target {
				w.peak = max(w.peak, float64(size)*8/d.Seconds())
			}
		}
	}
}

// trim drops what needs not or cannot be kept.
func (w *window) trim() {
	listed := w.duration()
	for len(w.ended)-w.listed > w.count && listed-w.ended[w.listed].duration >= holdBack*w.target {
		listed -= w.ended[w.listed].duration
		w.listed++
	}
	// A segment stays for its own duration and that of the longest playlist that
	// had it (6.2.2).
	drop, newest := 0, w.newest()
	for drop < w.listed && newest-w.ended[drop].end() > int64(2*listed+w.ended[drop].duration) {
		drop++
	}
	bytes := w.bytes
	for _, p := range w.ended[:drop] {
		bytes -= p.size
	}
	for bytes > w.maxBytes && drop+1 < len(w.ended) {
		w.capped = true
		bytes -= w.ended[drop].size
		drop++
	}
	w.bytes = bytes
	w.ended = w.ended[drop:]
	w.listed = max(0, w.listed-drop)
}

// newest returns where the newest segment that has ended does.
func (w *window) newest() int64 {
	if len(w.ended) == 0 {
		return 0
	}
	return w.ended[len(w.ended)-1].end()
}

// duration returns that of the listed segments.
func (w *window) duration() (d time.Duration) {
	for _, p := range w.ended[w.listed:] {
		d += p.duration
	}
	return d
}
