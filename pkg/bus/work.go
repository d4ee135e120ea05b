package bus

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// Work counts what the transforms of all streams do to turn one codec into another.
// The zero Work has counted nothing. Safe for concurrent use.
type Work struct {
	mu     sync.Mutex
	counts map[conversion]*WorkCount
}

type conversion struct{ from, to av.Codec }

// WorkCount counts the work of turning one codec into another.
type WorkCount struct{ frames, time atomic.Int64 }

// Add counts one frame that came in, and what it took.
func (c *WorkCount) Add(took time.Duration) {
	c.frames.Add(1)
	c.time.Add(int64(took))
}

// Worker is what a Transform implements that turns one codec into another. It is
// told where to count that before the first frame.
type Worker interface {
	CountInto(w *Work)
}

// Of returns the count of a conversion.
func (w *Work) Of(from, to av.Codec) *WorkCount {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.counts[conversion{from, to}]
	if c == nil {
		c = new(WorkCount)
		if w.counts == nil {
			w.counts = make(map[conversion]*WorkCount)
		}
		w.counts[conversion{from, to}] = c
	}
	return c
}

// WorkTotals is what one conversion has cost since the start.
type WorkTotals struct {
	From, To av.Codec
	Frames   uint64 // that came in
	Time     time.Duration
}

// Totals returns what each conversion has cost, ordered by its codecs.
func (w *Work) Totals() []WorkTotals {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []WorkTotals
	for c, n := range w.counts {
		out = append(out, WorkTotals{c.from, c.to, uint64(n.frames.Load()), time.Duration(n.time.Load())})
	}
	slices.SortFunc(out, func(a, b WorkTotals) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return out
}

// Work returns what counts the work of all transforms.
func (b *Bus) Work() *Work { return &b.work }
