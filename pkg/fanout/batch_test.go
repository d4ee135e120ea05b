package fanout

import (
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

const ms = int64(time.Millisecond)

// busy makes the loop see the same share for some time.
func (l *load) busyFor(share float64, span time.Duration) {
	for end := l.since + int64(span); l.since < end; {
		begin := l.since
		l.add(begin, begin+int64(share*float64(loadWindow)))
		l.add(begin+loadWindow, begin+loadWindow)
	}
}

func TestLoadDecidesOnBatching(t *testing.T) {
	var l load
	for _, step := range []struct {
		share float64
		want  bool
	}{{0.1, false}, {0.3, true}, {0.1, true}, {0.06, true}, {0.02, false}, {0.1, false}} {
		l.busyFor(step.share, 5*time.Second)
		if l.batching != step.want {
			t.Errorf("after a share of %v: batching %t, measured %.3f", step.share, l.batching, l.share)
		}
	}
}

// rhythmOf notes messages: kind and arrival in ms, after a pass at 0.
func rhythmOf(marks ...mark) *rhythm {
	r := &rhythm{lastVideo: -40 * ms}
	for _, m := range marks {
		r.note(mark{m.arrival * ms, m.kind})
	}
	return r
}

func TestWhenViewersAreServed(t *testing.T) {
	picture := func(at int64) mark { return mark{at, av.Video} }
	sound := func(at int64) mark { return mark{at, av.Audio} }
	// A picture went out at 1000; what is noted afterwards waits.
	after := func(marks ...mark) *rhythm {
		r := rhythmOf(picture(960), picture(1000))
		r.waiting, r.passed = 0, 1000*ms
		for _, m := range marks {
			r.note(mark{m.arrival * ms, m.kind})
		}
		return r
	}
	slow := func(marks ...mark) *rhythm {
		r := after(marks...)
		r.videoGap = 100 * ms
		return r
	}
	calm, loaded, heavy := load{share: 0.1}, load{share: 0.3, batching: true}, load{share: 0.75, batching: true}
	for _, test := range []struct {
		name     string
		load     load
		interval time.Duration
		rhythm   *rhythm
		now      int64
		want     int64 // ms
	}{
		{"calm: sound goes at once", calm, 0, after(sound(1010)), 1010, 1010},
		{"loaded: sound waits for the picture", loaded, 0, after(sound(1010)), 1010, 1050},
		{"loaded: the first sound counts", loaded, 0, after(sound(1010), sound(1033)), 1033, 1050},
		{"loaded: a picture goes at once", loaded, 0, after(sound(1010), picture(1040)), 1040, 1040},
		{"loaded: headers go at once", loaded, 0, after(mark{1010, av.Data}), 1010, 1010},
		{"loaded: slow pictures are not waited for", loaded, 0, slow(sound(1010)), 1010, 1010},
		{"loaded: pictures that stopped are not waited for", loaded, 0, after(sound(1210)), 1210, 1210},
		{"loaded: sound alone goes at once", loaded, 0, rhythmOf(sound(1010)), 1010, 1010},
		{"heavy: pictures wait too", heavy, 0, after(picture(1020)), 1020, 1050},
		{"heavy: not for ever", heavy, 0, after(picture(1060)), 1060, 1060},
		{"fixed interval", calm, 350 * time.Millisecond, after(picture(1040)), 1040, 1350},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := &loop{limits: DefaultLimits(), load: test.load}
			l.limits.Interval = test.interval
			if got := l.due(test.rhythm, test.now*ms); got/ms != test.want {
				t.Errorf("due at %d ms, want %d", got/ms, test.want)
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
