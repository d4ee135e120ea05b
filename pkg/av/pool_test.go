package av

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"
)

// Payloads keep their bytes until they are given back, whatever the sizes and
// whoever gives back.
func TestPoolKeepsPayloadsApart(t *testing.T) {
	var pool Pool
	type held struct {
		frame *Frame
		want  byte
	}
	work := make(chan held, 100)
	var publishers, readers sync.WaitGroup
	for i := range 4 {
		publishers.Go(func() {
			a := pool.NewAllocator()
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for n := range 5000 {
				size := random.IntN(3000)
				if n%50 == 0 {
					size = random.IntN(100_000)
				}
				p, slab := a.Make(size)
				if len(p) != size || cap(p) != size {
					t.Errorf("%d bytes with room for %d, want %d", len(p), cap(p), size)
				}
				mark := byte(n)
				for i := range p {
					p[i] = mark
				}
				if n%7 == 0 {
					slab.Free()
					continue
				}
				f := pool.Frame()
				if f.Payload != nil || f.slab != nil || f.Track != nil {
					t.Error("a frame is not empty")
				}
				f.Payload = p
				f.Own(slab)
				work <- held{f, mark}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for h := range work {
				if n := bytes.Count(h.frame.Payload, []byte{h.want}); n != len(h.frame.Payload) {
					t.Errorf("%d of %d bytes are right", n, len(h.frame.Payload))
				}
				h.frame.Recycle()
			}
		})
	}
	publishers.Wait()
	close(work)
	readers.Wait()
}

// A slab is used again once nobody has a payload in it.
func TestSlabIsUsedAgain(t *testing.T) {
	var pool Pool
	a := pool.NewAllocator()
	const made, size, held = 1000, 1000, 10
	var frames []*Frame
	slabs := map[*Slab]bool{}
	for range made {
		p, slab := a.Make(size)
		slabs[slab] = true
		f := pool.Frame()
		f.Payload = p
		f.Own(slab)
		if frames = append(frames, f); len(frames) > held {
			frames[0].Recycle()
			frames = frames[1:]
		}
	}
	if want := made * size / slabSizes[0] / 2; len(slabs) > want { // the race detector makes sync.Pool forget a quarter
		t.Errorf("%d slabs were made for %d payloads held, want at most %d", len(slabs), held, want)
	}
}

// Frames of whoever does not know of a pool are left alone.
func TestRecycleForeignFrame(t *testing.T) {
	f := &Frame{Payload: []byte("mine")}
	f.Own(nil)
	f.Recycle()
	if string(f.Payload) != "mine" {
		t.Errorf("the payload is %q", f.Payload)
	}
	var none *Pool
	if f := none.Frame(); f == nil || f.Payload != nil {
		t.Errorf("frame without a pool: %v", f)
	}
}
