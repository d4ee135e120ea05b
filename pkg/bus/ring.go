package bus

import (
	"math"
	"unsafe"

	"github.com/weirmedia/weir/pkg/av"
)

// frameOverhead is what a frame costs beside its payload. Without it a
// publisher of empty frames could fill the memory within the cap in bytes. The
// payload's own allocation is rounded up by 16 bytes at most if it is small.
const frameOverhead = int(unsafe.Sizeof(av.Frame{})+unsafe.Sizeof(slot{})) + 16

// cost returns the bytes that f counts for if it follows a frame of layout
// before. A layout counts with the first frame that has it: formats write it out
// there, so that a publisher that changes it all the time costs more than the
// frames in between.
func cost(f *av.Frame, before *av.Layout) int64 {
	n := int64(len(f.Payload) + frameOverhead)
	if f.Layout != before {
		n += f.Layout.Size()
	}
	return n
}

// ring holds the frames that a view retains. A position counts frames since
// the view began and is never used twice. The caller locks.
type ring struct {
	slots      []slot     // length is a power of two; position p lives at p & (len-1)
	tail, head uint64     // positions held: tail <= p < head
	oldest     int64      // arrival of the frame at tail, which itself is long out of the processor's cache
	bytes      int64      // cost of the frames held
	layout     *av.Layout // of the newest frame
	starts     []uint64   // start points held, ascending

	// Frames that were never read, or only lent or held, are recycled when they drop
	// out.
	recycles bool
	given    uint64 // frames before this position were read: who knows who has them
	lent     int    // readers that have frames at the moment
	held     uint64 // frames from this position on are with readers; noFrame if they are not
}

// noFrame is a position that no frame ever has.
const noFrame = math.MaxUint64

// slot is what the ring holds of a frame. There are hundreds for each stream.
type slot struct {
	frame  *av.Frame
	layout *av.Layout // that settled readers get
	cost   uint32
	start  bool
}

// retention says what a ring must keep and what it may keep at most.
type retention struct {
	window   int64 // keep frames that arrived within this many ns, beside the newest GOP
	since    int64 // and from the newest start point that arrived at least so many ns ago
	maxBytes int64 // never hold frames that cost more than this, the newest aside
	maxAge   int64 // never hold frames older than this many ns
}

func (r *ring) at(pos uint64) *slot { return &r.slots[pos&uint64(len(r.slots)-1)] }

// read copies entries from position pos on, up to end, into dst. See View.Read.
func (r *ring) read(pos, end uint64, dst []Entry) (entries []Entry, first uint64) {
	entries, first = r.lend(pos, end, dst)
	r.given = max(r.given, first+uint64(len(entries)))
	return entries, first
}

// lend does what read does for one who lets go of the frames; see View.Borrow.
func (r *ring) lend(pos, end uint64, dst []Entry) (entries []Entry, first uint64) {
	first = min(max(pos, r.tail), r.head)
	n := 0
	for p := first; p < end && n < len(dst); p++ {
		s := r.at(p)
		dst[n] = Entry{Frame: s.frame, Layout: s.layout, Start: s.start}
		n++
	}
	return dst[:n], first
}

func (r *ring) append(f *av.Frame, start bool) {
	if r.head-r.tail == uint64(len(r.slots)) {
		r.grow()
	}
	n := cost(f, r.layout)
	r.layout = f.Layout
	*r.at(r.head) = slot{f, f.Layout, uint32(n), start}
	if start {
		r.starts = append(r.starts, r.head)
	}
	if r.head == r.tail {
		r.oldest = f.Arrival
	}
	r.head++
	r.bytes += n
}

func (r *ring) grow() {
	old := r.slots
	r.slots = make([]slot, max(32, 2*len(old)))
	for p := r.tail; p < r.head; p++ {
		*r.at(p) = old[p&uint64(len(old)-1)]
	}
}

// trim drops what keep does not ask for. The newest frame always stays.
func (r *ring) trim(keep retention, now int64) {
	needed := r.needed(now - keep.since)
	for r.tail+1 < r.head {
		age := now - r.oldest
		wanted := r.tail >= needed || age < keep.window
		if wanted && r.bytes <= keep.maxBytes && age <= keep.maxAge {
			break
		}
		r.drop()
	}
}

// needed returns the position of the newest start point that arrived by a time, or else
// of the oldest one. The newest GOP needs what is from the head on if there is none.
func (r *ring) needed(by int64) uint64 {
	if len(r.starts) == 0 {
		return r.head
	}
	i := len(r.starts) - 1
	for i > 0 && r.at(r.starts[i]).frame.Arrival > by {
		i--
	}
	return r.starts[i]
}

// drop forgets the oldest frame, which is not the only one.
func (r *ring) drop() {
	s := r.at(r.tail)
	r.bytes -= int64(s.cost)
	if r.recycles && r.tail >= r.given && r.tail < r.held && r.lent == 0 {
		s.frame.Recycle()
	}
	*s = slot{}
	if len(r.starts) > 0 && r.starts[0] == r.tail {
		r.starts = append(r.starts[:0], r.starts[1:]...)
	}
	r.tail++
	r.oldest = r.at(r.tail).frame.Arrival
}

// newestStart returns the newest start point held.
func (r *ring) newestStart() (pos uint64, ok bool) {
	if n := len(r.starts); n > 0 {
		return r.starts[n-1], true
	}
	return 0, false
}
