package bus

import (
	"cmp"
	"slices"
)

// StreamTotals is what one stream took in, for metrics.
type StreamTotals struct {
	Name  string
	State State
	// Totals are of this stream alone, without what the rings hold.
	Totals
}

// Oldest returns the totals of the n streams that have been there for longest, the
// oldest first, and how many there are besides. Whether a stream is among them does
// not depend on what happens to younger ones.
func (b *Bus) Oldest(n int) (oldest []StreamTotals, rest int) {
	b.mu.Lock()
	list := make([]*Stream, 0, len(b.streams))
	for _, s := range b.streams {
		list = append(list, s)
	}
	b.mu.Unlock()
	slices.SortFunc(list, func(a, b *Stream) int {
		return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.name, b.name))
	})
	n = min(n, len(list))
	for _, s := range list[:n] {
		t := StreamTotals{Name: s.name}
		t.State = t.count(s)
		oldest = append(oldest, t)
	}
	return oldest, len(list) - n
}

// Len returns the number of streams.
func (b *Bus) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.streams)
}
