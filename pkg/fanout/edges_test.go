package fanout

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// A pump writes a large message in pieces; control bytes must not come between
// them.
func TestPumpKeepsMessagesWhole(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	near, far := net.Pipe()
	sess, err := r.registry.Open(session.Info{Protocol: "test", Action: session.Play}, func(reason.Reason) {})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{Conn: far, closed: make(chan reason.Reason, 1), sess: sess}
	c.viewer = r.delivery.Add(near, ViewerOptions{
		Closed: func(why reason.Reason, _ error) { near.Close(); c.closed <- why },
	})
	r.play(c, av.Selection{})
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
	r.frame(false, 3*passBudget)
	var head [13]byte
	if _, err := io.ReadFull(c, head[:]); err != nil { // the pump is in the message now
		t.Fatal(err)
	}
	c.viewer.Control(appendMessage(nil, 'C', 1, nil))
	if n, err := io.CopyN(io.Discard, c, 3*passBudget); err != nil {
		t.Fatalf("after %d bytes: %v", n, err)
	}
	c.expect(t, got{tag: 'C', number: 1})
	r.frame(false, 10)
	c.expect(t, got{tag: 'v', number: 3})
	c.viewer.Close(reason.Kicked, nil)
	c.expectClosed(t, reason.Kicked)
}

// hookMuxer calls a function for every frame, which it does not carry.
type hookMuxer struct {
	testMuxer
	hook func()
}

func (m hookMuxer) AppendFrame(dst []byte, _ *av.Frame, _ *av.Layout, _ bool) ([]byte, error) {
	m.hook()
	return dst, nil
}

// The stream ends after the viewer's first look at its log and before the
// loop follows the view: nothing wakes the loop any more.
func TestStreamEndsWhileAViewerJoins(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	c := r.dial(ViewerOptions{})
	l, release, err := r.delivery.Open(r.bus.Stream("live/test").Plain(), Key{Format: "hook"}, func() Muxer {
		return hookMuxer{hook: func() { r.bus.Close(reason.StreamEnded) }}
	})
	if err != nil {
		t.Fatal(err)
	}
	c.viewer.Follow(l, release, c.sess)
	c.expectClosed(t, reason.StreamEnded)
}

// After more frames than a group remembers, what it remembers is not taken for
// the newest.
func TestGroupForgetsOldMarks(t *testing.T) {
	r := newRig(t, DefaultLimits())
	l, release, err := r.delivery.Open(r.bus.Stream("live/test").Plain(), Key{Format: "test"}, func() Muxer { return testMuxer{} })
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	g := &group{log: l}
	for _, step := range []struct{ frames, want int }{{1, 1}, {3, 3}, {0, 3}, {300, 0}, {0, 0}, {2, 2}} {
		for range step.frames {
			r.frame(r.n == 0, 10)
		}
		g.pull()
		if len(g.recent) != step.want {
			t.Fatalf("%d marks after %d frames, want %d", len(g.recent), step.frames, step.want)
		}
		g.stale = true // as after a pass
	}
}

// A viewer that was parked for so long that the log forgot what it was sent is
// not taken for having got what it was not sent: that is what it skips.
func TestForgottenMessagesAreNotDelivered(t *testing.T) {
	r := newRig(t, DefaultLimits())
	l, release, err := r.delivery.Open(r.bus.Stream("live/test").Plain(), Key{Format: "test"}, func() Muxer { return testMuxer{} })
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	r.frame(true, 10)
	sent := l.pull().offset
	for range 20 {
		r.frame(false, 10)
	}
	middle := l.pull().offset
	r.frame(true, 10) // nobody follows the view: it keeps no more than this GOP
	r.frame(false, 10)
	end := l.pull().offset
	tests := []struct {
		name     string
		offset   int64
		next     uint64
		observed int
	}{
		{"all forgotten", sent, 0, 0},
		{"up to what is known", middle, 21, 0},
		{"all known", end, 23, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			observed := 0
			next, _ := l.delivered(0, test.offset, func(uint64, mark) { observed++ })
			if next != test.next || observed != test.observed {
				t.Errorf("next is %d, %d observed, want %d and %d", next, observed, test.next, test.observed)
			}
		})
	}
}

// A log that failed is not handed to those who come later, even while somebody
// still holds it.
func TestViewerAfterAFailedLog(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	first := r.join(ViewerOptions{})
	first.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
	_, release, err := r.delivery.Open(first.log.view, first.log.key, func() Muxer { return testMuxer{} })
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	r.write(&av.Frame{Track: r.video, Payload: []byte("panic")})
	first.expectClosed(t, reason.InternalError)
	r.frame(true, 10)
	second := r.join(ViewerOptions{})
	second.expect(t, got{tag: 'P', number: 3}, got{tag: 'K', number: 3})
}

// A second play on a connection does not inherit the first one's pause.
func TestStopEndsThePause(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	c := r.join(ViewerOptions{})
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
	c.viewer.Pause(true)
	c.viewer.Stop()
	c.viewer.Control(appendMessage(nil, 'C', 1, nil))
	c.expect(t, got{tag: 'C', number: 1})
	r.play(c, av.Selection{})
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
}

// A viewer that rests goes on no earlier than at its place.
func TestRestKeepsThePlace(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	r.frame(false, 10)
	c := r.join(ViewerOptions{})
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1}, got{tag: 'v', number: 2})
	c.viewer.Rest()
	c.viewer.Control(appendMessage(nil, 'C', 1, nil))
	c.expect(t, got{tag: 'C', number: 1})
	r.frame(false, 10)
	for i, selection := range []av.Selection{{NoAudio: true}, {}} { // either has a start point that is passed
		r.play(c, selection)
		asked := uint64(2 + i)
		c.viewer.Control(appendMessage(nil, 'C', asked, nil))
		c.expect(t, got{tag: 'C', number: asked})
	}
	r.frame(true, 10)
	c.expect(t, got{tag: 'P', number: 4}, got{tag: 'K', number: 4})
}

// Whoever asks for what a complete layout does not have is told, not left
// waiting.
func TestNothingSelected(t *testing.T) {
	r := newRig(t, DefaultLimits())
	if err := r.pub.Hint([av.Kinds]bool{av.Video: true, av.Audio: true}); err != nil { // both are there: ready
		t.Fatal(err)
	}
	r.frame(true, 10)
	c := r.dial(ViewerOptions{})
	r.play(c, av.Selection{NoVideo: true, NoAudio: true})
	c.expectClosed(t, reason.Unsupported)
}

// A muxer that moves its bytes elsewhere although they would have fitted does
// not lose them.
type movingMuxer struct{ testMuxer }

func (m movingMuxer) AppendFrame(dst []byte, f *av.Frame, _ *av.Layout, _ bool) ([]byte, error) {
	return m.testMuxer.AppendFrame(append([]byte(nil), dst...), f, nil, false)
}

func TestMuxerThatMovesItsBytes(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	c := r.dial(ViewerOptions{})
	l, release, err := r.delivery.Open(r.bus.Stream("live/test").Plain(), Key{Format: "moving"}, func() Muxer { return movingMuxer{} })
	if err != nil {
		t.Fatal(err)
	}
	c.viewer.Follow(l, release, c.sess)
	r.frame(false, 10)
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1}, got{tag: 'v', number: 2})
}

// A viewer that changes its selection before anything of the old one came does
// not go back to the oldest start point.
func TestChangeOfSelectionNeverGoesBack(t *testing.T) {
	r := newRig(t, DefaultLimits())
	for range 3 {
		r.frame(true, 10)
	}
	l, release, err := r.delivery.Open(r.bus.Stream("live/test").Plain(), Key{Format: "test", Selection: av.Selection{NoVideo: true}}, func() Muxer { return testMuxer{} })
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	e := l.pull()
	if at := l.after(e.offset); at != l.position || at == 0 {
		t.Errorf("after a log without messages: position %d, want %d", at, l.position)
	}
	r.write(&av.Frame{Track: r.audio, Payload: []byte("x")})
	l.pull()
	if at := l.after(e.offset); at != l.position-1 {
		t.Errorf("before the first message: position %d, want %d", at, l.position-1)
	}
}

// deaf is a waker that nobody needs to wake.
type deaf struct{}

func (deaf) Wake() {}

// Two changes of selection in a row: what the first log brought does not come
// again from the third, although the second has sent nothing yet.
func TestChangeTwiceInARow(t *testing.T) {
	r := newRig(t, DefaultLimits())
	open := func(sel av.Selection) *follow {
		l, release, err := r.delivery.Open(r.bus.Stream("live/test").Plain(), Key{Format: "test", Selection: sel}, func() Muxer { return testMuxer{} })
		if err != nil {
			t.Fatal(err)
		}
		l.pull()
		return &follow{log: l, release: release}
	}
	sound := func() { r.write(&av.Frame{Track: r.audio, Payload: []byte("x")}) }
	defer r.bus.Stream("live/test").Plain().Follow(deaf{}, time.Minute).Stop() // nothing is forgotten
	r.frame(true, 10)
	all, onlyAudio, onlyVideo := open(av.Selection{}), open(av.Selection{NoVideo: true}), open(av.Selection{NoAudio: true})
	sound()
	onlyAudio.log.pull()
	r.frame(true, 10)
	r.frame(false, 10)
	v := &Viewer{limits: &r.delivery.limits, session: &session.Session{}}
	v.cursor.adopt(all.log, all.release)
	e := all.log.pull()
	if !v.join(&e) {
		t.Fatal("no start point")
	}
	v.cursor.pending, v.cursor.offset = nil, e.offset // all of it was sent
	sound()                                           // the start point of the second log
	v.next = onlyAudio
	e = all.log.pull()
	v.change(&e)
	if v.cursor.log != onlyAudio.log {
		t.Fatal("did not change at the border")
	}
	v.next = onlyVideo
	v.change(&e)
	if v.cursor.log != onlyAudio.log {
		t.Error("went back to a key frame that was sent already")
	}
	v.unfollow()
}
