package hls

import (
	"testing"
	"time"

	"github.com/weirmedia/weir/protocols/hls/segment"
)

func fill(w *window, n, size int) {
	for range n {
		w.Begin(segment.Head{Start: w.newest()})
		w.Part(&segment.Part{Duration: time.Second, Bytes: make([]byte, size), Pictures: 1, Independent: true})
		w.End()
		w.trim()
	}
}

// TestWindow: segments stay as long after they left the playlist as the playlist
// is long.
func TestWindow(t *testing.T) {
	w := newWindow(7, 4, 1<<20)
	w.target = time.Second
	fill(w, 50, 100)
	if listed := len(w.ended) - w.listed; listed != 4 {
		t.Errorf("%d segments are listed", listed)
	}
	if w.listed < 4 || w.listed > 6 {
		t.Errorf("%d segments are kept beside", w.listed)
	}
	if w.bytes != int64(100*len(w.ended)) {
		t.Errorf("%d bytes are counted for %d segments", w.bytes, len(w.ended))
	}
	if first := w.ended[w.listed].number; first != 7+46 {
		t.Errorf("the first is %d", first)
	}
}

// TestWindowIsLongEnough: a playlist is three target durations long at least.
func TestWindowIsLongEnough(t *testing.T) {
	w := newWindow(0, 3, 1<<20)
	w.target = 4 * time.Second
	fill(w, 50, 100)
	if d := w.duration(); d != 12*time.Second {
		t.Errorf("the playlist is %v long", d)
	}
}

// TestWindowIsCapped: what is beyond hls.max_bytes is not kept.
func TestWindowIsCapped(t *testing.T) {
	w := newWindow(0, 4, 1000)
	w.target = time.Second
	fill(w, 20, 400)
	if !w.capped || len(w.ended) != 2 || w.listed != 0 || w.bytes != 800 {
		t.Errorf("capped %v, %d segments of %d bytes, %d not listed", w.capped, len(w.ended), w.bytes, w.listed)
	}
	fill(w, 1, 5000) // one that is too large alone
	if len(w.ended) != 1 {
		t.Errorf("%d segments", len(w.ended))
	}
}

// TestIndependent: a playlist does not claim that segments can be decoded alone
// from the first part on with which that is not so.
func TestIndependent(t *testing.T) {
	w := newWindow(0, 3, 1<<20)
	fill(w, 2, 100)
	w.Begin(segment.Head{Start: w.newest()})
	w.Part(&segment.Part{Duration: time.Second, Bytes: []byte("sound")})
	if !w.independent {
		t.Error("sound needs a key frame")
	}
	w.Part(&segment.Part{Duration: time.Second, Bytes: []byte("picture"), Pictures: 1})
	if w.independent {
		t.Error("the open segment begins without key frame, and is said to be independent")
	}
}

// TestPeak: what counts is the densest run of about a target duration, so a lone
// key frame counts together with its neighbours only.
func TestPeak(t *testing.T) {
	for _, c := range []struct {
		name   string
		target time.Duration
		pieces []piece
		want   float64 // bits per second
	}{
		{"even", 2 * time.Second, []piece{{duration: 2 * time.Second, size: 1000}, {duration: 2 * time.Second, size: 1000}}, 4000},
		{"one is dense", 2 * time.Second, []piece{{duration: 2 * time.Second, size: 1000}, {duration: time.Second, size: 1000}}, 8000},
		{"a key frame alone", 2 * time.Second, []piece{{duration: 40 * time.Millisecond, size: 1000}}, 0},
		{"a key frame among others", 2 * time.Second, []piece{{duration: 500 * time.Millisecond, size: 1000}, {duration: 2 * time.Second, size: 1000}}, 6400},
		{"short ones", 4 * time.Second, []piece{{duration: time.Second, size: 1000}, {duration: time.Second, size: 3000}, {duration: time.Second, size: 1000}}, 16000},
		{"a gap between", 2 * time.Second, []piece{{duration: time.Second, size: 1000}, {duration: 2 * time.Second}, {duration: time.Second, size: 500}}, 8000},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWindow(0, 3, 1<<20)
			w.target = c.target
			for i := range c.pieces {
				w.ended = append(w.ended, &c.pieces[i])
			}
			w.measure()
			if w.peak != c.want {
				t.Errorf("peak %v, want %v", w.peak, c.want)
			}
		})
	}
}

// TestNumbersGrow: a window that takes the place of an older one counts
// discontinuities from its first segment's number on.
func TestNumbersGrow(t *testing.T) {
	w := newWindow(70, 3, 1<<20)
	w.Begin(segment.Head{})
	if w.open.number != 70 || w.open.discontinuities != 70 {
		t.Errorf("segment %d after %d discontinuities", w.open.number, w.open.discontinuities)
	}
}

func TestDiscontinuities(t *testing.T) {
	w := newWindow(0, 3, 1<<20)
	w.target = time.Second
	for i := range 10 {
		w.Begin(segment.Head{Start: w.newest(), Discontinuity: i == 2 || i == 8})
		w.Part(&segment.Part{Duration: time.Second, Bytes: []byte{1}})
		w.End()
		w.trim()
	}
	if first := w.ended[w.listed]; first.number != 7 || first.discontinuities != 1 {
		t.Errorf("segment %d comes after %d discontinuities", first.number, first.discontinuities)
	}
}
