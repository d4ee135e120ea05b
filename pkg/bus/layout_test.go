package bus

import (
	"slices"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

var bothHinted = [av.Kinds]bool{av.Video: true, av.Audio: true}

func (s *source) hint(kinds [av.Kinds]bool) {
	s.t.Helper()
	if err := s.Hint(kinds); err != nil {
		s.t.Fatal(err)
	}
}

func (s *source) metadata(m av.Metadata) {
	s.t.Helper()
	if err := s.SetMetadata(m); err != nil {
		s.t.Fatal(err)
	}
}

// epochs checks that layouts grow by one epoch per change and returns the
// layout in force.
type epochs struct {
	t    *testing.T
	s    *Stream
	last uint64
}

func (e *epochs) after(what string, changed bool) *av.Layout {
	e.t.Helper()
	l := e.s.Layout()
	if changed == (l.Epoch == e.last) || l.Epoch < e.last {
		e.t.Errorf("%s: epoch %d after %d, changed should be %t", what, l.Epoch, e.last, changed)
	}
	e.last = l.Epoch
	return l
}

func TestLayoutChanges(t *testing.T) {
	b := New(DefaultLimits())
	defer b.Close(reason.Shutdown)
	p := publish(t, b, "me")
	e := &epochs{t: t, s: p.Stream()}
	if l := e.after("nothing", false); len(l.Tracks) != 0 || l.Ready {
		t.Errorf("a new stream has layout %+v", l)
	}
	p.track(audio)
	e.after("audio", true)
	p.track(video)
	if l := e.after("video", true); !slices.Equal(l.Tracks, []*av.Track{video, audio}) {
		t.Errorf("tracks %v, want them ordered by ID", l.Tracks)
	}
	same := *video
	p.track(&same)
	e.after("the same track again", false)
	other := *video
	other.Config = []byte("another")
	before := p.Stream().Layout()
	p.track(&other)
	if l := e.after("another configuration", true); l.First(av.Video) != &other || len(l.Tracks) != 2 {
		t.Errorf("tracks %v", l.Tracks)
	}
	if before.First(av.Video) != video {
		t.Error("the layout before was changed in place")
	}
	m := av.Metadata{{Name: "encoder", Value: "x"}, {Name: "framerate", Value: 25.0}}
	p.metadata(m)
	e.after("metadata", true)
	p.metadata(slices.Clone(m))
	e.after("the same metadata", false)

	// The configuration record of MP3 is empty: its rate tells.
	mp3 := &av.Track{ID: 1, Kind: av.Audio, Codec: av.MP3, SampleRate: 44100, Channels: 2}
	p.track(mp3)
	e.after("MP3", true)
	faster := *mp3
	faster.SampleRate = 48000
	p.track(&faster)
	e.after("MP3 at another rate", true)

	f := frame(video, 0, true)
	p.write(f)
	if f.Layout != p.Stream().Layout() {
		t.Error("the frame does not have the layout in force")
	}
}

func TestReady(t *testing.T) {
	tests := []struct {
		name string
		do   func(p *source)
		want bool
	}{
		{"hinted, none seen", func(p *source) { p.hint(bothHinted) }, false},
		{"hinted, one seen", func(p *source) { p.hint(bothHinted); p.track(video) }, false},
		{"hinted, all seen", func(p *source) { p.hint(bothHinted); p.track(video); p.track(audio) }, true},
		{"all seen, then hinted", func(p *source) { p.track(video); p.track(audio); p.hint(bothHinted) }, true},
		{"not hinted, little media", func(p *source) {
			p.track(video)
			p.write(frame(video, 7000, true), frame(video, 7960, false))
		}, false},
		{"not hinted, a second of media", func(p *source) {
			p.track(video)
			p.write(frame(video, 7000, true), frame(video, 8000, false))
		}, true},
		{"hinted track missing for a second of media", func(p *source) {
			p.hint(bothHinted)
			p.track(video)
			p.write(frame(video, 0, true), frame(video, 1000, false))
		}, true},
		{"late track after settling", func(p *source) {
			p.track(video)
			p.write(frame(video, 0, true), frame(video, 1000, false))
			p.track(audio)
		}, true},
		{"hints after settling", func(p *source) {
			p.track(video)
			p.write(frame(video, 0, true), frame(video, 1000, false))
			p.hint(bothHinted)
		}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := New(DefaultLimits())
			defer b.Close(reason.Shutdown)
			p := publish(t, b, "me")
			test.do(p)
			if got := p.Stream().Layout().Ready; got != test.want {
				t.Errorf("ready: %t, want %t", got, test.want)
			}
		})
	}
}

func TestNewPublisherBeginsAnotherLayout(t *testing.T) {
	m := av.Metadata{{Name: "encoder", Value: "x"}}
	tests := []struct {
		name   string
		do     func(p *source)
		hinted [av.Kinds]bool
		meta   int
		tracks []*av.Track
		ready  bool
	}{
		{"other track", func(p *source) { p.track(audio) }, [av.Kinds]bool{}, 0, []*av.Track{audio}, false},
		{"same track", func(p *source) { p.track(video) }, [av.Kinds]bool{}, 0, []*av.Track{video}, false},
		{"same hints", func(p *source) { p.hint(bothHinted); p.track(video) }, bothHinted, 0, []*av.Track{video}, false},
		{"same metadata", func(p *source) { p.metadata(m); p.track(video) }, [av.Kinds]bool{}, 1, []*av.Track{video}, false},
		{"same everything", func(p *source) { p.hint(bothHinted); p.metadata(m); p.track(audio); p.track(video) }, bothHinted, 1, []*av.Track{video, audio}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := New(DefaultLimits())
			defer b.Close(reason.Shutdown)
			first := publish(t, b, "me")
			first.hint(bothHinted)
			first.metadata(m)
			first.track(video)
			first.track(audio)
			first.write(frame(video, 0, true), frame(video, 2000, false))
			old := first.Stream().Layout()
			first.Close()

			second := publish(t, b, "me")
			if second.Stream().Layout() != old {
				t.Error("the layout changed before the new publisher said anything")
			}
			test.do(second)
			l := second.Stream().Layout()
			if l.Epoch <= old.Epoch {
				t.Errorf("epoch %d after %d", l.Epoch, old.Epoch)
			}
			if l.Hinted != test.hinted || len(l.Metadata) != test.meta || !slices.Equal(l.Tracks, test.tracks) || l.Ready != test.ready {
				t.Errorf("layout %+v", l)
			}
			// Settling counts from this publisher's first frame.
			f, g := frame(test.tracks[0], 50_000, true), frame(test.tracks[0], 51_000, true)
			second.write(f, g)
			if f.Layout.Ready != test.ready || !g.Layout.Ready {
				t.Errorf("ready at first %t and after a second %t, want %t and true", f.Layout.Ready, g.Layout.Ready, test.ready)
			}
		})
	}
}

func TestVideoBeforeTheFirstKeyFrameIsDropped(t *testing.T) {
	b := New(DefaultLimits())
	defer b.Close(reason.Shutdown)
	p := publish(t, b, "me", video, audio)
	p.write(frame(video, 0, false), frame(audio, 10, false), frame(video, 40, false), frame(video, 80, true), frame(video, 120, false))
	p.Close()
	p = publish(t, b, "me", video, audio) // its GOP begins anew as well
	p.write(frame(video, 160, false), frame(video, 200, true))
	if i := p.Stream().Info(); i.FramesEarly != 3 || i.FramesIn != 4 || i.FramesByKind != [av.Kinds]uint64{av.Video: 3, av.Audio: 1} {
		t.Errorf("%d early, %d in, %v", i.FramesEarly, i.FramesIn, i.FramesByKind)
	}
}
