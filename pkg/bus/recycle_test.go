package bus

import (
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
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
		{"held", true, func(r *ring) { r.held = 0 }, false},
		{"a later one held", true, func(r *ring) { r.held = 1 }, true},
		{"in other rings too", false, func(*ring) {}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := ring{recycles: tt.private, held: noFrame}
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

// TestRelease: frames that a reader holds are not used again when they leave the
// stream, those that it has let go of are.
func TestRelease(t *testing.T) {
	var pool av.Pool
	b := New(afterOpening())
	defer b.Close(reason.Shutdown)
	p := publish(t, b, "me", video)
	var frames []*av.Frame
	gop := func() { // takes the place of the one before it
		for i := range 3 {
			f := own(&pool, frame(video, int64(len(frames)*40), i == 0))
			frames = append(frames, f)
			p.write(f)
		}
	}
	expect := func(want string) {
		t.Helper()
		var got []byte
		for _, f := range frames {
			if recycled(f) {
				got = append(got, 'r')
			} else {
				got = append(got, '-')
			}
		}
		if string(got) != want {
			t.Errorf("recycled are %s, want %s", got, want)
		}
	}
	s := p.Stream().Plain().Subscribe(0)
	s.Hold()
	s.Release() // of nothing
	gop()
	for i := range int64(3) {
		expectFrame(t, s, i*40, i == 0)
	}
	s.Release()
	gop()
	expect("rr----") // it has the third
	other := p.Stream().Plain().Subscribe(0)
	other.Hold()
	for i := range int64(3) {
		expectFrame(t, other, (3+i)*40, i == 0)
		expectFrame(t, s, (3+i)*40, i == 0)
	}
	s.Release()
	gop()
	expect("rr-------")
	other.Close()
	s.Close()
	gop()
	expect("rr----rrr---")
}
