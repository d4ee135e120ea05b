package fanout

import (
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// A viewer's session tells when its media began, and how far it is behind: not at
// all, or for as long as the oldest frame waits that it has not got.
func TestLagAndTimeline(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	c := r.dial(ViewerOptions{})
	snapshot := func() session.Snapshot {
		s, ok := r.registry.Get(c.sess.ID())
		if !ok {
			t.Fatal("no session")
		}
		return s
	}
	before := snapshot()
	if _, ok := before.Lag(); ok {
		t.Error("lags before it follows anything")
	}
	r.play(c, av.Selection{})
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
	eventually(t, "the viewer has all", func() bool {
		s := snapshot()
		lag, ok := s.Lag()
		return ok && lag == 0 && s.FramesOut == 1
	})
	var reached []session.Milestone
	for _, step := range snapshot().Timeline {
		reached = append(reached, step.What)
	}
	if len(reached) != 3 || reached[1] != session.Layout || reached[2] != session.FirstKeyFrame {
		t.Errorf("reached %v", reached)
	}
	c.viewer.Pause(true)
	r.frame(false, 10)
	waiting := time.Now()
	eventually(t, "the frame is in the log", func() bool {
		s := snapshot()
		lag, _ := s.Lag()
		return lag > 0
	})
	time.Sleep(5 * time.Millisecond)
	since := time.Since(waiting)
	late := snapshot()
	if lag, ok := late.Lag(); !ok || lag < since {
		t.Errorf("the frame waits for %v, the lag is %v, known: %t", since, lag, ok)
	}
	c.viewer.Pause(false)
	c.expect(t, got{tag: 'v', number: 2})
	eventually(t, "the viewer has all again", func() bool {
		s := snapshot()
		lag, ok := s.Lag()
		return ok && lag == 0
	})
	c.viewer.Stop()
	eventually(t, "nothing is known without a log", func() bool {
		s := snapshot()
		_, ok := s.Lag()
		return !ok
	})
	c.viewer.Close(reason.ClientClosed, nil)
	c.expectClosed(t, reason.ClientClosed)
}
