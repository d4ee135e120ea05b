package bus

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// changes collects what an observer is told, by stream.
type changes struct {
	mu  sync.Mutex
	all map[string][]Change
}

func observe(b *Bus) *changes {
	c := &changes{all: map[string][]Change{}}
	b.Observe(func(x Change) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all[x.Info.Name] = append(c.all[x.Info.Name], x)
	})
	return c
}

// words returns what happened to a stream, with the sessions.
func (c *changes) words(stream string) (out []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.all[stream] {
		out = append(out, string(x.Happening)+" "+x.Session)
	}
	return out
}

func TestObserver(t *testing.T) {
	ann, bob := "ann's session", "bob's session"
	for _, c := range []struct {
		name string
		do   func(b *Bus)
		want []string
	}{
		{"comes and goes", func(b *Bus) {
			p := publish(t, b, "ann")
			p.Close()
			p.Close()
		}, []string{"published " + ann, "unpublished " + ann}},
		{"returns", func(b *Bus) {
			publish(t, b, "ann").Close()
			publish(t, b, "bob").Close()
		}, []string{"published " + ann, "unpublished " + ann, "published " + bob, "unpublished " + bob}},
		{"is taken over", func(b *Bus) {
			p := publish(t, b, "ann")
			publish(t, b, "ann").Close()
			p.Close()
		}, []string{"published " + ann, "unpublished " + ann, "published " + ann, "unpublished " + ann}},
		{"is refused", func(b *Bus) {
			publish(t, b, "ann")
			other, _ := claim("bob")
			if _, err := b.Publish("live/test", other); err == nil {
				t.Error("two publishers")
			}
		}, []string{"published " + ann, "unpublished " + ann}},
		{"stops with the bus", func(b *Bus) { publish(t, b, "ann") }, []string{"published " + ann, "unpublished " + ann}},
		{"the layout settles", func(b *Bus) {
			p := publish(t, b, "ann")
			kinds := [av.Kinds]bool{}
			kinds[av.Video], kinds[av.Audio] = true, true
			if err := p.Hint(kinds); err != nil {
				t.Error(err)
			}
			p.track(video)
			p.track(audio)
			p.write(frame(video, 0, true))
			p.track(audio) // is there already
			p.Close()
			again := publish(t, b, "ann") // with the same layout
			if err := again.Hint(kinds); err != nil {
				t.Error(err)
			}
			again.track(video)
			again.track(audio)
			other := *video
			other.Config = []byte("changed")
			again.track(&other)
		}, []string{
			"published " + ann, "layout_changed " + ann, "unpublished " + ann,
			"published " + ann, "layout_changed " + ann, "unpublished " + ann,
		}},
		{"leaves before the layout settles", func(b *Bus) { publish(t, b, "ann", video).Close() },
			[]string{"published " + ann, "layout_changed " + ann, "unpublished " + ann}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := New(DefaultLimits())
			seen := observe(b)
			c.do(b)
			b.Close(reason.Shutdown)
			if got := seen.words("live/test"); !slices.Equal(got, c.want) {
				t.Errorf("%q\nwant %q", got, c.want)
			}
		})
	}
}

// TestObserverSeesTheMoment: what is told is what there was then, not later.
func TestObserverSeesTheMoment(t *testing.T) {
	b := New(DefaultLimits())
	gate := make(chan struct{})
	var got []Change
	b.Observe(func(c Change) {
		<-gate
		got = append(got, c)
	})
	p := publish(t, b, "ann", video)
	p.write(frame(video, 0, true))
	p.Close()
	close(gate) // nobody waited for the observer until here
	b.Close(reason.Shutdown)
	if len(got) != 3 {
		t.Fatalf("%+v", got)
	}
	if i := got[0].Info; i.State != Live || i.Session != "ann's session" || i.FramesIn != 0 {
		t.Errorf("published: %+v", i)
	}
	if i := got[2].Info; i.State != Grace || i.Session != "" || i.FramesIn != 1 || len(i.Tracks) != 1 {
		t.Errorf("unpublished: %+v", i)
	}
}

// TestObserverOrder: publishers that come, take over and go all at once are told of in
// pairs.
func TestObserverOrder(t *testing.T) {
	const streams, publishers, each = 4, 4, 100
	limits := DefaultLimits()
	limits.Grace = time.Microsecond // streams end meanwhile, too
	b := New(limits)
	seen := observe(b)
	var all sync.WaitGroup
	for i := range streams * publishers {
		all.Go(func() {
			for range each {
				c, _ := claim("ann")
				p, err := b.Publish(fmt.Sprint(i%streams), c)
				if err != nil {
					t.Error(err)
					return
				}
				p.Close()
			}
		})
	}
	all.Wait()
	b.Close(reason.Shutdown)
	for i := range streams {
		words := seen.words(fmt.Sprint(i))
		if len(words) != 2*publishers*each {
			t.Errorf("stream %d: %d changes", i, len(words))
		}
		for j, w := range words {
			if want := []string{"published ann's session", "unpublished ann's session"}[j%2]; w != want {
				t.Fatalf("stream %d: change %d is %q", i, j, w)
			}
		}
	}
}
