package fanout

import (
	"sort"

	"github.com/weirmedia/weir/pkg/av"
)

// entry describes one message of a log. It holds no pointer, so that the
// garbage collector need not look at indexes.
type entry struct {
	end      int64  // offset after the message
	position uint64 // of its frame in the view
	arrival  int64
	version  uint32 // of the prelude in force
	kind     av.Kind
}

// message is where a message lies and what it is.
type message struct {
	number  uint64
	end     int64
	arrival int64
	version uint32
}

// mark is what delivery statistics need to know of a message.
type mark struct {
	arrival int64
	kind    av.Kind
}

// index is a ring of entries, numbered from the log's first message on. The
// log's mutex guards it.
type index struct {
	entries     []entry // length is a power of two
	first, next uint64  // numbers held: first <= n < next
	begin       int64   // offset at which message first begins
}

func (x *index) at(number uint64) *entry { return &x.entries[number&uint64(len(x.entries)-1)] }

// search returns the first number for whose entry f holds, given that it holds
// for all that follow; next if for none.
func (x *index) search(f func(e *entry) bool) uint64 {
	n := sort.Search(int(x.next-x.first), func(i int) bool { return f(x.at(x.first + uint64(i))) })
	return x.first + uint64(n)
}

func (x *index) append(e entry) {
	if x.next-x.first == uint64(len(x.entries)) {
		old := *x
		x.entries = make([]entry, max(64, 2*len(old.entries)))
		for n := x.first; n < x.next; n++ {
			*x.at(n) = *old.at(n)
		}
	}
	*x.at(x.next) = e
	x.next++
}

// dropBefore forgets the messages of frames before position.
func (x *index) dropBefore(position uint64) {
	for x.first < x.next && x.at(x.first).position < position {
		x.begin = x.at(x.first).end
		x.first++
	}
}
