package fanout

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// TestSoakViewersComeAndGo runs everything that viewers and publishers do at
// once: for two seconds, or for as long as WEIR_SOAK says ("60s").
func TestSoakViewersComeAndGo(t *testing.T) {
	duration := 2 * time.Second
	if text := os.Getenv("WEIR_SOAK"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatalf("WEIR_SOAK: %v", err)
		}
	}
	before := runtime.NumGoroutine()
	t.Run("run", func(t *testing.T) { soakFor(t, duration) })
	eventually(t, "goroutines return to the baseline", func() bool { return runtime.NumGoroutine() <= before })
}

func soakFor(t *testing.T, duration time.Duration) {
	limits := DefaultLimits()
	limits.LagBytes, limits.LagTime, limits.StallTimeout = 256<<10, time.Second, time.Second
	s := &soak{rig: newRig(t, limits), stop: make(chan struct{})}
	over := make(chan struct{})
	var publishing, viewing sync.WaitGroup
	publishing.Go(func() { s.publish(over) })
	for i, a := range []func(*soakClient, *rand.Rand){
		stay, stay, stay, stay, comeAndGo, comeAndGo, comeAndGo, resetOften,
		stall, stall, readSlowly, readSlowly, pauseOften, pauseOften, switchSelection, switchSelection,
	} {
		viewing.Go(func() { s.act(a, uint64(i), i%4 == 3) })
	}
	time.Sleep(duration)
	eventually(t, "a thousand frames are verified", func() bool { return s.verified.Load() >= 1000 || t.Failed() })
	close(s.stop)
	viewing.Wait()
	eventually(t, "all viewers are gone", func() bool { return s.delivery.Viewers() == 0 && s.delivery.parked() == 0 })
	for name, f := range s.delivery.Stats().Formats() {
		if n := f.Logs.Load(); n != 0 || f.Held() != 0 {
			t.Errorf("%d logs of format %s with %d bytes are left", n, name, f.Held())
		}
	}
	close(over)
	publishing.Wait()
	t.Logf("%d frames published, %d verified by %d viewers, %d skips", s.number, s.verified.Load(), s.joins.Load(), s.skips.Load())
}

type soak struct {
	*rig
	stop     chan struct{}
	number   uint64 // of the newest frame
	verified atomic.Uint64
	joins    atomic.Uint64
	skips    atomic.Uint64
}

// publish writes about 200 frames a second, every third of audio, and now and
// then changes the layout or comes back as another publisher.
func (s *soak) publish(over chan struct{}) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // not for secrets
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-over:
			return
		case <-ticker.C:
		}
		key := s.number%40 == 0
		switch random.IntN(300) {
		case 0: // leaves and returns
			s.pub.Close()
			s.comeBack(s.video)
			key = true
		case 1: // takes itself over
			s.comeBack(s.video)
			key = true
		case 2:
			track := *s.video
			track.Config = fmt.Appendf(nil, "video since %d", s.number)
			s.video, key = &track, true
			s.setTrack(s.video)
		}
		s.number++
		f := &av.Frame{Track: s.video, Key: key, Payload: make([]byte, 8+random.IntN(6000))}
		if !key && s.number%3 == 0 {
			f.Track, f.Payload = s.audio, f.Payload[:min(len(f.Payload), 200)]
		}
		binary.BigEndian.PutUint64(f.Payload, s.number)
		f.Arrival = av.Now()
		f.DTS = f.Arrival
		f.PTS = f.DTS
		if err := s.pub.Write(f); err != nil {
			s.t.Error(err)
			return
		}
	}
}

func (s *soak) comeBack(video *av.Track) {
	pub, err := s.bus.Publish("live/test", bus.Claim{Owner: "me", Kill: func(reason.Reason) {}})
	if err != nil {
		s.t.Error(err)
		return
	}
	s.pub = pub
	s.setTrack(video)
	s.setTrack(s.audio)
}

// act joins with one kind of viewer again and again. pumped ones have a
// connection that the loops cannot drive.
func (s *soak) act(do func(*soakClient, *rand.Rand), seed uint64, pumped bool) {
	random := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // not for secrets
	for s.running() && !s.t.Failed() {
		c, err := s.connect(pumped)
		if err != nil {
			s.t.Error(err)
			return
		}
		c.follow(av.Selection{})
		do(c, random)
		c.far.Close()
		<-c.closed
		c.reading.Wait()
		if err := c.verdict(); err != nil {
			s.t.Error(err)
		}
		s.verified.Add(c.frames)
		s.joins.Add(1)
		s.skips.Add(c.session.Counters().Skips.Load())
	}
}

func (s *soak) running() bool {
	select {
	case <-s.stop:
		return false
	default:
		return true
	}
}

// sleep waits for up to limit or until the soak stops.
func (s *soak) sleep(random *rand.Rand, limit time.Duration) {
	select {
	case <-time.After(time.Duration(random.Int64N(int64(limit)))):
	case <-s.stop:
	}
}

// soakClient is both ends of a viewer's connection.
type soakClient struct {
	soak    *soak
	far     net.Conn
	viewer  *Viewer
	session *session.Session
	closed  chan struct{}
	reading sync.WaitGroup

	// switches: the viewer changes what it sees, so frames may be missing.
	switches bool

	// What was read; valid once reading is over.
	frames       uint64
	last         uint64
	gaps, missed uint64
	wrong        error
}

func (s *soak) connect(pumped bool) (*soakClient, error) {
	near, far := net.Pipe()
	if !pumped {
		near, far = tcpPair(s.t)
	}
	c := &soakClient{soak: s, far: far, closed: make(chan struct{})}
	var err error
	if c.session, err = s.registry.Open(session.Info{Protocol: "test", Action: session.Play, Stream: "live/test"}, func(reason.Reason) {}); err != nil {
		return nil, err
	}
	c.viewer = s.delivery.Add(near, ViewerOptions{Closed: func(why reason.Reason, err error) {
		near.Close()
		c.session.Close(why, err)
		close(c.closed)
	}})
	c.reading.Go(func() { // as a session does: the reading side notices the end
		_, err := io.Copy(io.Discard, near)
		c.viewer.Close(reason.ClientClosed, err)
	})
	return c, nil
}

func (c *soakClient) follow(sel av.Selection) {
	l, release, err := c.soak.delivery.Open(c.soak.bus.Stream("live/test").Plain(), Key{Format: "test", Selection: sel}, func() Muxer { return testMuxer{} })
	if err != nil {
		c.soak.t.Error(err)
		return
	}
	c.viewer.Follow(l, release, c.session)
}

// read verifies what comes through r until the connection ends.
func (c *soakClient) read(r io.Reader) {
	c.reading.Go(func() {
		for {
			m, err := readMessage(r)
			if err != nil {
				return
			}
			if err := c.check(m); err != nil && c.wrong == nil {
				c.wrong = err
			}
		}
	})
}

func (c *soakClient) check(m got) error {
	switch m.tag {
	case 'R':
		c.last = 0
		return nil
	case 'P':
		return nil
	case 'K', 'v', 'a':
	default:
		return fmt.Errorf("message %q after frame %d", m.tag, c.last)
	}
	number, last := binary.BigEndian.Uint64([]byte(m.body[:8])), c.last
	c.last = number
	c.frames++
	switch {
	case c.frames == 1 && m.tag != 'K' && !c.switches:
		return fmt.Errorf("the first frame is %c %d", m.tag, number)
	case number <= last:
		return fmt.Errorf("frame %d after %d", number, last)
	case c.frames == 1 || number == last+1 || c.switches:
	default:
		c.gaps++
		c.missed += number - last - 1
		if m.tag != 'K' {
			return fmt.Errorf("goes on with %c %d after %d", m.tag, number, last)
		}
	}
	return nil
}

// verdict says what was wrong.
func (c *soakClient) verdict() error {
	counted := c.session.Counters()
	switch {
	case c.wrong != nil:
		return c.wrong
	case c.gaps > counted.Skips.Load() || c.missed > counted.FramesSkipped.Load():
		return fmt.Errorf("%d frames missing in %d gaps, but %d in %d skips counted",
			c.missed, c.gaps, counted.FramesSkipped.Load(), counted.Skips.Load())
	}
	return nil
}

// The kinds of viewers. Each returns when it is to leave.

func stay(c *soakClient, _ *rand.Rand) {
	c.read(c.far)
	<-c.soak.stop
}

func comeAndGo(c *soakClient, random *rand.Rand) {
	c.read(c.far)
	c.soak.sleep(random, 200*time.Millisecond)
	if random.IntN(2) == 0 {
		c.viewer.Close(reason.Kicked, nil)
		<-c.closed
	}
}

func resetOften(c *soakClient, random *rand.Rand) {
	c.read(c.far)
	c.soak.sleep(random, 100*time.Millisecond)
	if tcp, ok := c.far.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // closing sends a reset
	}
}

func stall(c *soakClient, _ *rand.Rand) {
	select {
	case <-c.closed:
	case <-c.soak.stop:
	}
}

func readSlowly(c *soakClient, random *rand.Rand) {
	if tcp, ok := c.far.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(16 << 10)
	}
	c.read(bufio.NewReaderSize(&slowReader{c.far, c.soak.stop}, 2000))
	for range 10 {
		c.soak.sleep(random, time.Second)
	}
}

// slowReader reads at most 200 kB a second, half of what is published.
type slowReader struct {
	io.Reader
	stop chan struct{}
}

func (r *slowReader) Read(b []byte) (int, error) {
	select {
	case <-time.After(10 * time.Millisecond):
	case <-r.stop:
	}
	return r.Reader.Read(b)
}

func pauseOften(c *soakClient, random *rand.Rand) {
	c.read(c.far)
	for range 10 {
		c.soak.sleep(random, 100*time.Millisecond)
		c.viewer.Pause(true)
		c.soak.sleep(random, 500*time.Millisecond) // sometimes more than the lag bound in bytes
		c.viewer.Pause(false)
	}
}

// switchSelection changes what it sees: frames are missing, none comes twice.
func switchSelection(c *soakClient, random *rand.Rand) {
	c.switches = true
	c.read(c.far)
	for range 10 {
		c.soak.sleep(random, 150*time.Millisecond)
		if random.IntN(4) == 0 {
			c.viewer.Stop() // what follows begins at the newest start point again
			c.viewer.Control(appendMessage(nil, 'R', 0, nil))
		}
		c.follow([]av.Selection{{}, {NoAudio: true}, {NoVideo: true}}[random.IntN(3)])
	}
}
