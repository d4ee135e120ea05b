package metrics

import (
	"bufio"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/overload"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var video = &av.Track{ID: 0, Kind: av.Video, Codec: av.H264, Config: []byte("video")}

// server is what Options need, with one stream being published.
type server struct {
	Options
	t   testing.TB
	pub *bus.Publisher
	dts int64
}

func newServer(t testing.TB) *server {
	s := &server{t: t, Options: Options{
		Bus:             bus.New(bus.DefaultLimits()),
		Delivery:        fanout.New(fanout.DefaultLimits()),
		Sessions:        session.NewRegistry(session.Options{}),
		HTTPConnections: func() int { return 7 },
		Auth:            CountAuth(sayNo{}),
		Streams:         10,
		Version:         "v1.2.3",
	}}
	s.Overload = overload.Start(overload.Options{Limits: overload.Limits{overload.Memory: 1}, Read: func() (r overload.Reading) { return r }})
	t.Cleanup(func() {
		s.Overload.Close()
		s.Bus.Close(reason.Shutdown)
		s.eventually("no viewer", func() bool { return s.Delivery.Viewers() == 0 })
		s.Delivery.Close()
	})
	var err error
	if s.pub, err = s.Bus.Publish("live/test", bus.Claim{Owner: "me", Kill: func(reason.Reason) {}}); err != nil {
		t.Fatal(err)
	}
	if err := s.pub.SetTrack(video); err != nil {
		t.Fatal(err)
	}
	return s
}

// write publishes a frame of 100 bytes.
func (s *server) write(key bool) {
	s.t.Helper()
	f := &av.Frame{Track: video, DTS: s.dts, PTS: s.dts, Arrival: av.Now(), Key: key, Payload: make([]byte, 100)}
	s.dts += int64(40 * time.Millisecond)
	if err := s.pub.Write(f); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) open(protocol string, action session.Action) *session.Session {
	s.t.Helper()
	sess, err := s.Sessions.Open(session.Info{Protocol: protocol, Action: action, Stream: "live/test"}, func(reason.Reason) {})
	if err != nil {
		s.t.Fatal(err)
	}
	return sess
}

func (s *server) eventually(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not in ten seconds: %s", what)
		}
	}
}

// samples is what a scrape gave: values by name with labels.
type samples map[string]float64

func scrape(t testing.TB, g prometheus.Gatherer) samples {
	t.Helper()
	answer := httptest.NewRecorder()
	Handler(g, nil).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	out := make(samples)
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		space := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[space+1:], 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out[line[:space]] = value
	}
	return out
}

// expect fails unless the scrape has these samples.
func (s samples) expect(t testing.TB, want samples) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got, ok := s[name]; !ok || got != want[name] {
			t.Errorf("%s is %v (present: %t), want %v", name, got, ok, want[name])
		}
	}
}

// sum adds up the samples of a name over all labels.
func (s samples) sum(name string) float64 {
	total := 0.0
	for key, value := range s {
		if strings.HasPrefix(key, name+"{") {
			total += value
		}
	}
	return total
}

func TestStreams(t *testing.T) {
	s := newServer(t)
	s.write(false) // before the key frame
	s.write(true)
	s.write(false)
	s.dts += int64(time.Hour)
	s.write(false)
	s.dts -= int64(100 * time.Millisecond)
	s.write(false)
	r := New(s.Options)
	kept := samples{
		`weir_stream_frames_total{kind="video"}`: 4,
		`weir_stream_frames_total{kind="audio"}`: 0,
		`weir_stream_frames_total{kind="data"}`:  0,
		"weir_stream_bytes_total":                400,
		"weir_frames_early_total":                1,
		"weir_clock_jumps_total":                 1,
		"weir_frames_corrected_total":            1,
	}
	got := scrape(t, r)
	got.expect(t, kept)
	got.expect(t, samples{`weir_streams{state="live"}`: 1, `weir_streams{state="grace"}`: 0, "weir_ring_frames": 4})
	if got["weir_ring_bytes"] < 400 {
		t.Errorf("the ring holds %v bytes, want at least the payload's 400", got["weir_ring_bytes"])
	}

	s.pub.Close()
	scrape(t, r).expect(t, samples{`weir_streams{state="live"}`: 0, `weir_streams{state="grace"}`: 1})
	s.Bus.Close(reason.Shutdown)
	got = scrape(t, r)
	got.expect(t, kept) // counters outlive their stream
	got.expect(t, samples{`weir_streams{state="live"}`: 0, `weir_streams{state="grace"}`: 0, "weir_ring_frames": 0, "weir_ring_bytes": 0})
}

func TestSessions(t *testing.T) {
	s := newServer(t)
	publisher := s.open("rtmp", session.Publish)
	publisher.Counters().BytesIn.Add(1000)
	publisher.Counters().BytesOut.Add(10)
	publisher.Counters().FramesIn.Add(20)
	viewer := s.open("rtmp", session.Play)
	viewer.Counters().BytesIn.Add(1)
	viewer.Counters().BytesOut.Add(500)
	viewer.Counters().FramesOut.Add(9)
	viewer.Skipped(reason.LagTime, 40)
	viewer.Close(reason.Stalled, nil)
	network := &s.open("rtsp", session.Publish).Counters().Network
	network.PacketsIn.Add(90)
	network.PacketsLost.Add(10)
	network.PacketsReordered.Add(3)
	network = &s.open("rtsp", session.Play).Counters().Network
	network.PacketsOut.Add(80)
	network.PacketsLost.Add(8)
	if err := s.open("httpflv", session.Play).Wait(); err != nil {
		t.Fatal(err)
	}
	s.Sessions.Refuse(session.Info{Protocol: "rtmp"}, reason.BadHandshake, nil)
	scrape(t, New(s.Options)).expect(t, samples{
		`weir_sessions{action="publish",protocol="rtmp",state="active"}`:             1,
		`weir_sessions{action="publish",protocol="rtmp",state="waiting"}`:            0,
		`weir_sessions{action="play",protocol="rtmp",state="active"}`:                0,
		`weir_sessions{action="play",protocol="httpflv",state="active"}`:             0,
		`weir_sessions{action="play",protocol="httpflv",state="waiting"}`:            1,
		`weir_sessions_opened_total{action="play",protocol="rtmp"}`:                  1,
		`weir_sessions_closed_total{action="play",protocol="rtmp",reason="stalled"}`: 1,
		`weir_refused_total{protocol="rtmp",reason="bad_handshake"}`:                 1,
		`weir_bytes_received_total{protocol="rtmp"}`:                                 1001,
		`weir_bytes_sent_total{protocol="rtmp"}`:                                     510,
		`weir_frames_received_total{protocol="rtmp"}`:                                20,
		`weir_frames_sent_total{protocol="rtmp"}`:                                    9,
		`weir_frames_sent_total{protocol="httpflv"}`:                                 0,
		`weir_skips_total{protocol="rtmp",reason="lag_time"}`:                        1,
		`weir_frames_skipped_total{protocol="rtmp"}`:                                 40,
		`weir_packets_received_total{protocol="rtsp"}`:                               90,
		`weir_packets_sent_total{protocol="rtsp"}`:                                   80,
		`weir_packets_lost_total{action="publish",protocol="rtsp"}`:                  10,
		`weir_packets_lost_total{action="play",protocol="rtsp"}`:                     8,
		`weir_packets_reordered_total{action="publish",protocol="rtsp"}`:             3,
		"weir_http_connections":                                                      7,
		`weir_build_info{goversion="` + runtime.Version() + `",version="v1.2.3"}`:    1,
	})
}

// rawMuxer writes payloads as they are, after a prelude of one byte.
type rawMuxer struct{}

func (rawMuxer) AppendPrelude(dst []byte, _ *av.Layout, _ int64) ([]byte, error) {
	return append(dst, 'P'), nil
}

func (rawMuxer) AppendChange(dst []byte, _, _ *av.Layout, _ int64) ([]byte, error) { return dst, nil }

func (rawMuxer) AppendFrame(dst []byte, f *av.Frame, _ *av.Layout, _ bool) ([]byte, error) {
	return append(dst, f.Payload...), nil
}

// join adds a viewer and returns the far end of its connection.
func (s *server) join() net.Conn {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	defer l.Close()
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { far.Close() })
	near, err := l.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	sess := s.open("raw", session.Play)
	log, release, err := s.Delivery.Open(s.pub.Stream().Plain(), fanout.Key{Format: "raw"}, func() fanout.Muxer { return rawMuxer{} })
	if err != nil {
		s.t.Fatal(err)
	}
	v := s.Delivery.Add(near, fanout.ViewerOptions{Closed: func(why reason.Reason, err error) {
		near.Close()
		sess.Close(why, err)
	}})
	v.Follow(log, release, sess)
	return far
}

func TestDelivery(t *testing.T) {
	const viewers, frames = 3, 20
	s := newServer(t)
	s.write(true)
	var all []net.Conn
	for range viewers {
		all = append(all, s.join())
	}
	read := func(n int) {
		t.Helper()
		for _, c := range all {
			if _, err := io.ReadFull(c, make([]byte, n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	read(1 + 100)
	for range frames {
		s.write(false)
		read(100)
	}
	const sent = viewers * (1 + 100 + frames*100)
	r := New(s.Options)
	var got samples
	s.eventually("everything is counted", func() bool {
		got = scrape(t, r)
		return got[`weir_bytes_sent_total{protocol="raw"}`] == sent && got[`weir_delivery_lag_seconds_count{kind="video"}`] >= viewers*frames
	})
	got.expect(t, samples{
		"weir_delivery_viewers":                                    viewers,
		`weir_logs{format="raw"}`:                                  1,
		`weir_log_frames_total{format="raw"}`:                      1 + frames, // once, not for each viewer
		`weir_log_written_bytes_total{format="raw"}`:               (1 + frames) * 100,
		`weir_log_overruns_total{format="raw"}`:                    0,
		`weir_delivery_lag_seconds_count{kind="audio"}`:            0,
		`weir_delivery_lag_seconds_bucket{kind="audio",le="+Inf"}`: 0,
		`weir_delivery_lag_seconds_bucket{kind="video",le="+Inf"}`: got[`weir_delivery_lag_seconds_count{kind="video"}`],
	})
	if n := got.sum("weir_delivery_bytes_total"); n != sent {
		t.Errorf("%v bytes were sent by the loops, want %d", n, sent)
	}
	for _, name := range []string{
		"weir_log_bytes", "weir_delivery_sends_total", "weir_delivery_lag_seconds_sum",
	} {
		if got.sum(name) <= 0 {
			t.Errorf("%s is %v, want more than 0", name, got.sum(name))
		}
	}
}

// TestLagBuckets puts known counts into the histogram: buckets must add up.
func TestLagBuckets(t *testing.T) {
	var lag fanout.Lag
	lag.Buckets[0], lag.Buckets[3], lag.Buckets[len(fanout.LagBounds)] = 2, 3, 4
	lag.Sum = 90 * time.Second
	var c catalogue
	f := newDeliveryFamilies(&c)
	r := prometheus.NewRegistry()
	r.MustRegister(collectFunc(func(out chan<- prometheus.Metric) { f.collectLag(out, av.Video, lag) }))
	scrape(t, r).expect(t, samples{
		`weir_delivery_lag_seconds_bucket{kind="video",le="0.0005"}`: 2,
		`weir_delivery_lag_seconds_bucket{kind="video",le="0.002"}`:  2,
		`weir_delivery_lag_seconds_bucket{kind="video",le="0.005"}`:  5,
		`weir_delivery_lag_seconds_bucket{kind="video",le="10"}`:     5,
		`weir_delivery_lag_seconds_bucket{kind="video",le="+Inf"}`:   9,
		`weir_delivery_lag_seconds_count{kind="video"}`:              9,
		`weir_delivery_lag_seconds_sum{kind="video"}`:                90,
	})
}

// TestLoops shows counters that traffic in a test cannot bring to known values.
func TestLoops(t *testing.T) {
	s := newServer(t)
	loops := s.Delivery.Stats().Loops
	loops[0].Busy.Store(uint64(1500 * time.Millisecond))
	loops[0].Passes.Store(3)
	loops[0].Served.Store(40)
	loops[0].Parked.Store(2)
	loops[0].Parks.Store(5)
	loops[len(loops)-1].Sends.Store(8)
	got := scrape(t, New(s.Options))
	got.expect(t, samples{
		`weir_delivery_busy_seconds_total{loop="0"}`: 1.5,
		`weir_delivery_passes_total{loop="0"}`:       3,
		`weir_delivery_pass_viewers_total{loop="0"}`: 40,
		`weir_delivery_parked{loop="0"}`:             2,
		`weir_delivery_parks_total{loop="0"}`:        5,
		`weir_delivery_sends_total{loop="pump"}`:     8,
	})
	if _, there := got[`weir_delivery_passes_total{loop="pump"}`]; there {
		t.Error("pumps make no passes")
	}
}

func TestLint(t *testing.T) {
	s := newServer(t)
	s.everything()
	found, err := New(s.Options).Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(found).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, name := range []string{"go_goroutines", "process_open_fds", "weir_streams"} {
		there := false
		for _, f := range found {
			there = there || f.GetName() == name
		}
		if !there {
			t.Errorf("%s is missing", name)
		}
	}
}

// everything makes every family have a sample.
func (s *server) everything() {
	s.t.Helper()
	s.write(true)
	conn := s.join()
	if _, err := io.ReadFull(conn, make([]byte, 1+100)); err != nil {
		s.t.Fatal(err)
	}
	viewer := s.open("rtmp", session.Play)
	viewer.Skipped(reason.LagBytes, 1)
	viewer.Close(reason.ClientClosed, nil)
	s.open("rtsp", session.Publish).Counters().Network.PacketsIn.Add(1)
	s.open("rtsp", session.Play).Counters().Network.PacketsOut.Add(1)
	s.Bus.Work().Of(av.AAC, av.Opus).Add(time.Second)
	_, _ = s.Auth.Authorize(s.t.Context(), auth.Request{Protocol: "rtmp"}) // it says no
	s.Sessions.Refuse(session.Info{Protocol: "rtmp"}, reason.BadHandshake, nil)
}

// collectFunc is a collector that promises nothing.
type collectFunc func(chan<- prometheus.Metric)

func (f collectFunc) Describe(chan<- *prometheus.Desc)     {}
func (f collectFunc) Collect(out chan<- prometheus.Metric) { f(out) }

// failing stands for a metric that cannot be made.
func failing(out chan<- prometheus.Metric) {
	emit(out, new(catalogue).add(gauge, "broken", "Broken.", "state"), 1)
}

func TestSampleWithoutLabelFails(t *testing.T) {
	r := prometheus.NewRegistry()
	r.MustRegister(collectFunc(failing))
	if _, err := r.Gather(); err == nil || !strings.Contains(err.Error(), "weir_broken") {
		t.Errorf("error %v does not name the metric", err)
	}
}

func TestWithoutHTTPConnections(t *testing.T) {
	o := newServer(t).Options
	o.HTTPConnections = nil
	if n, there := scrape(t, New(o))["weir_http_connections"]; there {
		t.Errorf("weir_http_connections is %v, but nobody can tell", n)
	}
}
