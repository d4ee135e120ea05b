package fanout

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testMuxer writes messages that a test can take apart: length, tag, number.
// The prelude's tag is 'P' with the layout's track configurations.
type testMuxer struct{}

func appendMessage(dst []byte, tag byte, number uint64, body []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(9+len(body)))
	dst = append(dst, tag)
	dst = binary.BigEndian.AppendUint64(dst, number)
	return append(dst, body...)
}

func (testMuxer) AppendPrelude(dst []byte, l *av.Layout, dts int64) ([]byte, error) {
	var config []byte
	for _, t := range l.Tracks {
		if string(t.Config) == "refused" {
			return nil, reason.Wrap(reason.Unsupported, errors.New("cannot be carried"))
		}
		config = append(config, t.Config...)
	}
	return appendMessage(dst, 'P', uint64(dts), config), nil
}

// AppendChange writes the whole prelude anew.
func (m testMuxer) AppendChange(dst []byte, _, to *av.Layout, dts int64) ([]byte, error) {
	return m.AppendPrelude(dst, to, dts)
}

func (testMuxer) AppendFrame(dst []byte, f *av.Frame, _ *av.Layout, _ bool) ([]byte, error) {
	if string(f.Payload[:min(5, len(f.Payload))]) == "panic" {
		panic("as told")
	}
	tag := byte('v')
	switch {
	case f.Track.Kind == av.Audio:
		tag = 'a'
	case f.Key:
		tag = 'K'
	}
	return appendMessage(dst, tag, uint64(f.DTS), f.Payload), nil
}

// got is one message as a client read it.
type got struct {
	tag    byte
	number uint64
	body   string
}

func readMessage(r io.Reader) (got, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return got{}, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(r, body); err != nil {
		return got{}, fmt.Errorf("in the middle of a message: %w", err)
	}
	return got{body[0], binary.BigEndian.Uint64(body[1:]), string(body[9:])}, nil
}

// rig is a delivery with one published stream.
type rig struct {
	t        testing.TB
	bus      *bus.Bus
	delivery *Delivery
	registry *session.Registry
	pub      *bus.Publisher
	video    *av.Track
	audio    *av.Track
	n        int64
}

func newRig(t testing.TB, limits Limits) *rig {
	busLimits := bus.DefaultLimits()
	busLimits.Linger, busLimits.Opening = 0, 0
	r := &rig{
		t: t, bus: bus.New(busLimits), delivery: New(limits),
		registry: session.NewRegistry(session.Options{}),
		video:    &av.Track{ID: 0, Kind: av.Video, Codec: av.H264, Config: []byte("video")},
		audio:    &av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: []byte("audio")},
	}
	var err error
	if r.pub, err = r.bus.Publish("live/test", bus.Claim{Owner: "me", Kill: func(reason.Reason) {}}); err != nil {
		t.Fatal(err)
	}
	r.setTrack(r.video)
	r.setTrack(r.audio)
	t.Cleanup(r.close)
	return r
}

func (r *rig) setTrack(track *av.Track) {
	if err := r.pub.SetTrack(track); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) close() {
	r.bus.Close(reason.Shutdown)
	deadline := time.Now().Add(5 * time.Second)
	for r.delivery.Viewers() > 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	if n := r.delivery.Viewers(); n > 0 {
		r.t.Errorf("%d viewers are left after the stream ended", n)
	}
	r.delivery.Close()
}

// frame writes a video frame whose DTS is its number.
func (r *rig) frame(key bool, size int) {
	r.write(&av.Frame{Track: r.video, Key: key, Payload: make([]byte, size)})
}

func (r *rig) write(f *av.Frame) {
	r.n++
	f.DTS, f.PTS, f.Arrival = r.n, r.n, av.Now()
	if err := r.pub.Write(f); err != nil {
		r.t.Fatal(err)
	}
}

// client is the far end of a viewer's connection.
type client struct {
	net.Conn
	viewer *Viewer
	log    *Log
	closed chan reason.Reason
	sess   *session.Session
}

func (r *rig) dial(o ViewerOptions) *client {
	r.t.Helper()
	near, far := tcpPair(r.t)
	return r.serve(near, far, o)
}

// serve has the delivery write to near, whose other end is far.
func (r *rig) serve(near, far net.Conn, o ViewerOptions) *client {
	r.t.Helper()
	c := &client{Conn: far, closed: make(chan reason.Reason, 1)}
	var err error
	if c.sess, err = r.registry.Open(session.Info{Protocol: "test", Action: session.Play, Stream: "live/test"}, func(reason.Reason) {}); err != nil {
		r.t.Fatal(err)
	}
	o.Closed = func(why reason.Reason, err error) {
		near.Close()
		c.sess.Close(why, err)
		c.closed <- why
	}
	c.viewer = r.delivery.Add(near, o)
	r.t.Cleanup(func() { far.Close() })
	return c
}

func (r *rig) play(c *client, sel av.Selection) {
	r.t.Helper()
	l, release, err := r.delivery.Open(r.bus.Stream("live/test").Plain(), Key{Format: "test", Selection: sel}, func() Muxer { return testMuxer{} })
	if err != nil {
		r.t.Fatal(err)
	}
	c.log = l
	c.viewer.Follow(l, release, c.sess)
}

func (r *rig) join(o ViewerOptions) *client {
	r.t.Helper()
	c := r.dial(o)
	r.play(c, av.Selection{})
	return c
}

func tcpPair(t testing.TB) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept()
		accepted <- c
	}()
	if far, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	return <-accepted, far
}

func (c *client) expect(t testing.TB, want ...got) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	for i, w := range want {
		m, err := readMessage(c)
		if err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if m.tag != w.tag || m.number != w.number || (w.body != "" && m.body != w.body) {
			t.Fatalf("message %d is %c %d %.40q, want %c %d %q", i, m.tag, m.number, m.body, w.tag, w.number, w.body)
		}
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func (d *Delivery) parked() (n int64) {
	for i := range d.stats.Loops {
		n += d.stats.Loops[i].Parked.Load()
	}
	return n
}

func (c *client) expectClosed(t testing.TB, want reason.Reason) {
	t.Helper()
	select {
	case why := <-c.closed:
		if why != want {
			t.Fatalf("closed because of %s, want %s", why, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("not closed")
	}
}

func TestViewerStartsAtNewestKeyFrameAndGetsEveryFrame(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	r.frame(false, 10)
	r.frame(true, 10) // 3
	r.frame(false, 10)
	c := r.join(ViewerOptions{Hello: func(l *av.Layout) []byte {
		return appendMessage(nil, 'H', uint64(len(l.Tracks)), nil)
	}})
	c.expect(t, got{tag: 'H', number: 2}, got{'P', 3, "videoaudio"}, got{tag: 'K', number: 3}, got{tag: 'v', number: 4})
	r.frame(false, 100_000)
	r.frame(true, 300_000)
	c.expect(t, got{tag: 'v', number: 5}, got{tag: 'K', number: 6})
}

func TestViewerWaitsForTheFirstKeyFrame(t *testing.T) {
	r := newRig(t, DefaultLimits())
	c := r.join(ViewerOptions{})
	time.Sleep(10 * time.Millisecond)
	r.frame(true, 10)
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
}

func TestLayoutChangeIsSentInBand(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	c := r.join(ViewerOptions{})
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
	other := *r.video
	other.Config = []byte("other")
	r.setTrack(&other)
	r.video = &other
	r.frame(true, 10)
	c.expect(t, got{'P', 2, "otheraudio"}, got{tag: 'K', number: 2})
	// A viewer that joins now gets the new prelude, once.
	late := r.join(ViewerOptions{})
	late.expect(t, got{'P', 2, "otheraudio"}, got{tag: 'K', number: 2})
	// Metadata that changes no byte of the prelude is not sent again.
	if err := r.pub.SetMetadata(av.Metadata{{Name: "encoder", Value: "x"}}); err != nil {
		t.Fatal(err)
	}
	r.frame(false, 10)
	c.expect(t, got{tag: 'v', number: 3})
}

func TestControlEntersBetweenMessages(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	c := r.join(ViewerOptions{})
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
	// Far more than the socket takes: the viewer is parked in a message when
	// the control bytes come.
	r.frame(false, 8_000_000)
	eventually(t, "the viewer is parked", func() bool { return r.delivery.parked() == 1 })
	c.viewer.Control(appendMessage(nil, 'C', 1, nil))
	c.expect(t, got{tag: 'v', number: 2}, got{tag: 'C', number: 1})
	r.frame(false, 10)
	c.expect(t, got{tag: 'v', number: 3})
	c.viewer.Control(appendMessage(nil, 'C', 2, nil))
	c.expect(t, got{tag: 'C', number: 2})
}

func TestSelectionAndChangeOfSelection(t *testing.T) {
	r := newRig(t, DefaultLimits())
	sound := func() { r.write(&av.Frame{Track: r.audio, Payload: []byte("x")}) }
	r.frame(true, 10) // 1
	sound()           // 2
	r.frame(false, 10)
	sound() // 4
	c := r.dial(ViewerOptions{})
	r.play(c, av.Selection{NoVideo: true})
	c.expect(t, got{'P', 2, "audio"}, got{tag: 'a', number: 2}, got{tag: 'a', number: 4})
	r.play(c, av.Selection{})
	time.Sleep(10 * time.Millisecond)
	sound() // 5: no start point of the other log yet
	c.expect(t, got{tag: 'a', number: 5})
	r.frame(true, 10) // 6
	r.frame(false, 10)
	c.expect(t, got{'P', 6, "videoaudio"}, got{tag: 'K', number: 6}, got{tag: 'v', number: 7})
	c.viewer.Stop()
	c.viewer.Control(appendMessage(nil, 'C', 1, nil))
	c.expect(t, got{tag: 'C', number: 1})
	r.frame(true, 10) // 8: not sent
	r.play(c, av.Selection{NoAudio: true})
	c.expect(t, got{'P', 8, "video"}, got{tag: 'K', number: 8})
}

func TestPauseKeepsThePlace(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	c := r.join(ViewerOptions{})
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
	c.viewer.Pause(true)
	c.viewer.Control(appendMessage(nil, 'C', 1, nil))
	c.expect(t, got{tag: 'C', number: 1})
	r.frame(false, 10)
	r.frame(false, 10)
	c.viewer.Pause(false)
	c.expect(t, got{tag: 'v', number: 2}, got{tag: 'v', number: 3})
}

func TestSlowViewerSkipsToKeyFrame(t *testing.T) {
	limits := DefaultLimits()
	limits.LagBytes = 1 << 20
	r := newRig(t, limits)
	r.frame(true, 10)
	slow, good := r.join(ViewerOptions{}), r.join(ViewerOptions{})
	slow.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
	good.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
	for r.n < 1000 { // the good viewer loses nothing
		key := r.n%50 == 0
		r.frame(key, 20_000)
		good.expect(t, got{tag: map[bool]byte{true: 'K', false: 'v'}[key], number: uint64(r.n)})
	}
	_ = slow.SetReadDeadline(time.Now().Add(10 * time.Second))
	last, skipped := uint64(1), 0
	for last < 1000 {
		m, err := readMessage(slow)
		if err != nil {
			t.Fatal(err)
		}
		if m.number != last+1 {
			skipped++
			if m.tag != 'K' {
				t.Fatalf("went on with %c %d after %d: no key frame", m.tag, m.number, last)
			}
		}
		last = m.number
	}
	if skipped == 0 || slow.sess.Counters().Skips.Load() == 0 {
		t.Errorf("%d skips seen, %d counted; the sockets cannot have held it all", skipped, slow.sess.Counters().Skips.Load())
	}
	if n := good.sess.Counters().Skips.Load(); n > 0 {
		t.Errorf("%d skips counted for the viewer that kept up", n)
	}
}

// TestSetLimits: the bounds of viewers that are there change too.
func TestSetLimits(t *testing.T) {
	limits := DefaultLimits()
	limits.StallTimeout = time.Hour
	r := newRig(t, limits)
	r.frame(true, 10)
	c := r.join(ViewerOptions{})
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
	limits.StallTimeout = 50 * time.Millisecond
	r.delivery.SetLimits(limits)
	r.frame(false, 20_000_000)
	c.expectClosed(t, reason.Stalled)
}

// TestSetLimitsOfPumpedViewer: for those that a goroutine drives frames are kept for
// as long as they may fall behind.
func TestSetLimitsOfPumpedViewer(t *testing.T) {
	limits := DefaultLimits()
	limits.LagTime = time.Nanosecond
	r := newRig(t, limits)
	r.frame(true, 10)
	near, far := net.Pipe()
	c := r.serve(near, far, ViewerOptions{})
	r.play(c, av.Selection{})
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
	held := func() uint64 { return r.bus.Stream("live/test").Info().RingFrames }
	r.frame(true, 10)
	c.expect(t, got{tag: 'K', number: 2})
	if n := held(); n != 1 {
		t.Fatalf("%d frames are held, want the newest alone", n)
	}
	limits.LagTime = time.Hour
	r.delivery.SetLimits(limits)
	for n := range uint64(5) {
		r.frame(true, 10)
		c.expect(t, got{tag: 'K', number: 3 + n})
	}
	if n := held(); n < 4 {
		t.Errorf("%d frames are held", n)
	}
}

func TestViewerThatTakesNothingIsClosed(t *testing.T) {
	limits := DefaultLimits()
	limits.StallTimeout = 50 * time.Millisecond
	r := newRig(t, limits)
	r.frame(true, 10)
	c := r.join(ViewerOptions{})
	r.frame(false, 20_000_000)
	c.expectClosed(t, reason.Stalled)
}

func TestEndsOfViewers(t *testing.T) {
	goodbye := func(why reason.Reason, _ error) []byte { return appendMessage(nil, 'G', 0, []byte(why)) }
	tests := []struct {
		name string
		end  func(r *rig, c *client)
		want reason.Reason
	}{
		{"stream ends", func(r *rig, _ *client) { r.bus.Close(reason.StreamEnded) }, reason.StreamEnded},
		{"kicked", func(_ *rig, c *client) { c.viewer.Close(reason.Kicked, nil) }, reason.Kicked},
		{"kicked while paused", func(_ *rig, c *client) { c.viewer.Pause(true); c.viewer.Close(reason.Kicked, nil) }, reason.Kicked},
		{"stream ends while paused", func(r *rig, c *client) { c.viewer.Pause(true); r.bus.Close(reason.StreamEnded) }, reason.StreamEnded},
		{"remuxer panics", func(r *rig, _ *client) { r.write(&av.Frame{Track: r.video, Payload: []byte("panic")}) }, reason.InternalError},
		{"layout cannot be carried", func(r *rig, _ *client) {
			r.setTrack(&av.Track{ID: 0, Kind: av.Video, Codec: av.H264, Config: []byte("refused")})
			r.frame(true, 1)
		}, reason.Unsupported},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, DefaultLimits())
			r.frame(true, 10)
			c := r.join(ViewerOptions{Goodbye: goodbye})
			c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
			test.end(r, c)
			c.expect(t, got{tag: 'G', body: string(test.want)})
			c.expectClosed(t, test.want)
		})
	}
}

func TestClientThatCloses(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	c := r.join(ViewerOptions{})
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
	c.Conn.Close()
	for range 100 {
		r.frame(false, 1000)
		time.Sleep(time.Millisecond)
	}
	c.expectClosed(t, reason.ClientClosed)
}

func TestPumpedViewer(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	near, far := net.Pipe() // no descriptor: a goroutine drives it
	sess, err := r.registry.Open(session.Info{Protocol: "test", Action: session.Play}, func(reason.Reason) {})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{Conn: far, closed: make(chan reason.Reason, 1), sess: sess}
	c.viewer = r.delivery.Add(near, ViewerOptions{
		Goodbye: func(reason.Reason, error) []byte { return appendMessage(nil, 'G', 0, nil) },
		Closed:  func(why reason.Reason, _ error) { near.Close(); c.closed <- why },
	})
	r.play(c, av.Selection{})
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
	r.frame(false, 500_000)
	c.viewer.Control(appendMessage(nil, 'C', 1, nil))
	r.frame(true, 10)
	var seen []byte
	for range 3 {
		m, err := readMessage(c)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, m.tag)
	}
	if s := string(seen); s != "vCK" && s != "vKC" && s != "CvK" {
		t.Errorf("messages %q, want v and K in order and C between", s)
	}
	c.viewer.Close(reason.Kicked, nil)
	c.expect(t, got{tag: 'G'})
	c.expectClosed(t, reason.Kicked)
}

func TestLogIsWrittenOncePerFormat(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	var clients []*client
	for range 20 {
		clients = append(clients, r.join(ViewerOptions{}))
	}
	for range 99 {
		r.frame(false, 100)
	}
	for _, c := range clients {
		c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
		for i := uint64(2); i <= 100; i++ {
			c.expect(t, got{tag: 'v', number: i})
		}
	}
	f := r.delivery.Stats().Formats()["test"]
	if n := f.Frames.Load(); n != 100 {
		t.Errorf("%d frames were serialised for 100 published and 20 viewers", n)
	}
	if n := f.Logs.Load(); n != 1 {
		t.Errorf("%d logs, want 1", n)
	}
	for _, c := range clients {
		c.Close()
	}
}

// Every frame counts once for every viewer that was live, with its kind.
func TestLagIsObservedForEveryFrameAndViewer(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	var clients []*client
	for range 5 {
		c := r.join(ViewerOptions{})
		c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
		clients = append(clients, c)
	}
	for range 300 { // faster than the loops look: some passes bring many
		r.frame(false, 10)
	}
	r.write(&av.Frame{Track: r.audio, Payload: []byte("x")})
	for _, c := range clients {
		for n := uint64(2); n <= 301; n++ {
			c.expect(t, got{tag: 'v', number: n})
		}
		c.expect(t, got{tag: 'a', number: 302})
	}
	count := func(kind av.Kind) (n uint64) {
		for _, b := range r.delivery.Stats().Lag(kind).Buckets {
			n += b
		}
		return n
	}
	eventually(t, "1500 video frames and 5 audio frames observed", func() bool {
		return count(av.Video) == 1500 && count(av.Audio) == 5
	})
	for i, c := range clients {
		if n := c.sess.Counters().FramesOut.Load(); n != 302 {
			t.Errorf("viewer %d: %d frames counted, want 302", i, n)
		}
	}
}

func TestViewerThatAsksWithoutReadingIsClosed(t *testing.T) {
	r := newRig(t, DefaultLimits())
	r.frame(true, 10)
	c := r.join(ViewerOptions{})
	c.expect(t, got{tag: 'P', number: 1}, got{tag: 'K', number: 1})
	r.frame(false, 20_000_000) // the socket is full
	eventually(t, "the viewer is parked", func() bool { return r.delivery.parked() == 1 })
	for range maxControl/100 + 1 {
		c.viewer.Control(make([]byte, 100))
	}
	c.expectClosed(t, reason.LimitReached)
}
