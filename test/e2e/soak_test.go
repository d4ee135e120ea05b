//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/fmp4"
	"github.com/weirmedia/weir/remux/ts"
	"github.com/weirmedia/weir/test/freeport"
)

// soakTime returns for how long a soak shall go on (WEIR_SOAK), or otherwise.
func soakTime(t *testing.T, otherwise time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv("WEIR_SOAK")
	if text == "" {
		return otherwise
	}
	length, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("WEIR_SOAK: %v", err)
	}
	return length
}

const (
	soakClose = time.Second // close_after of the pull
	soakLoss  = 0.03        // of the packets to WHEP viewers that lose some
	soakStay  = 6 * time.Second
)

// soakCrowd is who watches: viewers by what they play by, each at a random one of
// soakStreams. Those of "stall" stop reading after a while.
var soakCrowd = map[string]int{"httpflv": 60, "rtmp": 40, "rtsp": 16, "rtsp-udp": 8, "whep": 10, "whep-loss": 6, "hls": 10, "httpts": 4, "httpmp4": 4, "stall": 10, "snapshot": 2}

var soakStreams = []string{"live/rtmp", "live/rtsp", "live/pull", "live/steady", "live/browser"}

// soak is a server to which everything happens at once.
type soak struct {
	*rtspServer
	footage *footage
	end     time.Time

	mu      sync.Mutex
	visits  map[string]int // with a picture, by protocol
	errors  map[string]int // what viewers met, by protocol and kind
	actions map[string]int // of the operator
	samples []soakSample
}

// TestSoakServer: publishers and viewers of every protocol come, leave, stall, lose
// packets and come back, while somebody changes the configuration, adds and removes
// pulls, records, kicks and reloads. At the end nothing is left of them. bin/soak has
// the report.
func TestSoakServer(t *testing.T) {
	if os.Getenv("WEIR_SOAK") == "" {
		t.Skip("WEIR_SOAK says for how long: make soak")
	}
	length := soakTime(t, 0)
	receiver := startReceiver(t)
	s := &soak{visits: map[string]int{}, errors: map[string]int{}, actions: map[string]int{}, footage: newFootage(t, time.Minute)}
	s.rtspServer = startRTSPServerWith(t, settings{
		"log.level": "info", "webrtc.listen": freeport.Address(t), "hooks.url": receiver.URL, "stream.wait": "4s",
		"delivery.stall_timeout": "5s", "record.segment_duration": "5s", "record.total_bytes": "64MiB",
		"relay.close_after": soakClose.String(), "relay.pulls": fmt.Sprintf(`[{streams: ["live/pull"], sources: ["file:%s"]}]`, demandClip.path(t)),
	})
	r := &loadRun{server: s.server}
	empty := r.collected(t)
	began := time.Now()
	s.end = began.Add(length)
	var all sync.WaitGroup
	all.Go(func() { s.publishRTMP(t) })
	clip := demandClip.path(t)
	all.Go(func() {
		s.republish(t, start, clip, 20*time.Second, "-f", "rtsp", "-rtsp_transport", "udp", s.url("live/rtsp"))
	})
	all.Go(func() { s.republish(t, start, clip, length, "-f", "flv", s.rtmpURL("live/steady")) })
	all.Go(func() {
		f := ffmpeg9(t)
		s.republish(t, f.start, f.clip(t, h264Opus.clip), 20*time.Second, "-f", "whip", s.httpURL("live/browser/whip"))
	})
	for kind, n := range soakCrowd {
		for range n {
			all.Go(func() { s.viewer(kind) })
		}
	}
	all.Go(func() { s.operate(t) })
	all.Go(func() { s.sample(t, began) })
	all.Wait()
	eventually(t, 2*time.Minute, "all have gone", func() bool {
		return s.gauge(t, "go_goroutines") > 0 && len(s.streams(t)) == 0
	})
	receiver.CloseClientConnections() // else up to 16 are kept for the next event, a minute long
	r.requireBack(t, empty)
	r.requireEmpty(t, empty)
	for e, n := range s.usage(t).ends {
		if e.reason == "internal_error" {
			t.Errorf("%d times internal_error of %s %s", n, e.protocol, e.action)
		}
	}
	if log := s.out.String(); strings.Contains(log, "panic") || strings.Contains(log, "DATA RACE") {
		t.Errorf("the log tells of a panic or a race:\n%s", tail(log, 4000))
	}
	s.report(t, length, empty, r.collected(t))
}

func (s *soak) over() bool { return time.Now().After(s.end) }

// nap sleeps for a random time with this mean, not beyond the end.
func (s *soak) nap(mean time.Duration) {
	d := time.Duration(rand.ExpFloat64() * float64(mean))
	time.Sleep(min(d, time.Until(s.end)))
}

func (s *soak) count(counts map[string]int, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts[what]++
}

// publishRTMP publishes again and again, and leaves in different ways.
func (s *soak) publishRTMP(t *testing.T) {
	for !s.over() {
		p, err := dialPublisher(s.rtmp, "live/rtmp")
		if err != nil {
			s.count(s.errors, "publish rtmp: "+kindOf(err))
			s.nap(time.Second)
			continue
		}
		d := &feed{rtmpClient: p, footage: s.footage, quit: make(chan struct{}), done: make(chan struct{})}
		go d.run(1)
		s.nap(15 * time.Second)
		if rand.IntN(2) == 0 {
			_ = p.conn.(*net.TCPConn).SetLinger(0) // as if the machine had failed
		}
		p.conn.Close()
		<-d.done
		s.nap(2 * time.Second) // within the grace period mostly
	}
}

// republish publishes a clip by ffmpeg, which is killed and started again.
func (s *soak) republish(t *testing.T, run starter, clip string, mean time.Duration, out ...string) {
	for !s.over() {
		args := append([]string{"-nostdin", "-v", "warning", "-re", "-stream_loop", "-1", "-i", clip, "-map", "0", "-c", "copy"}, out...)
		p := run(t, time.Until(s.end)+time.Minute, nil, "ffmpeg", args...)
		if mean < time.Until(s.end) {
			s.nap(mean)
		} else {
			time.Sleep(time.Until(s.end))
		}
		p.signal([]syscall.Signal{syscall.SIGKILL, syscall.SIGINT}[rand.IntN(2)])
		<-p.done
		s.nap(time.Second)
	}
}

// viewer comes and goes until the time is over.
func (s *soak) viewer(kind string) {
	for s.nap(2 * time.Second); !s.over(); s.nap(2 * time.Second) {
		name := soakStreams[rand.IntN(len(soakStreams))]
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		pictures := 0
		err := s.visit(ctx, kind, name, func() {
			if pictures++; pictures == 1 {
				time.AfterFunc(time.Duration(rand.ExpFloat64()*float64(soakStay)), cancel)
			}
		})
		left := ctx.Err() != nil
		cancel()
		if pictures > 0 {
			s.count(s.visits, kind)
		}
		if err != nil && (!left || pictures == 0) {
			s.count(s.errors, kind+": "+kindOf(err))
		}
	}
}

// visit is watch for what only a soak has, too.
func (s *soak) visit(ctx context.Context, kind, name string, key func()) error {
	switch kind {
	case "stall":
		return s.stall(ctx, name, key)
	case "snapshot":
		return s.snapshot(ctx, name, key)
	case "httpts":
		return s.download(ctx, name+".ts", key, func(r io.Reader) frames {
			d := ts.NewDemuxer(r)
			return func() (*av.Frame, error) { p, err := d.Next(); return p.Frame, err }
		})
	case "httpmp4":
		return s.download(ctx, name+".mp4", key, func(r io.Reader) frames { return fmp4.NewDemuxer(r).Next })
	}
	return s.watch(ctx, kind, name, key)
}

// lossy is a socket that loses some of what comes.
type lossy struct{ *net.UDPConn }

// ReadFrom implements net.PacketConn.
func (l lossy) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := l.UDPConn.ReadFrom(b)
		if err != nil || rand.Float64() >= soakLoss {
			return n, from, err
		}
	}
}

// stall plays to the first key frame and then reads nothing for longer than the server
// bears.
func (s *soak) stall(ctx context.Context, name string, key func()) error {
	c, err := s.connect([]string{"rtmp", "httpflv"}[rand.IntN(2)], name, true)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	for {
		tag, err := c.next()
		if err != nil {
			return err
		}
		if tag.kind == tagVideo && tag.key() {
			break
		}
	}
	time.Sleep(min(10*time.Second, max(0, time.Until(s.end))))
	key()
	<-ctx.Done()
	return nil
}

// frames returns one frame after the other, or nil for what is none.
type frames = func() (*av.Frame, error)

// download plays a stream that is one endless file.
func (s *soak) download(ctx context.Context, path string, key func(), open func(io.Reader) frames) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.httpURL(path), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return fmt.Errorf("status %s", response.Status)
	}
	return follow(ctx, response.Body.Close, key, open(response.Body))
}

// snapshot fetches the newest key frame now and then.
func (s *soak) snapshot(ctx context.Context, name string, key func()) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.httpURL(name+"/snapshot.mp4"), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err = io.Copy(io.Discard, response.Body); err == nil && response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", response.Status)
	}
	key()
	return err
}

// operate does what operators do, one thing after the other.
func (s *soak) operate(t *testing.T) {
	post := func(path, body string) func() error {
		return func() error { return s.call(http.MethodPost, path, body) }
	}
	acts := map[string]func() error{
		"change hls.window":      func() error { return s.change("hls.window", fmt.Sprint(5+rand.IntN(4))) },
		"change stream.grace":    func() error { return s.change("stream.grace", fmt.Sprintf("%ds", 2+rand.IntN(3))) },
		"change log.level":       func() error { return s.change("log.level", []string{"info", "warn"}[rand.IntN(2)]) },
		"reload":                 func() error { s.signal(syscall.SIGHUP); return nil },
		"add a pull":             post("pulls", `{"stream": "live/added", "sources": ["rtmp://`+s.rtmp+`/live/steady"], "mode": "always"}`),
		"remove the pull":        func() error { return s.call(http.MethodDelete, "pulls/live/added", "") },
		"record":                 post("recorders/start", `{"stream": "live/steady"}`),
		"record no more":         post("recorders/stop", `{"stream": "live/steady"}`),
		"kick a publisher":       func() error { return s.call(http.MethodDelete, "streams/live/rtmp", "") },
		"list sessions":          func() error { return s.call(http.MethodGet, "sessions?limit=50", "") },
		"list recordings":        func() error { return s.call(http.MethodGet, "recordings", "") },
		"play what was recorded": func() error { return s.call(http.MethodGet, "recordings/playlist.m3u8?stream=live/steady", "") },
	}
	names := make([]string, 0, len(acts))
	for name := range maps.Keys(acts) {
		names = append(names, name)
	}
	for ; !s.over(); s.nap(time.Second) {
		name := names[rand.IntN(len(names))]
		if err := acts[name](); err != nil {
			s.count(s.errors, name+": "+kindOf(err))
			continue
		}
		s.count(s.actions, name)
	}
	_ = s.call(http.MethodDelete, "pulls/live/added", "")
	_ = s.call(http.MethodPost, "recorders/stop", `{"stream": "live/steady"}`)
}

// change sets a key by the API.
func (s *soak) change(key, value string) error {
	request, err := http.NewRequest(http.MethodPatch, s.httpURL("api/v1/config"), strings.NewReader(fmt.Sprintf(`{"changes": {%q: %q}}`, key, value)))
	if err != nil {
		return err
	}
	request.Header.Set("If-Match", "*")
	return s.do(request)
}

func (s *soak) call(method, path, body string) error {
	request, err := http.NewRequest(method, s.httpURL("api/v1/"+path), strings.NewReader(body))
	if err != nil {
		return err
	}
	return s.do(request)
}

// do makes a request. Answers that refuse what makes no sense at the moment are the
// server's right; those with 5xx are errors.
func (s *soak) do(request *http.Request) error {
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("status %s", response.Status)
	}
	return nil
}

// reportFile returns where a part of the report goes.
func reportFile(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join("..", "..", "bin", "soak")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}
