package av

import (
	"sync"
	"sync/atomic"
)

// slabSizes are the capacities of slabs in bytes. Nearly all are of the first
// size, so that what one stream gives back another can use.
var slabSizes = [...]int{8 << 10, 12 << 10, 16 << 10, 24 << 10, 32 << 10, 48 << 10, 64 << 10}

// Pool keeps the memory of frames that nobody can have any more for frames to
// come: payloads in slabs, and Frame itself. What is not asked for again during
// two garbage collections is given back. The zero value is ready; it is safe for
// concurrent use.
//
// Whoever does not know of a Pool uses frames like any other memory: what is not
// recycled is left to the garbage collector.
type Pool struct {
	frames sync.Pool
	slabs  [len(slabSizes)]sync.Pool
}

// Slab is memory of some payloads that come one after the other.
type Slab struct {
	pool  *Pool
	class int
	buf   []byte
	used  int
	live  atomic.Int64 // payloads in it, and 1 while it is being filled
}

// Allocator cuts the payloads of one publisher from slabs. It is not safe for
// concurrent use.
type Allocator struct {
	pool *Pool
	// open are the slabs being filled. A payload that the newer one has no room
	// for leaves an end there that smaller ones go into.
	older, newer *Slab
}

// NewAllocator returns an Allocator whose slabs come from p.
func (p *Pool) NewAllocator() *Allocator { return &Allocator{pool: p} }

// Make returns n bytes, zero or old, and the slab that they lie in. That is nil
// for a payload larger than any slab. To have them recycled call Frame.Own.
func (a *Allocator) Make(n int) ([]byte, *Slab) {
	if n > slabSizes[len(slabSizes)-1] {
		return make([]byte, n), nil
	}
	s := a.older
	if s.room() < n {
		s = a.newer
	}
	if s.room() < n {
		s = a.open(n)
	}
	begin := s.used
	s.used += n
	s.live.Add(1)
	return s.buf[begin:s.used:s.used], s
}

// open takes a slab that has room for n bytes, in the place of the fuller one.
func (a *Allocator) open(n int) *Slab {
	if a.newer.room() > a.older.room() {
		a.older, a.newer = a.newer, a.older
	}
	a.newer.Free()
	class := 0
	for slabSizes[class] < n {
		class++
	}
	a.newer = a.pool.slab(class)
	return a.newer
}

// room returns how many bytes fit into s, which may be nil.
func (s *Slab) room() int {
	if s == nil {
		return 0
	}
	return len(s.buf) - s.used
}

// slab returns an empty slab.
func (p *Pool) slab(class int) *Slab {
	s, ok := p.slabs[class].Get().(*Slab)
	if !ok {
		s = &Slab{pool: p, class: class, buf: make([]byte, slabSizes[class])}
	}
	s.used = 0
	s.live.Store(1)
	return s
}

// Free says that what Make gave with s, which may be nil, is not used any more,
// instead of Frame.Own.
func (s *Slab) Free() {
	if s == nil || s.live.Add(-1) > 0 {
		return
	}
	if poison {
		for i := range s.buf {
			s.buf[i] = 0xDB
		}
	}
	s.pool.slabs[s.class].Put(s)
}

// Frame returns a zero Frame, of a nil Pool too.
func (p *Pool) Frame() *Frame {
	if p != nil {
		if f, ok := p.frames.Get().(*Frame); ok {
			return f
		}
	}
	return &Frame{}
}

// Own says that f's payload is the only use of what Allocator.Make gave with
// slab s; s may be nil.
func (f *Frame) Own(s *Slab) { f.slab = s }

// Recycle gives back what Own has named, and f. The caller knows that nobody
// else has or gets f or its payload.
func (f *Frame) Recycle() {
	s := f.slab
	if s == nil {
		return
	}
	*f = Frame{}
	s.pool.frames.Put(f)
	s.Free()
}
