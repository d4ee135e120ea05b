package pace

import (
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

const ms = int64(time.Millisecond)

// A Load changes its mind late, and not for one odd window.
func TestLoad(t *testing.T) {
	now := 1000 * ms
	l := NewLoad(now, 0.15, 0.04)
	for _, step := range []struct {
		share   float64
		windows int
		want    bool
	}{{0.1, 25, false}, {0.19, 1, false}, {0.3, 25, true}, {0.1, 25, true}, {0.06, 25, true}, {0.03, 1, true}, {0.02, 25, false}, {0.1, 25, false}} {
		for range step.windows {
			l.Add(now, now+int64(step.share*float64(window)))
			now += window
			l.Add(now, now)
		}
		if l.Batching() != step.want {
			t.Errorf("after a share of %v: batching %t, measured %.3f", step.share, l.Batching(), l.Share())
		}
	}
}

func TestRhythm(t *testing.T) {
	type mark struct {
		kind av.Kind
		at   int64 // ms
	}
	picture := func(at int64) mark { return mark{av.Video, at} }
	sound := func(at int64) mark { return mark{av.Audio, at} }
	steady, slow := []mark{picture(960), picture(1000)}, []mark{picture(900), picture(1000)}
	for _, tt := range []struct {
		name          string
		sent, waiting []mark
		now           int64 // ms
		want          int64
	}{
		{"sound waits for the picture", steady, []mark{sound(1010)}, 1010, 1050},
		{"the first sound counts", steady, []mark{sound(1010), sound(1033)}, 1033, 1050},
		{"a picture goes at once", steady, []mark{sound(1010), picture(1040)}, 1040, 1040},
		{"headers go at once", steady, []mark{{av.Data, 1010}}, 1010, 1010},
		{"what is forgotten goes at once", steady, []mark{sound(0)}, 1010, 40},
		{"nothing waits", steady, nil, 1010, 1010},
		{"slow pictures are not waited for", slow, []mark{sound(1010)}, 1010, 1010},
		{"pictures that stopped are not waited for", steady, []mark{sound(1210)}, 1210, 1210},
		{"one picture is no rhythm", steady[:1], []mark{sound(970)}, 970, 970},
		{"sound alone goes at once", []mark{sound(1000)}, []mark{sound(1021)}, 1021, 1021},
	} {
		var r Rhythm
		for _, m := range tt.sent {
			r.Note(m.kind, m.at*ms)
		}
		r.Served()
		for _, m := range tt.waiting {
			r.Note(m.kind, m.at*ms)
		}
		if got := r.Due(tt.now * ms); got/ms != tt.want {
			t.Errorf("%s: due at %d ms, want %d", tt.name, got/ms, tt.want)
		}
	}
}
