package bus

import (
	"fmt"
	"slices"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// witness writes down what it is told.
type witness struct{ told []string }

func (w *witness) LayoutKnown(l *av.Layout) {
	w.told = append(w.told, fmt.Sprintf("%d tracks", len(l.Tracks)))
}
func (w *witness) FrameKnown() { w.told = append(w.told, "frame") }

// A publisher's witness is told of its layout, once that is known, and of its first
// frame, also of one that takes over a stream with the same tracks.
func TestWitness(t *testing.T) {
	b := New(DefaultLimits())
	defer b.Close(reason.Shutdown)
	video := &av.Track{ID: 0, Kind: av.Video, Codec: av.H264, Config: []byte("video")}
	audio := &av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: []byte("audio")}
	for range 2 {
		w := new(witness)
		p, err := b.Publish("live/test", Claim{Owner: "me", Kill: func(reason.Reason) {}, Witness: w})
		if err != nil {
			t.Fatal(err)
		}
		frame := func(track *av.Track, key bool) {
			t.Helper()
			if err := p.Write(&av.Frame{Track: track, Key: key, Arrival: av.Now(), Payload: []byte("x")}); err != nil {
				t.Fatal(err)
			}
		}
		var kinds [av.Kinds]bool
		kinds[av.Video], kinds[av.Audio] = true, true
		for _, err := range []error{p.Hint(kinds), p.SetTrack(video)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		frame(video, false) // before a key frame nothing can begin
		frame(video, true)
		frame(video, true)
		if err := p.SetTrack(audio); err != nil {
			t.Fatal(err)
		}
		frame(audio, false)
		if want := []string{"frame", "2 tracks"}; !slices.Equal(w.told, want) {
			t.Errorf("told %q, want %q", w.told, want)
		}
	}
}

// faulty panics when it is told of this.
type faulty string

func (f faulty) LayoutKnown(*av.Layout) { f.told("layout") }
func (f faulty) FrameKnown()            { f.told("frame") }

func (f faulty) told(what string) {
	if what == string(f) {
		panic(what)
	}
}

// TestPanicLeavesTheStream: what panics below a publisher's call costs its session, in
// which panics are contained, not the stream, which others publish after it.
func TestPanicLeavesTheStream(t *testing.T) {
	for _, tt := range []struct {
		name   string
		faults faulty
		call   func(*source)
	}{
		{"told of a layout", "layout", func(s *source) {
			for ms := range int64(11) { // no other track is awaited after a second
				s.write(frame(audio, 100*ms, false))
			}
		}},
		{"told of a frame", "frame", func(s *source) { s.write(frame(video, 0, true)) }},
		{"a frame of no track", "", func(s *source) { s.write(new(av.Frame)) }},
		{"asked for limits", "", func(s *source) {
			s.stream.bus.SetLimits(Limits{ForStream: func(string) Limits { panic("limits") }})
			s.Close()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := New(DefaultLimits())
			p, err := b.Publish("live/test", Claim{Owner: "me", Kill: func(reason.Reason) {}, Witness: tt.faults})
			if err != nil {
				t.Fatal(err)
			}
			func() {
				defer func() {
					if recover() == nil {
						t.Error("nothing panicked")
					}
				}()
				s := &source{Publisher: p, t: t}
				s.track(video)
				s.track(audio)
				tt.call(s)
			}()
			if !p.stream.mu.TryLock() {
				t.Fatal("the stream is locked for ever")
			}
			p.stream.mu.Unlock()
			b.SetLimits(DefaultLimits())
			p.Close()
			publish(t, b, "me", video).write(frame(video, 0, true))
			b.Close(reason.Shutdown)
		})
	}
}
