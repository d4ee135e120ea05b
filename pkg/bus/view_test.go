package bus

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

func TestStartPoints(t *testing.T) {
	const hour = 3_600_000
	both, sound := []*av.Track{video, audio}, []*av.Track{audio}
	v := func(dts int64) *av.Frame { return frame(video, dts, false) }
	k := func(dts int64) *av.Frame { return frame(video, dts, true) }
	a := func(dts int64) *av.Frame { return frame(audio, dts, false) }
	tests := []struct {
		name   string
		tracks []*av.Track
		frames []*av.Frame
		want   []uint64 // positions
	}{
		{"key frames of video", both, []*av.Frame{a(0), k(10), a(20), v(50), k(90)}, []uint64{1, 4}},
		{"audio alone, about every second", sound, []*av.Frame{a(0), a(500), a(990), a(1010), a(1500), a(2009), a(2010)}, []uint64{0, 3, 6}},
		{"audio alone, timestamps of a day ago", sound, []*av.Frame{a(24 * hour), a(24*hour + 500), a(24*hour + 1000)}, []uint64{0, 2}},
		{"script data never", sound, []*av.Frame{frame(av.ScriptTrack, 0, false), a(0), frame(av.ScriptTrack, 5000, false)}, []uint64{1}},
		{"audio waits for the first picture", both, []*av.Frame{a(0), a(2000), a(4000), a(4990), k(4995)}, []uint64{4}},
		{"audio waits for the first picture, timestamps of an hour", both, []*av.Frame{a(hour), a(hour + 1000), k(hour + 1500)}, []uint64{2}},
		{"no picture comes", both, []*av.Frame{a(hour), a(hour + 2500), a(hour + 5000), a(hour + 5010), a(hour + 5500), a(hour + 6010)}, []uint64{3, 5}},
		{"the picture stops and comes back", both, []*av.Frame{k(0), a(0), a(2500), a(5000), a(5010), a(5900), a(6010), k(6500), a(7600)}, []uint64{0, 4, 6, 7}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := New(DefaultLimits())
			defer b.Close(reason.Shutdown)
			p := publish(t, b, "me", test.tracks...)
			view := p.Stream().Plain()
			defer view.Follow(&counter{}, time.Hour).Stop()
			p.write(test.frames...)
			entries, first := view.Read(0, make([]Entry, 100))
			if first != 0 || len(entries) != len(test.frames) {
				t.Fatalf("read %d entries from %d", len(entries), first)
			}
			var starts []uint64
			for i, e := range entries {
				if e.Frame != test.frames[i] {
					t.Errorf("position %d holds another frame", i)
				}
				if e.Start {
					starts = append(starts, uint64(i))
				}
			}
			if !slices.Equal(starts, test.want) {
				t.Errorf("start points %v, want %v", starts, test.want)
			}
			if pos, ok := view.NewestStart(); !ok || pos != test.want[len(test.want)-1] {
				t.Errorf("newest start %d, %t", pos, ok)
			}
		})
	}
}

// counter counts how often it is woken.
type counter struct{ n atomic.Int64 }

func (c *counter) Wake() { c.n.Add(1) }

// afterOpening returns the limits of a stream that began long ago.
func afterOpening() Limits {
	limits := DefaultLimits()
	limits.Opening = 0
	return limits
}

// TestOpening: a new stream keeps its frames for who learns of it a little later, an
// older one does not.
func TestOpening(t *testing.T) {
	b := New(DefaultLimits())
	defer b.Close(reason.Shutdown)
	p := publish(t, b, "me", video)
	view := p.Stream().Plain()
	write := func(arrival time.Duration) {
		for i := range 100 {
			f := frame(video, int64(i)*40, i%25 == 0)
			f.Arrival = int64(time.Hour + arrival)
			p.write(f)
		}
	}
	write(0)
	if tail := view.Tail(); tail != 0 {
		t.Errorf("%d frames are gone", tail)
	}
	write(time.Second)
	if tail := view.Tail(); tail != 175 {
		t.Errorf("what is held begins at frame %d, want 175: the newest GOP", tail)
	}
}

func TestReadBeyondWhatIsHeld(t *testing.T) {
	b := New(afterOpening())
	defer b.Close(reason.Shutdown)
	p := publish(t, b, "me", video)
	view := p.Stream().Plain()
	if pos, ok := view.NewestStart(); ok || pos != 0 {
		t.Errorf("newest start of an empty view %d, %t", pos, ok)
	}
	p.write(frame(video, 0, true), frame(video, 40, false), frame(video, 80, true), frame(video, 120, false)) // nobody follows: 2 and 3 stay
	tests := []struct {
		name  string
		pos   uint64
		room  int
		n     int
		first uint64
	}{
		{"dropped", 0, 10, 2, 2},
		{"held", 3, 10, 1, 3},
		{"held, little room", 2, 1, 1, 2},
		{"to come", 4, 10, 0, 4},
		{"far in the future", 1 << 60, 10, 0, 4},
		{"no room", 0, 0, 0, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			entries, first := view.Read(test.pos, make([]Entry, test.room))
			if len(entries) != test.n || first != test.first {
				t.Errorf("%d entries from %d, want %d from %d", len(entries), first, test.n, test.first)
			}
			for i, e := range entries {
				if e.DTS != ms(int64(first)+int64(i))*40 {
					t.Errorf("entry %d has DTS %v", i, time.Duration(e.DTS))
				}
			}
		})
	}
	if tail := view.Tail(); tail != 2 {
		t.Errorf("tail %d, want 2", tail)
	}
}

func TestFollowers(t *testing.T) {
	b := New(afterOpening())
	p := publish(t, b, "me", video)
	view := p.Stream().Plain()
	now, dts := av.Now(), int64(0)
	second := func() { // of frames, each a key frame
		for range 25 {
			f := frame(video, dts, true)
			f.Arrival = now + ms(dts)
			p.write(f)
			dts += 40
		}
	}
	held := func(want uint64) {
		t.Helper()
		if got := p.Stream().Info().RingFrames; got != want {
			t.Errorf("%d frames are held, want %d", got, want)
		}
	}
	second()
	held(1)
	long, short := &counter{}, &counter{}
	wide := view.Follow(long, 2*time.Second)
	narrow := view.Follow(short, time.Second)
	for range 3 {
		second()
	}
	held(50)
	wide.Retain(time.Millisecond)
	second()
	held(25)
	wide.Retain(2 * time.Second)
	second()
	held(50)
	wide.Stop()
	wide.Stop()
	second()
	held(25)
	narrow.Stop()
	second()
	held(1)
	if long.n.Load() != 125 || short.n.Load() != 150 {
		t.Errorf("woken %d and %d times, want 125 and 150", long.n.Load(), short.n.Load())
	}
	last := &counter{}
	defer view.Follow(last, 0).Stop()
	b.Close(reason.Shutdown)
	if last.n.Load() == 0 {
		t.Error("not woken at the end")
	}
}

func TestRingCapsOfAView(t *testing.T) {
	limits := DefaultLimits()
	limits.RingBytes, limits.RingDuration = 10_000, time.Second
	b := New(limits)
	defer b.Close(reason.Shutdown)
	p := publish(t, b, "me", video)
	defer p.Stream().Plain().Follow(&counter{}, time.Hour).Stop()
	for i := range int64(100) {
		f := frame(video, i*40, i == 0)
		f.Payload = make([]byte, 1000)
		p.write(f)
		if held := p.Stream().Info().RingBytes; held > limits.RingBytes {
			t.Fatalf("%d bytes are held", held)
		}
	}
	if pos, ok := p.Stream().Plain().NewestStart(); ok {
		t.Errorf("start point %d is still there", pos)
	}
}
