package hls

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/transcode"
	"github.com/weirmedia/weir/protocols/hls/hlstest"
	"github.com/weirmedia/weir/protocols/hls/segment"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a server of HLS.
type rig struct {
	t       *testing.T
	host    *plugin.Host
	service *service
	url     string
	client  *http.Client
}

// options of a rig; zero values are good.
type options struct {
	config *Config
	users  []auth.User
	grace  time.Duration
}

func newRig(t *testing.T, o options) *rig {
	t.Helper()
	if o.config == nil {
		o.config = defaults()
	}
	c := httpserver.NewConfig()
	c.Listen = "127.0.0.1:0"
	authorizer, err := auth.New(auth.Config{Users: o.users})
	if err != nil {
		t.Fatal(err)
	}
	limits := bus.DefaultLimits()
	limits.Wait, limits.Linger = 50*time.Millisecond, 0
	if o.grace > 0 {
		limits.Grace = o.grace
	}
	h := &plugin.Host{
		Bus: bus.New(limits), Delivery: fanout.New(fanout.DefaultLimits()),
		Sessions: session.NewRegistry(session.Options{}), Auth: authorizer, Metrics: prometheus.NewRegistry(),
	}
	h.HTTP = httpserver.New(httpserver.Options{Config: c, Sessions: h.Sessions})
	if err := o.config.Validate(); err != nil {
		t.Fatal(err)
	}
	running, err := o.config.Start(h)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.HTTP.Start(); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100}
	r := &rig{
		t: t, host: h, service: running.(*service), url: "http://" + h.HTTP.Addr().String(),
		client: &http.Client{Transport: transport, Timeout: 30 * time.Second},
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		r.close()
	})
	return r
}

func (r *rig) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := errors.Join(r.host.Sessions.Shutdown(ctx), r.host.HTTP.Shutdown(ctx), r.service.Close(ctx)); err != nil {
		r.t.Error(err)
	}
	r.host.Bus.Close(reason.Shutdown)
	r.host.Delivery.Close()
	if n, _ := r.service.held(); n > 0 {
		r.t.Errorf("%d muxers are left", n)
	}
}

// h264Config is of x264: 64x36, baseline.
var h264Config = []byte{
	1, 0x42, 0xC0, 0x0A, 0xFF, 0xE1, 0, 22,
	0x67, 0x42, 0xC0, 0x0A, 0xDA, 0x11, 0x2E, 0x78, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 0x0C, 0x83, 0xC4, 0x89, 0xA8, 0,
	1, 0, 4, 0x68, 0xCE, 0x0F, 0xC8,
}

// source is a publisher of 25 pictures a second and AAC.
type source struct {
	t      *testing.T
	pub    *bus.Publisher
	tracks []*av.Track
	gop    int
	size   int // of a picture, about; 0 for a small one
	warmed []*muxer
	newest int64 // the greatest DTS

	mu       sync.Mutex
	pictures []string // payloads, without their length
	sounds   []string
	n        int
	heard    int
}

func (r *rig) publish(gop int, tracks ...*av.Track) *source {
	r.t.Helper()
	pub, err := r.host.Bus.Publish("live/test", bus.Claim{Owner: "me", Kill: func(reason.Reason) {}})
	if err != nil {
		r.t.Fatal(err)
	}
	if len(tracks) == 0 {
		tracks = []*av.Track{
			{ID: 0, Kind: av.Video, Codec: av.H264, Config: h264Config, Width: 64, Height: 36},
			{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: []byte{0x12, 0x10}, SampleRate: 44100, Channels: 2},
		}
	}
	var kinds [av.Kinds]bool
	for _, t := range tracks {
		kinds[t.Kind] = true
	}
	if err := pub.Hint(kinds); err != nil {
		r.t.Fatal(err)
	}
	for _, t := range tracks {
		if err := pub.SetTrack(t); err != nil {
			r.t.Fatal(err)
		}
	}
	return &source{t: r.t, pub: pub, tracks: tracks, gop: gop}
}

// warm has what s publishes cut from its next picture on, until the test ends.
func (r *rig) warm(s *source, formats ...segment.Format) {
	r.t.Helper()
	for _, f := range formats {
		m, release, err := r.service.acquire(r.host.Bus.Stream("live/test"), rendition{f, transcode.Unchosen})
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(release)
		s.begin(m)
	}
}

// begin has m cut what s publishes from its next picture on.
func (s *source) begin(m *muxer) {
	s.t.Helper()
	s.play(1)
	eventually(s.t, "the muxer to begin", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.placed
	})
	s.warmed = append(s.warmed, m)
}

const picture = 40 * time.Millisecond

// play publishes so many pictures at once, and the sound that belongs to them.
func (s *source) play(pictures int) { s.pace(pictures, 0) }

// pace publishes so many pictures, one each interval.
func (s *source) pace(pictures int, interval time.Duration) {
	s.t.Helper()
	for range pictures {
		at := int64(s.n) * int64(picture)
		for _, t := range s.tracks {
			if t.Kind == av.Video {
				s.write(&av.Frame{Track: t, Key: s.n%s.gop == 0, DTS: at, PTS: at}, s.n%s.gop == 0)
				continue
			}
			for {
				dts := int64(s.heard) * 1024 * 1000 / 44100 * int64(time.Millisecond) // of a clock of milliseconds
				if dts > at {
					break
				}
				s.heard++
				s.write(&av.Frame{Track: t, DTS: dts, PTS: dts}, false)
			}
		}
		s.n++
		time.Sleep(interval)
	}
	s.taken()
}

// taken waits until the muxers that were warmed have taken all there is.
func (s *source) taken() {
	s.t.Helper()
	for _, m := range s.warmed {
		eventually(s.t, "the muxer to take all", func() bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.lastTime >= s.newest || m.closed || m.err != nil
		})
	}
}

func (s *source) write(f *av.Frame, key bool) {
	s.t.Helper()
	kind := byte(0x41)
	if key {
		kind = 0x65
	}
	s.mu.Lock()
	if f.Track.Kind == av.Video {
		text := fmt.Sprintf("%c picture %06d %s", kind, len(s.pictures), strings.Repeat("x", max(200, s.size)))
		s.pictures = append(s.pictures, text)
		f.Payload = append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
	} else {
		text := fmt.Sprintf("sound %06d %s", len(s.sounds), strings.Repeat("y", 50))
		s.sounds = append(s.sounds, text)
		f.Payload = []byte(text)
	}
	s.mu.Unlock()
	f.Arrival = av.Now()
	s.newest = max(s.newest, f.DTS)
	if err := s.pub.Write(f); err != nil {
		s.t.Error(err)
	}
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (r *rig) do(method, address string, header ...string) answer {
	r.t.Helper()
	a, err := r.try(method, address, header...)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *rig) try(method, address string, header ...string) (answer, error) {
	if !strings.HasPrefix(address, "http") {
		address = r.url + address
	}
	request, err := http.NewRequest(method, address, nil)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := r.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body)}, err
}

// get expects that status.
func (r *rig) get(address string, status int, header ...string) answer {
	r.t.Helper()
	a := r.do(http.MethodGet, address, header...)
	if a.status != status {
		r.t.Fatalf("%s: %d %.300s, want %d", address, a.status, a.body, status)
	}
	if status >= 400 && a.header.Get("Cache-Control") != "no-store" {
		r.t.Errorf("%s: %d with Cache-Control %q", address, status, a.header.Get("Cache-Control"))
	}
	return a
}

var mediaLine = regexp.MustCompile(`(?m)^~hls/.*$`)

// open returns the path of the media playlist.
func (r *rig) open(query string) string {
	r.t.Helper()
	a := r.get("/live/test/index.m3u8"+query, http.StatusOK)
	line := mediaLine.FindString(a.body)
	if line == "" {
		r.t.Fatalf("no media playlist in\n%s", a.body)
	}
	return "/live/test/" + line
}

// playlist returns the media playlist at path, which must be right.
func (r *rig) playlist(path string) *hlstest.Playlist {
	r.t.Helper()
	a := r.get(path, http.StatusOK)
	l, err := hlstest.Parse(a.body)
	if err != nil {
		r.t.Fatalf("%v in\n%s", err, a.body)
	}
	for _, p := range l.Check() {
		r.t.Errorf("%s in\n%s", p, a.body)
	}
	return l
}

// eventually waits until done.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long: %s", what)
		}
	}
}

func seconds(n int) config.Duration { return config.Duration(time.Duration(n) * time.Second) }
