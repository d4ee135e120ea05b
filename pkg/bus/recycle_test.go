package bus

import (
	"testing"

	"github.com/weirmedia/weir/pkg/av"
)

// own gives f a payload of its own slab.
func own(pool *av.Pool, f *av.Frame) *av.Frame {
	payload, slab := pool.NewAllocator().Make(1000)
	f.Payload = payload
	f.Own(slab)
	return f
}

// recycled reports that f was given back: then it is empty.
func recycled(f *av.Frame) bool { return f.Track == nil }

func TestRingRecycles(t *testing.T) {
	var pool av.Pool
	keepOne := retention{maxBytes: 1}
	for _, tt := range []struct {
		name    string
		private bool // to the ring
		use     func(r *ring)
		want    bool
	}{
		{"never read", true, func(*ring) {}, true},
		{"borrowed and returned", true, func(r *ring) {
			r.lend(0, r.head, make([]Entry, 1))
		}, true},
		{"borrowed", true, func(r *ring) {
			r.lend(0, r.head, make([]Entry, 1))
			r.lent++
		}, false},
		{"read", true, func(r *ring) { r.read(0, r.head, make([]Entry, 1)) }, false},
		{"another one read", true, func(r *ring) { r.read(1, r.head, make([]Entry, 1)) }, false}, // positions are not told apart
		{"in other rings too", false, func(*ring) {}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := ring{recycles: tt.private}
			frames := []*av.Frame{own(&pool, frame(video, 0, true)), own(&pool, frame(video, 40, true))}
			for _, f := range frames {
				r.append(f, true)
			}
			tt.use(&r)
			r.trim(keepOne, 0)
			if got := recycled(frames[0]); got != tt.want {
				t.Errorf("recycled: %v, want %v", got, tt.want)
			}
			if recycled(frames[1]) {
				t.Error("the newest frame was recycled")
			}
		})
	}
}
