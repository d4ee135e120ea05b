package rtsp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/prometheus/client_golang/prometheus"

	weirauth "github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/tlsfile/tlsfiletest"
	"github.com/weirmedia/weir/protocols/rtsp"
)

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// expectFrames reads the frames that are wanted, in the order of their track.
func expectFrames(t *testing.T, p *rtsp.PlayClient, want []*av.Frame) (got []*av.Frame) {
	t.Helper()
	next := map[av.Kind][]*av.Frame{}
	for _, f := range want {
		next[f.Track.Kind] = append(next[f.Track.Kind], f)
	}
	for range want {
		pkt, err := p.Next()
		if err != nil || pkt.Why != "" {
			t.Fatalf("%q, %v after %d frames", pkt.Why, err, len(got))
		}
		f := pkt.Frame
		list := next[f.Track.Kind]
		if len(list) == 0 || !bytes.Equal(f.Payload, list[0].Payload) || f.Key != list[0].Key {
			t.Fatalf("%s frame of %d bytes, want another; %d to come", f.Track.Kind, len(f.Payload), len(list))
		}
		next[f.Track.Kind] = list[1:]
		got = append(got, f)
	}
	return got
}

// fromKey returns the frames from the newest key frame on.
func fromKey(frames []*av.Frame) []*av.Frame {
	start := 0
	for i, f := range frames {
		if f.Key && f.Track.Kind == av.Video {
			start = i
		}
	}
	return frames[start:]
}

func TestClientPlay(t *testing.T) {
	for name, tt := range map[string]struct{ ask, want rtsp.ClientTransport }{
		"tcp": {rtsp.TCP, rtsp.TCP}, "udp": {rtsp.UDP, rtsp.UDP}, "auto": {rtsp.Auto, rtsp.TCP},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, weirauth.Config{})
			frames := footage(t, "bframes.flv")
			pub := r.feed("live/test", frames)
			p, err := rtsp.Play(testContext(t), r.url("live/test"), rtsp.ClientOptions{Transport: tt.ask})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if p.Transport() != tt.want {
				t.Errorf("by %q", p.Transport())
			}
			want := fromKey(frames)
			got := expectFrames(t, p, want)
			distance := func(list []*av.Frame, key func(*av.Frame) int64) int64 { return key(list[len(list)-1]) - key(list[0]) }
			pts := func(f *av.Frame) int64 { return f.PTS }
			if w, g := distance(videoOf(want), pts), distance(videoOf(got), pts); max(w-g, g-w) > int64(time.Millisecond) {
				t.Errorf("video lasts %d ns, want %d", g, w)
			}
			for i, m := range p.Media() {
				if m.Kind != av.Kind(i) || m.LeftOut != "" || m.Track == nil || m.ClockRate == 0 {
					t.Errorf("medium %+v", m)
				}
			}
			r.eventually("all tracks are reported", func() bool { return p.Stats().Reported == 2 }) // by sockets of their own
			if s := p.Stats(); s.Packets < uint64(len(want)) || s.Lost != 0 || s.Bad != 0 {
				t.Errorf("stats %+v", s)
			}
			if steps := p.Timings(); steps.Connected <= 0 || steps.Described < steps.Connected || steps.SetUp < steps.Described || steps.Ready < steps.SetUp {
				t.Errorf("timings %+v", steps)
			}
			pub.Close()
			r.host.Bus.Close(reason.Shutdown)
			if _, err := p.Next(); err != io.EOF {
				t.Errorf("at the end: %v", err)
			}
		})
	}
}

func videoOf(frames []*av.Frame) (video []*av.Frame) {
	for _, f := range frames {
		if f.Track.Kind == av.Video {
			video = append(video, f)
		}
	}
	return video
}

func tracksOf(frames []*av.Frame) (tracks []*av.Track) {
	seen := map[int]bool{}
	for _, f := range frames {
		if !seen[f.Track.ID] {
			seen[f.Track.ID] = true
			tracks = append(tracks, f.Track)
		}
	}
	return tracks
}

func TestClientPublish(t *testing.T) {
	for name, transport := range map[string]rtsp.ClientTransport{"tcp": rtsp.TCP, "udp": rtsp.UDP} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, weirauth.Config{})
			publishes(t, r, r.url("live/test"), rtsp.ClientOptions{Transport: transport})
			if s := r.host.Sessions.List(); len(s) != 1 || s[0].Transport != name {
				t.Errorf("sessions: %+v", s)
			}
		})
	}
}

// publishes sends a sample and checks that it is what is on the bus.
func publishes(t *testing.T, r *rig, url string, o rtsp.ClientOptions) {
	t.Helper()
	frames := footage(t, "bframes.flv")
	p, err := rtsp.Publish(testContext(t), url, tracksOf(frames), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	sub := r.host.Bus.Stream("live/test").Plain().SubscribeSettled(time.Minute)
	defer sub.Close()
	if !frames[0].Key {
		t.Fatal("the sample begins without a key frame")
	}
	want := map[int][]*av.Frame{}
	var got []*av.Frame
	read := func() {
		item, err := sub.Next(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, item.Frame)
	}
	for i, f := range frames {
		if err := p.WriteFrame(f); err != nil {
			t.Fatal(err)
		}
		want[f.Track.ID] = append(want[f.Track.ID], f)
		if i == 0 { // or reading would begin at a later key frame
			read()
		}
	}
	for len(got) < len(frames) {
		read()
	}
	for _, f := range got {
		list := want[f.Track.ID]
		if len(list) == 0 || !bytes.Equal(f.Payload, list[0].Payload) {
			t.Fatalf("a frame of track %d differs", f.Track.ID)
		}
		want[f.Track.ID] = list[1:]
	}
}

// By RTSPS, media is inside the connection, in both directions.
func TestClientTLS(t *testing.T) {
	chain, key := tlsfiletest.Write(t, t.TempDir(), "test")
	certificate, err := os.ReadFile(chain)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	r := newTLSRig(t, chain, key)
	o := rtsp.ClientOptions{TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	url := "rtsps://" + r.server.TLSAddr().String() + "/live/test"
	publishes(t, r, url, o)
	p, err := rtsp.Play(testContext(t), url, o)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	expectFrames(t, p, fromKey(footage(t, "bframes.flv")))
	_, err = rtsp.Play(testContext(t), url, rtsp.ClientOptions{})
	var untrusted *tls.CertificateVerificationError
	if !errors.As(err, &untrusted) {
		t.Errorf("a certificate that nobody knows: %v", err)
	}
}

func newTLSRig(t *testing.T, chain, key string) *rig {
	t.Helper()
	authorizer, err := weirauth.New(weirauth.Config{})
	if err != nil {
		t.Fatal(err)
	}
	h := &plugin.Host{
		Log: slog.New(slog.DiscardHandler), Bus: bus.New(bus.DefaultLimits()), Sessions: session.NewRegistry(session.Options{}),
		Auth: authorizer, Metrics: prometheus.NewRegistry(),
	}
	c := rtsp.New().(*rtsp.Config)
	c.Listen, c.UDPListen, c.TLSListen, c.Certificate, c.Key = "off", "off", "127.0.0.1:0", chain, key
	c.MaxLag = config.Duration(time.Minute)
	service, err := c.Start(h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		service.Drain()
		_ = h.Sessions.Shutdown(context.Background())
		_ = service.Close(context.Background())
		h.Bus.Close(reason.Shutdown)
	})
	return &rig{t: t, host: h, server: service.(*rtsp.Server)}
}

// What ends a session is told once and for all.
func TestClientEnds(t *testing.T) {
	r := newRig(t, weirauth.Config{})
	frames := footage(t, "bframes.flv")
	r.feed("live/test", frames)
	p, err := rtsp.Play(testContext(t), r.url("live/test"), rtsp.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	if _, err := p.Next(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	gone := fakeServer(t, func(req *base.Request) *base.Response {
		if req.Method == base.Play {
			return nil
		}
		return camera(req)
	})
	if _, err := rtsp.Play(testContext(t), gone, rtsp.ClientOptions{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("closed at PLAY: %v", err)
	}
	out, err := rtsp.Publish(testContext(t), r.url("live/other"), tracksOf(frames), rtsp.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := out.WriteFrame(&av.Frame{Track: &av.Track{ID: 99}}); reason.Of(err, "") != reason.Unsupported {
		t.Errorf("a foreign track: %v", err)
	}
	r.host.Sessions.KillAll(reason.Kicked)
	if err := out.Wait(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("kicked: %v", err)
	}
	if err := out.WriteFrame(frames[0]); err == nil {
		t.Error("written to a server that is gone")
	}
	out.Close()
	if err := out.WriteFrame(frames[0]); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A key frame that is larger than all queues arrives whole.
func TestClientLargeFrame(t *testing.T) {
	r := newRig(t, weirauth.Config{})
	track := footage(t, "bframes.flv")[0].Track
	const size = 3 << 20
	key := &av.Frame{Track: track, Key: true, Payload: append([]byte{0, 0x30, 0, 0, 0x65}, bytes.Repeat([]byte{0x88}, size-1)...)}
	key.Payload[1], key.Payload[2], key.Payload[3] = byte(size>>16), byte(size>>8&0xFF), byte(size&0xFF)
	p, err := rtsp.Publish(testContext(t), r.url("live/test"), []*av.Track{track}, rtsp.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	sub := r.host.Bus.Stream("live/test").Plain().SubscribeSettled(time.Minute)
	defer sub.Close()
	if err := p.WriteFrame(key); err != nil {
		t.Fatal(err)
	}
	item, err := sub.Next(testContext(t))
	if err != nil || !bytes.Equal(item.Frame.Payload, key.Payload) {
		t.Errorf("%v", err)
	}
}
