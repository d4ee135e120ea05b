package fanout

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/pace"
)

const ms = int64(time.Millisecond)

// loadOf returns the load of a loop that sees this share for some time.
func loadOf(share float64) pace.Load {
	const window = 200 * ms
	l := pace.NewLoad(0, batchAt, unbatchAt)
	for now := int64(0); now < 50*window; now += window {
		l.Add(now, now+int64(share*float64(window)))
		l.Add(now+window, now+window)
	}
	return l
}

func TestWhenViewersAreServed(t *testing.T) {
	picture := func(at int64) mark { return mark{at, av.Video} }
	sound := func(at int64) mark { return mark{at, av.Audio} }
	// A picture went out at 1000; what is noted afterwards waits.
	after := func(marks ...mark) *rhythm {
		r := &rhythm{passed: 1000 * ms}
		for _, at := range []int64{960, 1000} {
			r.Note(av.Video, at*ms)
		}
		r.Served()
		for _, m := range marks {
			r.Note(m.kind, m.arrival*ms)
		}
		return r
	}
	calm, loaded, heavy := loadOf(0.1), loadOf(0.3), loadOf(0.75)
	for _, test := range []struct {
		name     string
		load     pace.Load
		interval time.Duration
		rhythm   *rhythm
		now      int64
		want     int64 // ms
	}{
		{"calm: sound goes at once", calm, 0, after(sound(1010)), 1010, 1010},
		{"loaded: sound waits for the picture", loaded, 0, after(sound(1010)), 1010, 1050},
		{"loaded: the first sound counts", loaded, 0, after(sound(1010), sound(1033)), 1033, 1050},
		{"loaded: a picture goes at once", loaded, 0, after(sound(1010), picture(1040)), 1040, 1040},
		{"heavy: pictures wait too", heavy, 0, after(picture(1020)), 1020, 1050},
		{"heavy: not for ever", heavy, 0, after(picture(1060)), 1060, 1060},
		{"fixed interval", calm, 350 * time.Millisecond, after(picture(1040)), 1040, 1350},
	} {
		t.Run(test.name, func(t *testing.T) {
			limits := DefaultLimits()
			limits.Interval = test.interval
			l := &loop{limits: new(atomic.Pointer[Limits]), load: test.load}
			l.limits.Store(&limits)
			if got := (l.due(test.rhythm, test.now*ms) + ms/2) / ms; got != test.want {
				t.Errorf("due at %d ms, want %d", got, test.want)
			}
		})
	}
}

// With a fixed interval every frame still comes, in order, and so do answers
// and the end of the stream.
func TestFixedInterval(t *testing.T) {
	limits := DefaultLimits()
	limits.Interval = 20 * time.Millisecond
	r := newRig(t, limits)
	r.frame(true, 10)
	c := r.join(ViewerOptions{})
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
	for n := uint64(2); n < 50; n++ {
		r.frame(false, 10)
		if n%10 == 0 {
			c.expect(t, got{tag: 'v', number: n - 8})
			for m := n - 7; m <= n; m++ {
				c.expect(t, got{tag: 'v', number: m})
			}
			c.viewer.Control(appendMessage(nil, 'C', n, nil))
			c.expect(t, got{tag: 'C', number: n})
			r.frame(false, 10)
			n++
			c.expect(t, got{tag: 'v', number: n})
		}
	}
	passes := r.delivery.Stats().Loops[0].Passes.Load() + r.delivery.Stats().Loops[len(r.delivery.loops)-1].Passes.Load()
	if passes >= 49 {
		t.Errorf("%d passes for 49 frames", passes)
	}
}
