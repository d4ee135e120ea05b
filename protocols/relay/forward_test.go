package relay

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/pkg/transcode"
)

var picture = &av.Track{ID: 0, Kind: av.Video, Codec: av.H264, Config: []byte{1, 0x64, 0, 0x1f, 0xff}}

// downstream is a Sender whose targets the test reads.
type downstream struct {
	upstream
	takes func(*fakeTarget) error // asked for each connection; nil: taken

	targets []*fakeTarget // all that there were
}

func (d *downstream) Audio() transcode.Choice { return transcode.Copy }

func (d *downstream) Carries(*av.Track) bool { return true }

func (d *downstream) Send(_ context.Context, rawURL string, l *av.Layout, _ Options) (Target, error) {
	t := &fakeTarget{url: rawURL, layout: l, fail: make(chan error, 1), closed: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.takes != nil {
		if err := d.takes(t); err != nil {
			return nil, err
		}
	}
	d.targets = append(d.targets, t)
	return t, nil
}

// all returns the targets that there were.
func (d *downstream) all() []*fakeTarget {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]*fakeTarget(nil), d.targets...)
}

type fakeTarget struct {
	url    string
	layout *av.Layout
	fail   chan error
	once   sync.Once
	closed chan struct{}

	mu     sync.Mutex
	slow   time.Duration // for each frame
	frames []*av.Frame
}

func (t *fakeTarget) Write(f *av.Frame, _ *av.Layout) (int, error) {
	t.mu.Lock()
	t.frames = append(t.frames, f)
	slow := t.slow
	t.mu.Unlock()
	select {
	case err := <-t.fail:
		return 0, err
	case <-t.closed:
		return 0, errors.New("closed")
	case <-time.After(slow):
		return len(f.Payload), nil
	}
}

func (t *fakeTarget) Close() error {
	t.once.Do(func() { close(t.closed) })
	return nil
}

func (t *fakeTarget) got() []*av.Frame {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]*av.Frame(nil), t.frames...)
}

func (t *fakeTarget) isClosed() bool {
	select {
	case <-t.closed:
		return true
	default:
		return false
	}
}

// forwarding is a rig with a stream that is forwarded.
type forwarding struct {
	*rig
	down *downstream
	pub  *bus.Publisher
	dts  time.Duration
}

func newForwarding(t *testing.T, targets ...URL) *forwarding {
	t.Helper()
	f := &forwarding{down: &downstream{}}
	pattern, err := streamname.ParsePattern("live/{x}")
	if err != nil {
		t.Fatal(err)
	}
	f.rig = newRig(t, func(c *Config) {
		c.clients["to"] = f.down
		c.Forwards = []Forward{{Scope: streamname.Scope{Streams: []streamname.Pattern{pattern}}, Targets: targets}}
	})
	return f
}

func (f *forwarding) publish() {
	f.t.Helper()
	var err error
	if f.pub, err = f.host.Bus.Publish("live/a", bus.Claim{Owner: "me", Kill: func(reason.Reason) {}}); err != nil {
		f.t.Fatal(err)
	}
	if err := errors.Join(f.pub.Hint([av.Kinds]bool{av.Video: true}), f.pub.SetTrack(picture)); err != nil {
		f.t.Fatal(err)
	}
}

// run writes frames in real time, a key frame each second.
func (f *forwarding) run(d time.Duration) {
	for end := f.dts + d; f.dts < end; f.dts += 100 * time.Millisecond {
		frame := &av.Frame{Track: picture, DTS: int64(f.dts), PTS: int64(f.dts), Key: f.dts%time.Second == 0, Payload: []byte{0, 0, 0, 1, 0x65}, Arrival: av.Now()}
		if err := f.pub.Write(frame); err != nil {
			f.t.Error(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	synctest.Wait()
}

// requireRun checks that the frames follow one another, beginning with a key frame.
func requireRun(t *testing.T, frames []*av.Frame, n int) {
	t.Helper()
	if len(frames) != n {
		t.Fatalf("%d frames, want %d", len(frames), n)
	}
	for i, f := range frames {
		if i == 0 && !f.Key || i > 0 && f.DTS-frames[i-1].DTS != int64(100*time.Millisecond) {
			t.Fatalf("frame %d has DTS %v, key %v", i, time.Duration(f.DTS), f.Key)
		}
	}
}

// TestForward: a stream is sent to all its targets while it is published, and not
// to those that do not take it.
func TestForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForwarding(t, "to://a/{x}", "to://b/{name}")
		f.publish()
		f.run(5 * time.Second)
		all := f.down.all()
		if len(all) != 2 || all[0].url == all[1].url || !strings.Contains("to://a/a to://b/live/a", all[0].url) {
			t.Fatalf("%d targets", len(all))
		}
		for _, target := range all {
			requireRun(t, target.got(), 50)
			if len(target.layout.Tracks) != 1 || !target.layout.Ready {
				t.Errorf("announced with %+v", target.layout)
			}
		}
		if n := f.service.viewers["live/a"]; n != 0 {
			t.Errorf("forwards count as %d viewers", n)
		}
		for _, s := range f.service.Forwards() {
			if i, ok := f.host.Sessions.Get(s.Session); s.State != Running || !ok || i.FramesOut != 50 || i.Action != session.Forward {
				t.Errorf("%+v %+v", s, i)
			}
		}
		f.pub.Close()
		synctest.Wait()
		if len(f.service.Forwards()) != 0 || !all[0].isClosed() || !all[1].isClosed() {
			t.Error("the forwards go on without a publisher")
		}
		f.publish() // within the grace period
		f.run(time.Second)
		if all = f.down.all(); len(all) != 4 {
			t.Fatalf("%d targets", len(all))
		}
		requireRun(t, all[3].got(), 10)
		for _, e := range f.host.Sessions.Ended() {
			if e.Reason != reason.StreamEnded {
				t.Errorf("ended by %s", e.Reason)
			}
		}
	})
}

// TestForwardRetries: a target that fails gets the stream again, from a key frame
// on, while the others do not notice.
func TestForwardRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForwarding(t, "to://a", "to://b")
		down := false
		f.down.takes = func(target *fakeTarget) error {
			if target.url == "to://a" && down {
				return errors.New("connection refused")
			}
			return nil
		}
		f.publish()
		f.run(2 * time.Second)
		f.down.mu.Lock()
		down = true
		f.down.mu.Unlock()
		for _, target := range f.down.all() {
			if target.url == "to://a" {
				target.fail <- io.ErrUnexpectedEOF
			}
		}
		f.run(10 * time.Second)
		states := map[string]Status{}
		for _, s := range f.service.Forwards() {
			states[s.Peer] = s
		}
		if s := states["to://a"]; s.State != Waiting || s.Error != "connection refused" || s.Attempts < 4 || s.Next.IsZero() {
			t.Errorf("%+v", s)
		}
		f.down.mu.Lock()
		down = false
		f.down.mu.Unlock()
		f.run(20 * time.Second)
		all := f.down.all()
		if len(all) != 3 {
			t.Fatalf("%d connections", len(all))
		}
		for _, target := range all {
			if target.url == "to://b" {
				requireRun(t, target.got(), 320)
			}
		}
		again := all[2].got()
		requireRun(t, again, len(again))
		if len(again) < 30 {
			t.Errorf("%d frames since the target is back", len(again))
		}
	})
}

// lost is a failure after which no further try comes by itself.
type lost struct{}

func (lost) Error() string   { return "wrong password" }
func (lost) Permanent() bool { return true }

// TestForwardRefusedTooLate: a target that refuses for good when the publisher has left
// already gets what the next one publishes.
func TestForwardRefusedTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForwarding(t, "to://a")
		refused := false
		f.down.takes = func(*fakeTarget) error {
			if refused {
				return nil
			}
			refused = true
			f.pub.Close()
			time.Sleep(time.Second)
			return lost{}
		}
		f.publish()
		frame := &av.Frame{Track: picture, Key: true, Payload: []byte{0, 0, 0, 1, 0x65}, Arrival: av.Now()}
		if err := f.pub.Write(frame); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s := f.service.Forwards(); len(s) != 0 {
			t.Errorf("a forward without a publisher: %+v", s)
		}
		f.dts += 2 * time.Second
		f.publish()
		f.run(time.Second)
		if n := len(f.down.all()); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestForwardOfTheNext: whom a target refuses for good is not who takes the stream over.
func TestForwardOfTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForwarding(t, "to://a")
		refused := false
		f.down.takes = func(*fakeTarget) error {
			if refused {
				return nil
			}
			refused = true
			return lost{}
		}
		f.publish()
		f.run(time.Second)
		if s := f.service.Forwards(); len(s) != 1 || s[0].State != Failed {
			t.Fatalf("%+v", s)
		}
		f.publish()
		f.run(time.Second)
		if n := len(f.down.all()); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestForwardPanics: a panic while it connects costs one try.
func TestForwardPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForwarding(t, "to://a")
		crashed := false
		f.down.takes = func(*fakeTarget) error {
			if crashed {
				return nil
			}
			crashed = true
			panic("crash")
		}
		f.publish()
		f.run(3 * time.Second)
		if n := len(f.down.all()); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestForwardSlow: a target that is too slow skips to a key frame; the stream and
// what it holds are not harmed.
func TestForwardSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForwarding(t, "to://a")
		f.publish()
		f.run(time.Second)
		target := f.down.all()[0]
		target.mu.Lock()
		target.slow = 300 * time.Millisecond
		target.mu.Unlock()
		f.run(time.Minute)
		s := f.service.Forwards()[0]
		i, _ := f.host.Sessions.Get(s.Session)
		if i.Skips == 0 || i.FramesSkipped == 0 || s.Attempts != 1 {
			t.Errorf("%+v %+v", s, i)
		}
		frames := target.got()
		for n := 1; n < len(frames); n++ {
			if gap := frames[n].DTS - frames[n-1].DTS; gap != int64(100*time.Millisecond) && !frames[n].Key {
				t.Errorf("after a gap of %v no key frame", time.Duration(gap))
			}
		}
		// The bound, and the frames that the subscription has read at once.
		if newest := time.Duration(frames[len(frames)-1].DTS); f.dts-newest > 5*time.Second+32*300*time.Millisecond {
			t.Errorf("%v behind", f.dts-newest)
		}
	})
}

// TestForwardKick: what is kicked is sent again, after a pause.
func TestForwardKick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForwarding(t, "to://a")
		f.publish()
		f.run(time.Second)
		f.host.Sessions.Kill(f.service.Forwards()[0].Session, reason.Kicked)
		f.run(3 * time.Second)
		if all := f.down.all(); len(all) != 2 || !all[0].isClosed() {
			t.Errorf("%d connections", len(all))
		}
		if e := f.host.Sessions.Ended(); len(e) != 1 || e[0].Reason != reason.Kicked {
			t.Errorf("%+v", e)
		}
	})
}

// TestForwardReconfigure: targets come and go while the stream is published.
func TestForwardReconfigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newForwarding(t, "to://a", "to://b")
		f.publish()
		f.run(time.Second)
		before := f.service.config
		c := *before
		c.Forwards = []Forward{{Scope: before.Forwards[0].Scope, Targets: []URL{"to://b", "to://c"}}}
		f.service.Reconfigure(&c)
		f.run(2 * time.Second)
		open := map[string]int{}
		for _, target := range f.down.all() {
			if !target.isClosed() {
				open[target.url]++
			}
		}
		if len(open) != 2 || open["to://b"] != 1 || open["to://c"] != 1 || len(f.down.all()) != 3 {
			t.Errorf("%v of %d connections", open, len(f.down.all()))
		}
	})
}
