package bus

import (
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// pass is a transform that changes nothing.
type pass struct{}

func (pass) Transform(f *av.Frame, emit func(*av.Frame)) error {
	emit(f)
	return nil
}

// counted returns t without what is of the moment.
func counted(t Totals) Totals {
	t.Live, t.Grace, t.RingBytes, t.RingFrames = 0, 0, 0, 0
	return t
}

func TestTotals(t *testing.T) {
	b := New(DefaultLimits())
	p := publish(t, b, "me", video, audio)
	p.write(frame(video, 0, false)) // early
	p.write(frame(video, 0, true), frame(audio, 0, false), frame(video, 40, false))
	p.write(frame(video, 20, false))     // corrected
	p.write(frame(video, 100_000, true)) // a jump
	want := Totals{
		Bytes: 50, FramesByKind: [av.Kinds]uint64{av.Video: 4, av.Audio: 1},
		FramesEarly: 1, ClockJumps: 1, FramesCorrected: 1,
	}
	check := func(when string, live, grace int, held uint64) {
		t.Helper()
		got := b.Totals()
		if counted(got) != want {
			t.Errorf("%s: %+v, want %+v", when, counted(got), want)
		}
		if got.Live != live || got.Grace != grace {
			t.Errorf("%s: %d streams are live and %d in grace, want %d and %d", when, got.Live, got.Grace, live, grace)
		}
		if got.RingFrames != held || (got.RingBytes > 0) != (held > 0) {
			t.Errorf("%s: %d frames with %d bytes are held, want %d frames", when, got.RingFrames, got.RingBytes, held)
		}
	}
	held := p.Stream().Info().RingFrames
	check("live", 1, 0, held)
	p.Close()
	check("publisher gone", 0, 1, held)
	p.Stream().expire(p.Publisher)
	check("stream ended", 0, 0, 0)

	p = publish(t, b, "me", video)
	p.write(frame(video, 0, true))
	want.Bytes, want.FramesByKind[av.Video] = 60, 5
	check("a stream of the same name", 1, 0, 1)
	b.Close(reason.Shutdown)
	check("bus closed", 0, 0, 0)
}

// A publisher may come in the moment in which the stream has ended but not left
// the bus. Then the end must not be counted twice, nor not at all.
func TestTotalsOfAReplacedStream(t *testing.T) {
	b := New(DefaultLimits())
	defer b.Close(reason.Shutdown)
	p := publish(t, b, "me", video)
	p.write(frame(video, 0, true))
	old := p.Stream()
	old.mu.Lock()
	old.state, old.pub = Ended, nil
	old.deadline.Stop()
	old.mu.Unlock()
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"ended", func() {}},
		{"replaced", func() { publish(t, b, "me", video) }},
		{"removed late", func() { b.remove(old) }},
	} {
		step.do()
		if got := b.Totals(); got.FramesByKind[av.Video] != 1 {
			t.Errorf("%s: %d frames are counted, want 1", step.name, got.FramesByKind[av.Video])
		}
	}
}

func TestTotalsCountDerivedRings(t *testing.T) {
	b := New(DefaultLimits())
	defer b.Close(reason.Shutdown)
	p := publish(t, b, "me", video)
	d, release, err := p.Stream().Plain().Derive("pass", func() Transform { return pass{} })
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	sub := d.Subscribe(0)
	defer sub.Close()
	p.write(frame(video, 0, true))
	if _, err := sub.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.Totals(); got.RingFrames != 2 || got.FramesByKind[av.Video] != 1 {
		t.Errorf("%d frames are held and %d counted, want 2 and 1", got.RingFrames, got.FramesByKind[av.Video])
	}
}
