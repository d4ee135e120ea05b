package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/streamname"
)

var sound = &av.Track{ID: 1, Kind: av.Audio, Codec: av.MP3, SampleRate: 44100, Channels: 2}

// upstream is a Client whose sources the test plays.
type upstream struct {
	t *testing.T

	mu     sync.Mutex
	refuse map[string]error // by URL
	hang   map[string]bool
	crash  bool          // Open panics
	leave  func()        // called before a source is closed; nil for nothing
	open   []*fakeSource // of the moment
	most   int           // at once, ever
	urls   []string      // asked for, in order
}

func (u *upstream) Check(string) error { return nil }

func (u *upstream) Open(ctx context.Context, rawURL string, _ Options) (Source, error) {
	u.mu.Lock()
	u.urls = append(u.urls, rawURL)
	err, hang, crash := u.refuse[rawURL], u.hang[rawURL], u.crash
	u.mu.Unlock()
	if crash {
		panic("crash")
	}
	if hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	s := &fakeSource{upstream: u, url: rawURL, parts: make(chan Part), end: make(chan error, 1), closed: make(chan struct{})}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.open = append(u.open, s)
	u.most = max(u.most, len(u.open))
	return s, nil
}

// refuses makes URLs refuse, or not any more if err is nil.
func (u *upstream) refuses(url string, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.refuse[url] = err; err == nil {
		delete(u.refuse, url)
	}
}

// hangs makes a URL accept and say nothing, or not.
func (u *upstream) hangs(url string, so bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.hang[url] = so
}

// asked returns the URLs asked for since the last call.
func (u *upstream) asked() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	list := strings.Join(u.urls, " ")
	u.urls = nil
	return list
}

// now returns the only source that is open.
func (u *upstream) now() *fakeSource {
	u.t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.open) != 1 {
		u.t.Fatalf("%d sources are open", len(u.open))
	}
	return u.open[0]
}

func (u *upstream) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.open)
}

type fakeSource struct {
	upstream *upstream
	url      string
	parts    chan Part
	end      chan error
	once     sync.Once
	closed   chan struct{}
}

func (s *fakeSource) Read() (Part, error) {
	select {
	case p := <-s.parts:
		return p, nil
	case err := <-s.end:
		if err == errCrash {
			panic("crash")
		}
		return Part{}, err
	case <-s.closed:
		return Part{}, errors.New("closed")
	}
}

func (s *fakeSource) Close() error {
	s.once.Do(func() {
		u := s.upstream
		u.mu.Lock()
		leave := u.leave
		u.mu.Unlock()
		if leave != nil {
			leave()
		}
		close(s.closed)
		u.mu.Lock()
		defer u.mu.Unlock()
		u.open = slices.DeleteFunc(u.open, func(o *fakeSource) bool { return o == s })
	})
	return nil
}

// errCrash makes Read panic.
var errCrash = errors.New("crash")

// send sends a frame of sound.
func (s *fakeSource) send(dts time.Duration) {
	select {
	case s.parts <- Part{Track: sound, Bytes: 10, Frame: &av.Frame{Track: sound, DTS: int64(dts), PTS: int64(dts), Key: true, Payload: []byte{1}}}:
	case <-s.closed:
	}
}

type rig struct {
	*upstream
	t       *testing.T
	host    *plugin.Host
	service *Service
}

// newRig runs a relay inside of a synctest bubble.
func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	u := &upstream{t: t, refuse: map[string]error{}, hang: map[string]bool{}}
	c := New(Clients{"test": u, fileScheme: Files{}})().(*Config)
	change(c)
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	limits := bus.DefaultLimits()
	h := &plugin.Host{
		Log: slog.New(slog.DiscardHandler), Bus: bus.New(limits), Sessions: session.NewRegistry(session.Options{}), Metrics: prometheus.NewRegistry(),
	}
	service, err := c.Start(h)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{u, t, h, service.(*Service)}
	t.Cleanup(func() {
		service.Drain()
		if err := service.Close(context.Background()); err != nil {
			t.Error(err)
		}
		h.Bus.Close(reason.Shutdown)
		if n := u.count(); n != 0 {
			t.Errorf("%d sources are left open", n)
		}
	})
	return r
}

// watch opens a session that plays, and closes it when the result is called.
func (r *rig) watch(name string) (leave func()) {
	r.t.Helper()
	s, err := r.host.Sessions.Open(session.Info{Protocol: "test", Action: session.Play, Stream: name}, func(reason.Reason) {})
	if err != nil {
		r.t.Fatal(err)
	}
	return func() { s.Close(reason.ClientClosed, nil) }
}

func (r *rig) pull(name string) Status {
	for _, i := range r.service.Pulls() {
		if i.Stream == name {
			return i
		}
	}
	return Status{}
}

func cameras(sources ...URL) func(*Config) {
	return func(c *Config) {
		p, _ := streamname.ParsePattern("cam/{id}")
		c.CloseAfter = config.Duration(5 * time.Second)
		c.Pulls = []Pull{{Scope: streamname.Scope{Streams: []streamname.Pattern{p}}, Sources: sources}}
	}
}

// TestOnDemand: the first viewer starts the pull, the last one's leave ends it
// after close_after, whoever comes and goes meanwhile, and the stream with it.
func TestOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://10.0.0.{id}/main"))
		r.watch("other/7")()
		leave := r.watch("cam/7")
		synctest.Wait()
		if got := r.asked(); got != "test://10.0.0.7/main" {
			t.Fatalf("asked for %q", got)
		}
		if r.host.Bus.Stream("cam/7") != nil {
			t.Error("the stream is there before its media")
		}
		r.now().send(0)
		synctest.Wait()
		if i := r.pull("cam/7"); i.State != Running || i.Peer != "test://10.0.0.7/main" || i.Attempts != 1 {
			t.Errorf("%+v", i)
		}
		source := r.now()
		for range 20 { // who comes back in time keeps it going
			leave()
			time.Sleep(4 * time.Second)
			leave = r.watch("cam/7")
			source.send(0)
		}
		leave()
		time.Sleep(5*time.Second - 1)
		if r.now() != source {
			t.Error("another source")
		}
		time.Sleep(2 * time.Nanosecond)
		synctest.Wait()
		if r.count() != 0 || r.asked() != "" || r.pull("cam/7").Stream != "" {
			t.Errorf("%d sources after close_after", r.count())
		}
		if s := r.host.Bus.Stream("cam/7"); s != nil {
			t.Errorf("the stream is left, %s", s.State())
		}
		defer r.watch("cam/7")()
		synctest.Wait()
		r.now()
	})
}

// TestUnusableTracks: what a source has and weir cannot use is told by the stream
// that the rest makes, each once.
func TestUnusableTracks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://10.0.0.{id}/main"))
		defer r.watch("cam/7")()
		synctest.Wait()
		picture := av.Omission{Kind: av.Video, Codec: "M-JPEG", Why: "unsupported codec"}
		for range 2 { // before there is a session, and again
			r.now().parts <- Part{LeftOut: []av.Omission{picture}}
			r.now().send(0)
		}
		synctest.Wait()
		want := []session.Lack{{Protocol: protocol, Action: session.Publish, Omission: picture}}
		if got := r.host.Sessions.Lacks()["cam/7"]; !slices.Equal(got, want) {
			t.Errorf("left out: %+v", got)
		}
	})
}

// TestWanted: viewers that are no sessions count.
func TestWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://a"))
		unwant := r.host.Sessions.Want("cam/1")
		leave := r.watch("cam/1")
		synctest.Wait()
		r.now().send(0)
		leave()
		time.Sleep(9 * time.Second)
		r.now().send(0)
		unwant()
		time.Sleep(5*time.Second + 1)
		synctest.Wait()
		if r.count() != 0 || r.asked() != "test://a" {
			t.Errorf("%d sources", r.count())
		}
	})
}

// TestOnlyOnce: viewers that come and go at any moment never have two sources.
func TestOnlyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) {
			cameras("test://a")(c)
			c.CloseAfter = config.Duration(time.Millisecond)
		})
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				for j := range 40 {
					leave := r.watch("cam/1")
					time.Sleep(time.Duration((i*7+j*13)%19) * 100 * time.Microsecond)
					leave()
					time.Sleep(time.Duration((i*11+j*5)%23) * time.Millisecond)
				}
			})
		}
		all.Wait()
		time.Sleep(time.Second)
		left := r.count()
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.most != 1 || left != 0 {
			t.Errorf("%d at once, %d at the end", r.most, left)
		}
	})
}

// TestFailover: the sources are tried in order, at once; after all of them failed,
// after a pause that grows; who waits is told why.
func TestFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://a", "test://b", "test://c"))
		r.refuses("test://a", errors.New("a is off"))
		r.hangs("test://b", true)
		defer r.watch("cam/1")()
		time.Sleep(10 * time.Second) // for b, which does not answer
		synctest.Wait()
		if got := r.asked(); got != "test://a test://b test://c" {
			t.Fatalf("asked for %q", got)
		}
		r.now().send(0)
		synctest.Wait()
		stream := r.host.Bus.Stream("cam/1")
		before := stream.Layout().Epoch

		r.refuses("test://c", errors.New("c is off"))
		r.now().end <- io.EOF
		r.hangs("test://b", false)
		r.refuses("test://b", errors.New("b is off"))
		synctest.Wait()
		if got := r.asked(); got != "" {
			t.Errorf("asked for %q without a pause: all of the sources have failed in a row", got)
		}
		told := make(chan error, 1)
		go func() {
			_, err := r.host.Bus.Await(t.Context(), "cam/none")
			told <- err
		}()
		time.Sleep(time.Second)
		synctest.Wait()
		if got := r.asked(); got != "test://a test://b test://c" {
			t.Errorf("asked for %q after a second", got)
		}
		if i := r.pull("cam/1"); i.State != Waiting || i.Error != "c is off" || i.Attempts != 6 {
			t.Errorf("%+v", i)
		}
		r.refuses("test://a", nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		r.now().send(0)
		synctest.Wait()
		if s := r.host.Bus.Stream("cam/1"); s != stream || s.Layout().Epoch <= before {
			t.Error("the stream does not go on")
		}
		if err := <-told; reason.Of(err, "") != reason.StreamNotFound {
			t.Error(err)
		}
	})
}

// TestWaitingIsTold: a player that waits for a stream gets the reason when all
// sources have failed, not only when its time is over.
func TestWaitingIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://a"))
		r.refuses("test://a", errors.New("wrong password"))
		began := time.Now()
		told := make(chan error, 1)
		go func() {
			_, err := r.host.Bus.Await(t.Context(), "cam/1")
			told <- err
		}()
		synctest.Wait()
		defer r.watch("cam/1")()
		err := <-told
		if reason.Of(err, "") != reason.StreamNotFound || !strings.Contains(err.Error(), "wrong password") {
			t.Error(err)
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("told after %v", d)
		}
	})
}

// TestMissingFile: a file that is not there is no fault of the network.
func TestMissingFile(t *testing.T) {
	_, err := Files{}.Open(t.Context(), "file:"+t.TempDir()+"/none.flv", Options{})
	if reason.Of(err, "") != reason.DiskError || !strings.Contains(err.Error(), "none.flv") {
		t.Errorf("%v", err)
	}
}

// TestRetry: a bounded pull gives up, and begins anew for the next viewer.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) {
			cameras("test://a")(c)
			c.Pulls[0].Retry = 2
		})
		r.refuses("test://a", errors.New("off"))
		defer r.watch("cam/1")()
		time.Sleep(time.Hour)
		synctest.Wait()
		if got, i := r.asked(), r.pull("cam/1"); got != "test://a test://a test://a" || i.State != Failed || i.Error != "off" {
			t.Errorf("asked for %q, %+v", got, i)
		}
		defer r.watch("cam/1")()
		synctest.Wait()
		if got := r.asked(); got != "test://a" {
			t.Errorf("asked for %q", got)
		}
	})
}

// TestSilence: a source that sends nothing is left for the next.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://a", "test://b"))
		defer r.watch("cam/1")()
		synctest.Wait()
		r.now().send(0)
		time.Sleep(9 * time.Second)
		r.now().send(0)
		time.Sleep(10*time.Second + 1)
		synctest.Wait()
		if got := r.asked(); got != "test://a test://b" {
			t.Errorf("asked for %q", got)
		}
		if i := r.pull("cam/1"); i.Error != errSilent.Error() {
			t.Errorf("%+v", i)
		}
		if ended := r.host.Sessions.Ended(); len(ended) != 1 || ended[0].Reason != reason.PublishTimeout {
			t.Errorf("%+v", ended)
		}
	})
}

// TestSomebodyElse: a stream that somebody publishes is left to them, and fetched
// when they leave while it is watched.
func TestSomebodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://a"))
		claim := bus.Claim{Owner: "camera", Kill: func(reason.Reason) {}}
		pub, err := r.host.Bus.Publish("cam/1", claim)
		if err != nil {
			t.Fatal(err)
		}
		defer r.watch("cam/1")()
		synctest.Wait()
		if got := r.asked(); got != "" {
			t.Fatalf("asked for %q", got)
		}
		pub.Close()
		synctest.Wait()
		r.now().send(0)
		synctest.Wait()
		if i := r.pull("cam/1"); i.State != Running {
			t.Errorf("%+v", i)
		}
		if _, err := r.host.Bus.Publish("cam/1", claim); reason.Of(err, "") != reason.StreamBusy {
			t.Errorf("somebody took the stream over: %v", err)
		}
	})
}

// TestSomebodyElseForAMoment: who publishes while the source is being connected, and is
// gone before that is found out, leaves the stream to the source.
func TestSomebodyElseForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://a"))
		defer r.watch("cam/1")()
		synctest.Wait()
		pub, err := r.host.Bus.Publish("cam/1", bus.Claim{Owner: "camera", Kill: func(reason.Reason) {}})
		if err != nil {
			t.Fatal(err)
		}
		source := r.now()
		r.mu.Lock()
		r.leave = func() {
			pub.Close()
			time.Sleep(time.Second) // as cameras take to say goodbye
		}
		r.mu.Unlock()
		source.send(0)
		time.Sleep(time.Second)
		synctest.Wait()
		r.mu.Lock()
		r.leave = nil
		r.mu.Unlock()
		r.now().send(0)
		synctest.Wait()
		if i := r.pull("cam/1"); i.State != Running {
			t.Errorf("%+v", i)
		}
	})
}

// TestAlways: such a stream needs no viewers, and gives way to who was first.
func TestAlways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) {
			p, _ := streamname.ParsePattern("news")
			c.Pulls = []Pull{{Scope: streamname.Scope{Streams: []streamname.Pattern{p}}, Sources: []URL{"test://a"}, Mode: new(Always)}}
		})
		synctest.Wait()
		r.now().send(0)
		r.watch("news")()
		for range 12 { // an hour, in steps that are not silent
			time.Sleep(5 * time.Second)
			r.now().send(0)
		}
		synctest.Wait()
		if i := r.pull("news"); i.State != Running || r.asked() != "test://a" {
			t.Errorf("%+v", i)
		}
		r.now().end <- io.EOF
		synctest.Wait()
		pub, err := r.host.Bus.Publish("news", bus.Claim{Owner: "x", Kill: func(reason.Reason) {}})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		r.now().send(0)
		time.Sleep(time.Minute)
		synctest.Wait()
		if i := r.pull("news"); i.State != Failed || r.asked() != "test://a" {
			t.Errorf("%+v", i)
		}
		pub.Close()
		synctest.Wait()
		r.now().send(0)
		synctest.Wait()
		if i := r.pull("news"); i.State != Running {
			t.Errorf("%+v", i)
		}
	})
}

// TestKick: what is kicked is fetched again, since somebody still wants it.
func TestKick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://a"))
		defer r.watch("cam/1")()
		synctest.Wait()
		r.now().send(0)
		synctest.Wait()
		if !r.host.Sessions.Kill(r.pull("cam/1").Session, reason.Kicked) {
			t.Fatal("no session")
		}
		synctest.Wait()
		if ended := r.host.Sessions.Ended(); len(ended) != 1 || ended[0].Reason != reason.Kicked {
			t.Errorf("%+v", ended)
		}
		time.Sleep(time.Second)
		r.now()
	})
}

// TestKickOfOneSource: it takes no other source to come back before the pause is over.
func TestKickOfOneSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://a", "test://b"))
		defer r.watch("cam/1")()
		synctest.Wait()
		r.now().send(0)
		synctest.Wait()
		r.host.Sessions.Kill(r.pull("cam/1").Session, reason.Kicked)
		synctest.Wait()
		if i := r.pull("cam/1"); i.State != Waiting || r.count() != 0 {
			t.Errorf("%+v", i)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := r.asked(); got != "test://a test://b" {
			t.Errorf("asked for %q", got)
		}
	})
}

// TestClosedWithoutViewers: what is closed because nobody watches does not come back by
// itself, and what somebody watches again does.
func TestClosedWithoutViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://a"))
		r.watch("cam/1")()
		synctest.Wait()
		r.now().send(0)
		synctest.Wait()
		r.host.Sessions.Kill(r.pull("cam/1").Session, reason.NoViewers)
		synctest.Wait()
		if n := len(r.service.Pulls()); n != 0 || r.count() != 0 || r.host.Bus.Stream("cam/1") != nil {
			t.Errorf("%d pulls, %d sources", n, r.count())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := r.asked(); got != "test://a" {
			t.Errorf("asked for %q", got)
		}
		defer r.watch("cam/1")()
		synctest.Wait()
		r.now().send(0)
		synctest.Wait()
		r.host.Sessions.Kill(r.pull("cam/1").Session, reason.NoViewers)
		time.Sleep(time.Second)
		synctest.Wait()
		r.now()
	})
}

// TestBadConfiguration names what is wrong and where.
func TestBadConfiguration(t *testing.T) {
	tests := []struct{ name, streams, source, err string }{
		{"scheme", "a", "gopher://host/x", "pulls[0].sources[0]: the scheme is none of file, test"},
		{"no scheme", "a", "host/x", "pulls[0].sources[0]: it has no scheme"},
		{"no host", "a", "test:///x", "pulls[0].sources[0]: it has no host"},
		{"no URL", "a", "test://user:secret@[", "pulls[0].sources[0]: it is no URL"},
		{"capture", "cam/{id}", "test://h/{what}", "{what} is captured by no pattern"},
		{"brace", "cam/{id}", "test://h/{id", `"{" without "}"`},
		{"file", "a", "file:clip.mkv", "only files that end in .flv"},
		{"file on a host", "a", "file://clip.flv", "a file has no host: write file:clip.flv"},
		{"folder on a host", "a", "file://srv/clip.flv", "a file has no host: write file:srv/clip.flv or file:///srv/clip.flv"},
		{"none", "a", "", "sources: must be 1..8 URLs, are 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := New(Clients{"test": &upstream{}, fileScheme: Files{}})().(*Config)
			p, err := streamname.ParsePattern(tt.streams)
			if err != nil {
				t.Fatal(err)
			}
			rule := Pull{Scope: streamname.Scope{Streams: []streamname.Pattern{p}}}
			if tt.source != "" {
				rule.Sources = []URL{URL(tt.source)}
			}
			c.Pulls = []Pull{rule}
			if err := c.Validate(); err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v, want %q", err, tt.err)
			}
		})
	}
}

// TestFill: names cannot change more than their place in a URL.
func TestFill(t *testing.T) {
	captures := map[string]string{"id": "1@evil.example:99/?x#y %é"}
	got, err := fill("test://10.0.0.1/{id}/{name}?k={id}", "a/b c/d@e", captures)
	want := "test://10.0.0.1/1%40evil.example%3A99%2F%3Fx%23y%20%25%C3%A9/a/b%20c/d%40e?k=1%40evil.example%3A99%2F%3Fx%23y%20%25%C3%A9"
	if err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if filled, err := fill("test://10.0.0.{id}/main", "cam", captures); err == nil {
		if a, err := parseAddress(filled); err == nil {
			t.Errorf("the host is %q", a.host)
		}
	}
}

// TestFillHost: what is captured becomes no more of a host's name than the label in
// which it stands.
func TestFillHost(t *testing.T) {
	tests := []struct{ template, id, host string }{ // no host: an error
		{"test://u:p@10.0.0.{id}/main", "7", "10.0.0.7"},
		{"test://u:p@10.0.0.{id}/main", "7.evil.example", ""},
		{"test://10.0.0.{id}:554/main", "7.evil.example", ""},
		{"test://{id}.example.org/main", "evil.example", ""},
		{"test://{name}.example.org/main", "7", ""}, // cam/7 would end it
		{"test://{id}/main", "10.0.0.7", "10.0.0.7"},
		{"test://u@{id}:554/main", "10.0.0.7", "10.0.0.7:554"},
		{"test://u.{id}@h/a.{id}?b.{id}", "7.8", "h"},
		{"test:a.{id}", "7.8", ""},
	}
	for _, tt := range tests {
		var a address
		filled, err := fill(tt.template, "cam/"+tt.id, map[string]string{"id": tt.id})
		if err == nil {
			a, err = parseAddress(filled)
		}
		if a.host != tt.host || (err == nil) != (tt.host != "") {
			t.Errorf("%s with %s: %q, %v", tt.template, tt.id, a.host, err)
		}
	}
}

// TestWarnings: rules that never apply are named.
func TestWarnings(t *testing.T) {
	rule := func(patterns ...string) Pull {
		r := Pull{Sources: []URL{"test://a"}}
		for _, text := range patterns {
			p, err := streamname.ParsePattern(text)
			if err != nil {
				t.Fatal(err)
			}
			r.Streams = append(r.Streams, p)
		}
		return r
	}
	c := &Config{Pulls: []Pull{rule("a/*"), rule("b", "a/{x}"), rule("c")}}
	if got := fmt.Sprint(c.Warnings()); got != `[pulls[1].streams[1]: "a/{x}" has no effect, pulls[0] matches the same first]` {
		t.Error(got)
	}
}

// TestReconfigure: a pull whose rule has changed goes on with the new one for the
// same viewers, one without a rule ends, and a new one that needs no viewer begins.
func TestReconfigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://a"))
		defer r.watch("cam/1")()
		synctest.Wait()
		r.now().send(0)
		synctest.Wait()
		stream := r.host.Bus.Stream("cam/1")
		with := func(change func(*Config)) {
			t.Helper()
			c := New(r.service.config.clients)().(*Config)
			change(c)
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			r.service.Reconfigure(c)
			synctest.Wait()
		}
		with(cameras("test://a"))
		if r.asked() != "test://a" || r.pull("cam/1").State != Running {
			t.Error("the same rule changes something")
		}
		with(cameras("test://b"))
		r.now().send(0)
		synctest.Wait()
		if r.asked() != "test://b" || r.host.Bus.Stream("cam/1") != stream || r.pull("cam/1").State != Running {
			t.Errorf("%+v", r.pull("cam/1"))
		}
		with(func(c *Config) {
			p, _ := streamname.ParsePattern("news")
			c.Pulls = []Pull{{Scope: streamname.Scope{Streams: []streamname.Pattern{p}}, Sources: []URL{"test://n"}, Mode: new(Always)}}
		})
		if got := r.asked(); got != "test://n" || len(r.service.Pulls()) != 1 {
			t.Errorf("asked for %q, %+v", got, r.service.Pulls())
		}
		with(func(*Config) {})
		if n := len(r.service.Pulls()); n != 0 {
			t.Errorf("%d pulls are left", n)
		}
	})
}

// TestAlwaysFromNowOn: what is always fetched from now on does not end because nobody
// watched it before.
func TestAlwaysFromNowOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://a"))
		r.watch("cam/1")()
		synctest.Wait()
		c := New(r.service.config.clients)().(*Config)
		p, _ := streamname.ParsePattern("cam/1")
		c.Pulls = []Pull{{Scope: streamname.Scope{Streams: []streamname.Pattern{p}}, Sources: []URL{"test://b"}, Mode: new(Always)}}
		r.service.Reconfigure(c)
		synctest.Wait()
		source := r.now()
		source.send(0)
		time.Sleep(6 * time.Second)
		source.send(6 * time.Second)
		synctest.Wait()
		if r.now() != source || r.pull("cam/1").State != Running {
			t.Errorf("%+v", r.pull("cam/1"))
		}
	})
}

// TestURLsAreHidden: nothing that is printed has credentials or a query.
func TestURLsAreHidden(t *testing.T) {
	for given, want := range map[URL]string{
		"rtsp://u:planted@10.0.0.{id}/main?k=planted": "rtsp://***@10.0.0.{id}/main?***",
		"rtmp://u:pl@nted@h":                          "rtmp://***@h",
		"http://h/a.flv#planted":                      "http://h/a.flv?***",
		"file:/a/b.flv":                               "file:/a/b.flv",
	} {
		text, err := given.MarshalText()
		if got := fmt.Sprintf("%v", given); got != want || string(text) != want || err != nil || given.LogValue().String() != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestMaxPulls: strangers cannot make more connections than the limit.
func TestMaxPulls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) {
			cameras("test://10.0.0.{id}")(c)
			c.MaxPulls = 2
		})
		var leave []func()
		for i := range 5 {
			leave = append(leave, r.watch(fmt.Sprintf("cam/%d", i)))
		}
		synctest.Wait()
		if n := r.count(); n != 2 {
			t.Errorf("%d sources", n)
		}
		for _, f := range leave {
			f()
		}
		time.Sleep(6 * time.Second)
		defer r.watch("cam/4")()
		synctest.Wait()
		r.now()
	})
}

// TestRoom: whom max_pulls leaves out is told so at once, and what nobody needs to ask
// for begins once there is room, before what somebody watches.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) {
			cameras("test://10.0.0.{id}")(c)
			c.MaxPulls = 1
		})
		leave := r.watch("cam/1")
		next := *r.service.config
		next.Pulls = append(slices.Clone(next.Pulls), Pull{
			Scope: pattern(t, "news"), Sources: []URL{"test://news"}, Mode: new(Always),
		})
		r.service.Reconfigure(&next)
		const full = "limit_reached: 1 streams are fetched already (relay.max_pulls)"
		if told, after := r.await("cam/2"); told != full || after != 0 {
			t.Errorf("told %q after %v", told, after)
		}
		defer r.watch("cam/3")()
		synctest.Wait()
		if got := r.asked(); got != "test://10.0.0.1" {
			t.Errorf("asked for %q", got)
		}
		leave()
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if got := r.asked(); got != "test://news" {
			t.Errorf("asked for %q once there was room", got)
		}
		larger := next
		larger.MaxPulls = 2
		r.service.Reconfigure(&larger)
		synctest.Wait()
		if got := r.asked(); got != "test://10.0.0.3" {
			t.Errorf("asked for %q when there was more room", got)
		}
		if told, _ := r.await("cam/3"); strings.Contains(told, "max_pulls") {
			t.Errorf("told %q of what is fetched", told)
		}
	})
}

// TestPanic: one in a client costs its own connection.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://a"))
		defer r.watch("cam/1")()
		synctest.Wait()
		r.now().end <- errCrash
		synctest.Wait()
		if i := r.pull("cam/1"); i.State != Waiting || !strings.HasPrefix(i.Error, "panic") {
			t.Errorf("%+v", i)
		}
		time.Sleep(time.Second)
		r.now().send(0)
	})
}

// TestPanicWhileConnecting: that costs no more.
func TestPanicWhileConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cameras("test://a"))
		r.crash = true
		defer r.watch("cam/1")()
		synctest.Wait()
		if i := r.pull("cam/1"); i.State != Waiting || !strings.HasPrefix(i.Error, "panic") {
			t.Errorf("%+v", i)
		}
		r.mu.Lock()
		r.crash = false
		r.mu.Unlock()
		time.Sleep(time.Second)
		synctest.Wait()
		r.now()
	})
}
