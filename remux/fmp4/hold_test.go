package fmp4

import (
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"github.com/weirmedia/weir/pkg/av"
)

// gops feeds a Muxer one frame after the other, 40 ms apart, with sound in
// between.
type gops struct {
	m      *Muxer
	layout *av.Layout
	at     int64
	media  []byte
}

func newGOPs(t *testing.T) *gops {
	return &gops{m: &Muxer{Options: Options{PerGOP: true}}, layout: layoutOf(videoTrack(t), audioTrack(t))}
}

// frame writes a frame of track and returns what was appended.
func (g *gops) frame(t *testing.T, track int, size int, start bool) []byte {
	t.Helper()
	f := &av.Frame{Track: g.layout.Tracks[track], DTS: g.at, PTS: g.at, Key: start, Payload: make([]byte, size)}
	got, err := g.m.AppendFrame(nil, f, g.layout, start)
	if err != nil {
		t.Fatal(err)
	}
	g.media = append(g.media, got...)
	return got
}

// run writes n pairs of frames, the first of which starts.
func (g *gops) run(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		g.frame(t, 0, 100, i == 0)
		g.at += 20 * ms
		g.frame(t, 1, 10, false)
		g.at += 20 * ms
	}
}

// samples counts them by track.
func samples(parts fmp4.Parts) map[int]int {
	n := make(map[int]int)
	for _, p := range parts {
		for _, run := range p.Tracks {
			n[run.ID] += len(run.Samples)
		}
	}
	return n
}

// Every start gives one fragment with what came before, in which each track
// goes on where the fragment before ended.
func TestFragmentPerGOP(t *testing.T) {
	g := newGOPs(t)
	if g.frame(t, 1, 10, false) == nil {
		t.Fatal("a frame before the first start is held")
	}
	g.media, g.m.sequence = nil, 0
	g.run(t, 10)
	if len(g.media) != 0 {
		t.Fatalf("%d bytes before the second start", len(g.media))
	}
	for range 4 {
		g.run(t, 10)
	}
	parts := fragments(t, g.media)
	if len(parts) != 4 {
		t.Fatalf("%d fragments", len(parts))
	}
	next := map[int]uint64{1: units(0, 90000), 2: units(20*ms, 44100)}
	for i, p := range parts {
		for _, run := range p.Tracks {
			if run.BaseTime != next[run.ID] {
				t.Errorf("fragment %d, track %d: begins at %d, want %d", i, run.ID, run.BaseTime, next[run.ID])
			}
			for j, s := range run.Samples {
				next[run.ID] += uint64(s.Duration)
				if run.ID == 1 && s.IsNonSyncSample != (j > 0) {
					t.Errorf("fragment %d, frame %d: %+v", i, j, s)
				}
			}
		}
	}
	if n := samples(parts); n[1] != 40 || n[2] != 39 { // the last sound waits for its end
		t.Errorf("samples %v", n)
	}
}

func TestChangeFlushesWhatIsHeld(t *testing.T) {
	g := newGOPs(t)
	g.run(t, 10)
	resized := *g.layout.Tracks[0]
	resized.Config = unhex(t, avcRecord2)
	to := layoutOf(&resized, g.layout.Tracks[1])
	same, err := g.m.AppendChange(nil, g.layout, layoutOf(g.layout.Tracks...), 0)
	if err != nil || len(same) != 0 {
		t.Fatalf("no change: %d bytes, %v", len(same), err)
	}
	got, err := g.m.AppendChange(nil, g.layout, to, 0)
	if err != nil {
		t.Fatal(err)
	}
	init, err := AppendInit(nil, to)
	if err != nil {
		t.Fatal(err)
	}
	held, after := got[:len(got)-len(init)], got[len(got)-len(init):]
	parts := fragments(t, held)
	if n := samples(parts); len(parts) != 1 || n[1] != 10 || n[2] != 10 || string(after) != string(init) {
		t.Errorf("%d fragments, samples %v", len(parts), n)
	}
	last := parts[0].Tracks[1].Samples[9]
	if last.Duration < 1023 || last.Duration > 1025 {
		t.Errorf("the last sound lasts %d", last.Duration)
	}
	// What comes before the next start cannot wait for it.
	g.layout = to
	if g.frame(t, 1, 10, false) == nil || g.frame(t, 0, 100, true) != nil || g.frame(t, 0, 100, false) != nil {
		t.Error("the frames after a change are not held from the next start on")
	}
}

// The last GOP goes out although no start follows it.
func TestEndFlushesWhatIsHeld(t *testing.T) {
	g := newGOPs(t)
	g.run(t, 10)
	g.run(t, 3)
	end := g.m.AppendEnd(nil)
	parts := fragments(t, append(g.media, end...))
	if n := samples(parts); len(parts) != 2 || n[1] != 13 || n[2] != 13 {
		t.Errorf("%d fragments, samples %v", len(parts), n)
	}
	if again := g.m.AppendEnd(nil); len(again) != 0 {
		t.Errorf("%d bytes after the end", len(again))
	}
}

// An encoder that sends no key frames does not fill the memory, and no fragment
// that a viewer may begin with begins in the middle of a GOP.
func TestHeldFramesAreBounded(t *testing.T) {
	for name, c := range map[string]struct{ size, frames int }{"time": {100, 300}, "bytes": {1 << 20, 40}} {
		g, size := newGOPs(t), c.size
		longest := 0
		for i := range c.frames {
			longest = max(longest, g.m.heldBytes)
			got := g.frame(t, 0, size, i == 0)
			if len(g.m.tracks[0].held) == 0 && g.m.heldBytes != 0 {
				t.Fatalf("%s: %d bytes held of nothing", name, g.m.heldBytes)
			}
			if len(got) > 0 && g.m.whole {
				t.Fatalf("%s: frame %d went out without a start", name, i)
			}
			g.at += 40 * ms
		}
		if longest == 0 || longest > maxHeldBytes+size || len(g.m.tracks[0].held) != 0 {
			t.Errorf("%s: %d bytes held", name, longest)
		}
		if n := samples(fragments(t, g.media)); n[1] != c.frames {
			t.Errorf("%s: samples %v", name, n)
		}
		if got := g.frame(t, 0, size, true); len(got) != 0 || !g.m.whole {
			t.Errorf("%s: the next start appends %d bytes", name, len(got))
		}
	}
}

func TestHeldFramesAreGivenUp(t *testing.T) {
	g := newGOPs(t)
	g.run(t, 10)
	g.run(t, 1)
	for _, s := range g.m.tracks {
		for _, f := range s.held[len(s.held):cap(s.held)] {
			if f != nil {
				t.Error("a frame that went out is kept")
			}
		}
		if s.single[0] != nil {
			t.Error("a single frame is kept")
		}
	}
	for _, r := range g.m.runs[:cap(g.m.runs)] {
		if r.Frames != nil {
			t.Error("the runs keep frames")
		}
	}
}
