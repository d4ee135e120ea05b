package bus

import (
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// keepAll asks for nothing to be dropped.
var keepAll = retention{window: int64(time.Hour), maxBytes: 1 << 40, maxAge: int64(time.Hour)}

// fill appends a frame per 40 ms of size bytes, every tenth a start point.
func fill(r *ring, n, size int, keep retention) {
	for range n {
		f := &av.Frame{Track: video, DTS: int64(r.head), Arrival: int64(r.head) * ms(40), Payload: make([]byte, size)}
		r.append(f, r.head%10 == 0)
		r.trim(keep, f.Arrival)
	}
}

// verify checks what always holds of a ring filled by fill.
func (r *ring) verify(t *testing.T) {
	t.Helper()
	var bytes int64
	var starts []uint64
	for p := r.tail; p < r.head; p++ {
		e := r.at(p)
		if e.frame == nil || e.frame.DTS != int64(p) {
			t.Fatalf("position %d holds %v", p, e)
		}
		bytes += int64(e.cost)
		if e.start {
			starts = append(starts, p)
		}
	}
	if bytes != r.bytes {
		t.Errorf("%d bytes counted, %d held", r.bytes, bytes)
	}
	if len(starts) != len(r.starts) {
		t.Errorf("start points %v, want %v", r.starts, starts)
	}
	held := 0
	for _, s := range r.slots {
		if s.frame != nil {
			held++
		}
	}
	if held != int(r.head-r.tail) {
		t.Errorf("%d frames are kept alive, %d held", held, r.head-r.tail)
	}
}

func TestRingGrows(t *testing.T) {
	var r ring
	fill(&r, 5, 1, keepAll)
	fill(&r, 27, 1, retention{maxBytes: 1 << 40, maxAge: int64(time.Hour)}) // tail moves on: growing must unwrap
	tail := r.tail
	fill(&r, 1000, 1, keepAll)
	r.verify(t)
	if tail == 0 || r.tail != tail || r.head != 1032 {
		t.Errorf("positions %d to %d, want %d to 1032", r.tail, r.head, tail)
	}
	if pos, ok := r.newestStart(); !ok || pos != 1030 {
		t.Errorf("newest start %d, %t", pos, ok)
	}
}

func TestRetention(t *testing.T) {
	const frames, size = 106, 1000 // positions 0 to 105; the newest GOP begins at 100
	one := size + frameOverhead
	tests := []struct {
		name     string
		keep     retention
		tail     uint64
		joinable bool
	}{
		{"newest GOP", retention{0, 0, 1 << 40, int64(time.Hour)}, 100, true},
		{"window shorter than the GOP", retention{ms(100), 0, 1 << 40, int64(time.Hour)}, 100, true},
		{"window longer than the GOP", retention{ms(1000), 0, 1 << 40, int64(time.Hour)}, 81, true},
		{"from a start point in the newest GOP", retention{0, ms(100), 1 << 40, int64(time.Hour)}, 100, true},
		{"from the start point before a time", retention{0, ms(280), 1 << 40, int64(time.Hour)}, 90, true},
		{"bytes cap the window", retention{ms(1000), 0, int64(10 * one), int64(time.Hour)}, 96, true},
		{"bytes cap the GOP", retention{0, 0, int64(3 * one), int64(time.Hour)}, 105, false},
		{"time caps the window", retention{ms(1000), 0, 1 << 40, ms(400)}, 95, true},
		{"time caps the GOP", retention{0, 0, 1 << 40, ms(100)}, 105, false},
		{"bytes cap GOP and window", retention{ms(1000), 0, int64(3 * one), int64(time.Hour)}, 103, false},
		{"the newest frame always stays", retention{0, 0, 0, -1}, 105, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var r ring
			fill(&r, frames, size, test.keep)
			r.verify(t)
			if r.tail != test.tail || r.head != frames {
				t.Errorf("positions %d to %d, want %d to %d", r.tail, r.head, test.tail, frames)
			}
			if _, ok := r.newestStart(); ok != test.joinable {
				t.Errorf("joinable: %t, want %t", ok, test.joinable)
			}
		})
	}
}

// Frames without payload cost memory too, and a hostile publisher can send
// millions of them.
func TestEmptyFramesAreBounded(t *testing.T) {
	var r ring
	keep := keepAll
	keep.maxBytes = 1 << 20
	for range 100_000 {
		r.append(&av.Frame{Track: audio}, false)
		r.trim(keep, 0)
	}
	if n := r.head - r.tail; n > 1<<20/64 {
		t.Errorf("a ring of 1 MiB holds %d frames", n)
	}
}

// Layouts count: a publisher that changes its layout before every frame must
// not hold more memory than the cap says.
func TestRingCountsLayouts(t *testing.T) {
	metadata := av.Metadata{{Name: "title", Value: strings.Repeat("x", 10_000)}}
	var r ring
	keep := retention{window: int64(time.Hour), maxBytes: 100_000, maxAge: int64(time.Hour)}
	for range 1000 {
		r.append(&av.Frame{Track: audio, Layout: &av.Layout{Metadata: metadata}}, true)
		r.trim(keep, 0)
	}
	if held := r.head - r.tail; held > 10 {
		t.Errorf("%d frames with layouts of 10 kB are held, the cap is 100 kB", held)
	}
	same := &av.Layout{Metadata: metadata}
	for range 100 {
		r.append(&av.Frame{Track: audio, Layout: same}, false)
		r.trim(keep, 0)
	}
	if held := r.head - r.tail; held < 100 {
		t.Errorf("%d frames that share a layout are held, want 100 at least", held)
	}
}
