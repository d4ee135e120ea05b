package fanout

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
)

// deafMuxer carries no sound.
type deafMuxer struct{ testMuxer }

func (deafMuxer) LeftOut(l *av.Layout) (tracks []av.Omission) {
	for _, t := range l.Tracks {
		if t.Kind == av.Audio {
			tracks = append(tracks, av.Omit(t, "deaf"))
		}
	}
	return tracks
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// What a format leaves out is known of each session, follows the layout and is
// logged once.
func TestLeftOut(t *testing.T) {
	r := newRig(t, DefaultLimits())
	var lines syncBuffer
	r.delivery.LogTo(slog.New(slog.NewTextHandler(&lines, nil)))
	join := func(sel av.Selection) *client {
		c := r.dial(ViewerOptions{})
		l, release, err := r.delivery.Open(r.bus.Stream("live/test").Plain(), Key{Format: "deaf", Selection: sel}, func() Muxer { return deafMuxer{} })
		if err != nil {
			t.Fatal(err)
		}
		c.viewer.Follow(l, release, c.sess)
		return c
	}
	leftOut := func(c *client) []av.Omission {
		s, _ := r.registry.Get(c.sess.ID())
		return s.LeftOut
	}
	first, second, silent := join(av.Selection{}), join(av.Selection{}), join(av.Selection{NoAudio: true})
	r.frame(true, 10)
	for _, c := range []*client{first, second, silent} {
		if _, err := readMessage(c); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []*client{first, second} {
		if got := leftOut(c); len(got) != 1 || got[0] != (av.Omission{Kind: av.Audio, Codec: "AAC", Why: "deaf"}) {
			t.Errorf("got %+v", got)
		}
	}
	if got := leftOut(silent); len(got) != 0 {
		t.Errorf("sound that was not asked for: %+v", got)
	}
	if got := r.registry.Lacks(); len(got["live/test"]) != 1 || got["live/test"][0].Protocol != "test" {
		t.Errorf("got %+v", got)
	}
	r.setTrack(&av.Track{ID: 3, Kind: av.Audio, Codec: av.Opus, Config: []byte("more")})
	r.frame(true, 10)
	eventually(t, "the change is known", func() bool { return len(leftOut(first)) == 2 })
	eventually(t, "the change is known", func() bool { return strings.Contains(lines.String(), "codec=Opus cause=deaf") })
	if got := strings.Count(lines.String(), "codec=AAC"); got != 2 { // one for each layout
		t.Errorf("%d lines:\n%s", got, &lines)
	}
}
