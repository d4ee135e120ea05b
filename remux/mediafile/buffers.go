package mediafile

import "sync"

// Buffers are what fragments are put together in, of a second of a stream each. Writers
// that share them need as many as write at the same time, not one each. The zero value
// is ready; it is safe for concurrent use.
type Buffers struct{ free sync.Pool }

type buffer struct{ b []byte }

func (p *Buffers) get() *buffer {
	if b, ok := p.free.Get().(*buffer); ok {
		return b
	}
	return new(buffer)
}

func (p *Buffers) put(b *buffer) { p.free.Put(b) }
