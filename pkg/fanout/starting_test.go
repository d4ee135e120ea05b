package fanout

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
)

// startMuxer marks the frames at which viewers may begin, by the tag 'S', and
// carries audio only.
type startMuxer struct{ testMuxer }

func (m startMuxer) AppendPrelude(dst []byte, l *av.Layout, dts int64) ([]byte, error) {
	if len(l.Tracks) > 0 && l.First(av.Audio) == nil {
		return nil, reason.Wrap(reason.Unsupported, errors.New("no track can be carried"))
	}
	return m.testMuxer.AppendPrelude(dst, l, dts)
}

func (startMuxer) AppendFrame(dst []byte, f *av.Frame, l *av.Layout, start bool) ([]byte, error) {
	switch {
	case f.Track.Kind != av.Audio:
		return nil, errors.New("a frame that cannot be carried was handed over")
	case start:
		return appendMessage(dst, 'S', uint64(f.DTS), nil), nil
	}
	return appendMessage(dst, 'a', uint64(f.DTS), nil), nil
}

func (r *rig) follow(c *client, key Key, m Muxer) *Log {
	r.t.Helper()
	l, release, err := r.delivery.Open(r.bus.Stream("live/test").Plain(), key, func() Muxer { return m })
	if err != nil {
		r.t.Fatal(err)
	}
	c.viewer.Follow(l, release, c.sess)
	return l
}

func (r *rig) sound() { r.write(&av.Frame{Track: r.audio, Payload: []byte("x")}) }

// A muxer that cannot carry the key frame begins at the first frame after it
// that it can.
func TestStartIsTheFirstFrameCarried(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	c := r.dial(ViewerOptions{})
	r.follow(c, Key{Format: "start"}, startMuxer{})
	r.frame(false, 10)
	r.sound() // 3
	r.sound()
	c.expect(t, got{tag: 'P', number: 3}, got{tag: 'S', number: 3}, got{tag: 'a', number: 4})
	r.frame(true, 10)
	r.sound() // 6
	c.expect(t, got{tag: 'S', number: 6})
}

// groupMuxer holds the frames from one start point to the next and then writes
// them as one message: the first frame's number and how many there are.
type groupMuxer struct {
	testMuxer
	held []uint64
}

func (m *groupMuxer) flush(dst []byte) []byte {
	if len(m.held) > 0 {
		dst = appendMessage(dst, 'G', m.held[0], make([]byte, len(m.held)))
	}
	m.held = nil
	return dst
}

func (m *groupMuxer) AppendChange(dst []byte, _, to *av.Layout, dts int64) ([]byte, error) {
	return m.AppendPrelude(m.flush(dst), to, dts)
}

func (m *groupMuxer) AppendFrame(dst []byte, f *av.Frame, l *av.Layout, start bool) ([]byte, error) {
	if start {
		dst = m.flush(dst)
	} else if m.held == nil {
		return m.testMuxer.AppendFrame(dst, f, l, false)
	}
	m.held = append(m.held, uint64(f.DTS))
	return dst, nil
}

// The start point of a muxer that holds frames is the message with the group
// that it held.
func TestStartOfHeldFrames(t *testing.T) {
	r := newRig(t, DefaultLimits())
	defer r.bus.Stream("live/test").Plain().Follow(deaf{}, time.Minute).Stop()
	r.frame(true, 10)
	c := r.dial(ViewerOptions{})
	l := r.follow(c, Key{Format: "group"}, &groupMuxer{})
	r.frame(false, 10)
	r.frame(false, 10)
	r.frame(true, 10) // 4
	three, two := string(make([]byte, 3)), string(make([]byte, 2))
	c.expect(t, got{'P', 4, "videoaudio"}, got{'G', 1, three})
	r.frame(false, 10)
	r.setTrack(&av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: []byte("other")})
	r.frame(false, 10) // 6: what is held goes out
	r.frame(false, 10)
	c.expect(t, got{'G', 4, two}, got{'P', 6, "videoother"}, got{tag: 'v', number: 6}, got{tag: 'v', number: 7})
	r.frame(true, 10) // 8
	r.frame(false, 10)
	r.frame(true, 10) // 10
	c.expect(t, got{'G', 8, two})

	var starts []uint64
	l.pull()
	l.mu.Lock()
	for _, s := range l.starts {
		starts = append(starts, s.number)
	}
	l.mu.Unlock()
	if n := len(starts); n == 0 || starts[n-1] != 4 || slices.ContainsFunc(starts, func(n uint64) bool { return n > 0 && n < 4 }) {
		t.Errorf("start points at messages %v, want 0, if it is not forgotten, and 4", starts)
	}
	late := r.dial(ViewerOptions{})
	late.viewer.Follow(l, func() {}, late.sess)
	late.expect(t, got{'P', 10, "videoother"}, got{'G', 8, two})
}

func TestLayoutAfterSelection(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	c := r.dial(ViewerOptions{})
	seen := make(chan *av.Layout, 10)
	r.follow(c, Key{Format: "layout", Selection: av.Selection{NoVideo: true}}, layoutMuxer{seen: seen})
	r.sound()
	r.sound()
	c.expect(t, got{tag: 'P', number: 2}, got{tag: 'a', number: 2}, got{tag: 'a', number: 3})
	if first, second := <-seen, <-seen; first != second || len(first.Tracks) != 1 || first.Tracks[0] != r.audio {
		t.Errorf("layouts %+v and %+v, want one without video", first, second)
	}
}

type layoutMuxer struct {
	testMuxer
	seen chan *av.Layout
}

func (m layoutMuxer) AppendFrame(dst []byte, f *av.Frame, l *av.Layout, start bool) ([]byte, error) {
	m.seen <- l
	return m.testMuxer.AppendFrame(dst, f, l, start)
}

// A format that must name all tracks at its start gets nothing before they are
// known, and then all from the start point on.
func TestSettledLog(t *testing.T) {
	for _, c := range []struct {
		name   string
		settle func(r *rig)
		want   []got
	}{
		{"the track comes", func(r *rig) { r.setTrack(r.video); r.sound() },
			[]got{{'P', 1, "videoaudio"}, {tag: 'a', number: 1}, {tag: 'a', number: 2}, {tag: 'a', number: 3}}},
		{"the publisher leaves", func(r *rig) { r.pub.Close() },
			[]got{{'P', 1, "audio"}, {tag: 'a', number: 1}, {tag: 'a', number: 2}}},
		{"the stream ends", func(r *rig) { r.bus.Close(reason.StreamEnded) },
			[]got{{'P', 1, "audio"}, {tag: 'a', number: 1}, {tag: 'a', number: 2}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, DefaultLimits())
			var err error
			if r.pub, err = r.bus.Publish("live/test", bus.Claim{Owner: "me", Kill: func(reason.Reason) {}}); err != nil {
				t.Fatal(err)
			}
			if err := r.pub.Hint([av.Kinds]bool{av.Video: true, av.Audio: true}); err != nil {
				t.Fatal(err)
			}
			r.setTrack(r.audio)
			r.sound()
			settled, soon := r.dial(ViewerOptions{}), r.dial(ViewerOptions{})
			l := r.follow(settled, Key{Format: "test", Settled: true}, testMuxer{})
			r.follow(soon, Key{Format: "test"}, testMuxer{})
			r.sound()
			soon.expect(t, got{'P', 1, "audio"}, got{tag: 'a', number: 1}, got{tag: 'a', number: 2})
			if e := l.pull(); e.messages > 0 {
				t.Fatalf("%d messages before the layout is ready", e.messages)
			}
			c.settle(r)
			settled.expect(t, c.want...)
		})
	}
}
