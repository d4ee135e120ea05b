package rtsp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtcp"
	prtp "github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/tlsfile/tlsfiletest"
	"github.com/weirmedia/weir/protocols/rtsp"
	"github.com/weirmedia/weir/remux/flv/flvtest"
	"github.com/weirmedia/weir/remux/rtp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waits that end soon unless something is broken.
const patience = 20 * time.Second

// rig is a server on free ports.
type rig struct {
	t      *testing.T
	host   *plugin.Host
	server *rtsp.Server
	log    *logLines   // of the registry
	tls    *tls.Config // of clients; nil without RTSPS
	// answer is given the RTCP of players; it may be nil.
	answer func(*player, *description.Media, rtcp.Packet)
}

func newRig(t *testing.T, a auth.Config) *rig {
	t.Helper()
	return newPatientRig(t, a, 50*time.Millisecond)
}

func newRigWith(t *testing.T, a auth.Config, configure func(*rtsp.Config)) *rig {
	t.Helper()
	return newPatientRig(t, a, 50*time.Millisecond, configure)
}

// newPatientRig lets players wait for their stream for so long.
func newPatientRig(t *testing.T, a auth.Config, wait time.Duration, change ...func(*rtsp.Config)) *rig {
	t.Helper()
	authorizer, err := auth.New(a)
	if err != nil {
		t.Fatal(err)
	}
	lines := new(logLines)
	limits := bus.DefaultLimits()
	limits.Wait, limits.Linger = wait, 0
	h := &plugin.Host{
		Log: slog.New(slog.DiscardHandler), Bus: bus.New(limits), Sessions: session.NewRegistry(session.Options{Logger: slog.New(slog.NewTextHandler(lines, nil))}),
		Auth: authorizer, Metrics: prometheus.NewRegistry(),
	}
	c := rtsp.New().(*rtsp.Config)
	c.Listen, c.UDPListen, c.MaxLag = "127.0.0.1:0", "127.0.0.1:0", config.Duration(500*time.Millisecond)
	for _, f := range change {
		f(c)
	}
	service, err := c.Start(h)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, host: h, server: service.(*rtsp.Server), log: lines}
	if c.Certificate != "" {
		r.tls = tlsfiletest.Trust(t, c.Certificate)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		r.server.Drain()
		if err := h.Sessions.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := r.server.Close(ctx); err != nil {
			t.Error(err)
		}
		h.Bus.Close(reason.Shutdown)
	})
	return r
}

func (r *rig) url(name string) string { return "rtsp://" + r.server.Addr().String() + "/" + name }

// footage returns the frames of a sample file in order.
func footage(t *testing.T, name string) []*av.Frame {
	t.Helper()
	return flvtest.Frames(t, "../../remux/flv/testdata/"+name)
}

// feed publishes frames on the bus and returns the publisher.
func (r *rig) feed(name string, frames []*av.Frame) *bus.Publisher {
	r.t.Helper()
	p, err := r.host.Bus.Publish(name, bus.Claim{Owner: "test", Kill: func(reason.Reason) {}})
	if err != nil {
		r.t.Fatal(err)
	}
	told := map[int]bool{}
	var kinds [av.Kinds]bool
	for _, f := range frames {
		kinds[f.Track.Kind] = true
	}
	_ = p.Hint(kinds)
	for _, f := range frames {
		if !told[f.Track.ID] {
			told[f.Track.ID] = true
			_ = p.SetTrack(f.Track)
		}
	}
	r.write(p, frames)
	return p
}

func (r *rig) write(p *bus.Publisher, frames []*av.Frame) {
	r.t.Helper()
	for _, f := range frames {
		c := *f
		c.Arrival = av.Now()
		if err := p.Write(&c); err != nil {
			r.t.Error(err)
		}
	}
}

// player is gortsplib's client.
type player struct {
	*gortsplib.Client
	frames chan *av.Frame
	ended  chan error
}

// play starts to play all tracks of a stream.
func (r *rig) play(name string, transport gortsplib.Transport) *player {
	r.t.Helper()
	p, err := r.tryPlay(r.url(name), transport)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *rig) tryPlay(url string, transport gortsplib.Transport) (*player, error) {
	u, err := base.ParseURL(url)
	if err != nil {
		return nil, err
	}
	p := &player{&gortsplib.Client{Scheme: u.Scheme, Host: u.Host, Transport: &transport, TLSConfig: r.tls}, make(chan *av.Frame, 10000), make(chan error, 1)}
	if err := p.Start2(); err != nil {
		return nil, err
	}
	r.t.Cleanup(p.Close)
	d, _, err := p.Describe(u)
	if err != nil {
		return nil, err
	}
	if err := p.SetupAll(d.BaseURL, d.Medias); err != nil {
		return nil, err
	}
	for i, m := range d.Medias {
		demuxer, err := rtp.NewDemuxer(i, m.Formats[0])
		if err != nil {
			return nil, err
		}
		if r.answer != nil {
			p.OnPacketRTCP(m, func(pkt rtcp.Packet) { r.answer(p, m, pkt) })
		}
		p.OnPacketRTP(m, m.Formats[0], func(pkt *prtp.Packet) {
			frames, why := demuxer.Demux(pkt)
			if why != "" {
				r.t.Errorf("player: %s", why)
			}
			for _, f := range frames {
				p.frames <- f
			}
		})
	}
	if _, err := p.Play(nil); err != nil {
		return nil, err
	}
	go func() { p.ended <- p.Wait() }()
	return p, nil
}

// expect waits for the frames in the order of their track.
func (p *player) expect(t *testing.T, want []*av.Frame) {
	t.Helper()
	next := map[av.Kind][]*av.Frame{}
	for _, f := range want {
		next[f.Track.Kind] = append(next[f.Track.Kind], f)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for range want {
		select {
		case f := <-p.frames:
			list := next[f.Track.Kind]
			if len(list) == 0 || !bytes.Equal(f.Payload, list[0].Payload) {
				t.Fatalf("%s frame of %d bytes, want another; %d to come", f.Track.Kind, len(f.Payload), len(list))
			}
			next[f.Track.Kind] = list[1:]
		case <-timer.C:
			t.Fatalf("%d video and %d audio frames did not come", len(next[av.Video]), len(next[av.Audio]))
		}
	}
}

// What is on the bus is what players get, from the newest key frame on.
func TestPlay(t *testing.T) {
	for name, transport := range map[string]gortsplib.Transport{"tcp": gortsplib.TransportTCP, "udp": gortsplib.TransportUDP} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, auth.Config{})
			frames := footage(t, "bframes.flv")
			r.feed("live/test", frames)
			p := r.play("live/test", transport)
			start := 0
			for i, f := range frames {
				if f.Key {
					start = i
				}
			}
			p.expect(t, frames[start:])
			list := r.host.Sessions.List()
			if len(list) != 1 || list[0].Transport != name || list[0].Action != session.Play || list[0].FramesOut == 0 || list[0].BytesOut == 0 {
				t.Errorf("sessions: %+v", list)
			}
			r.host.Sessions.Kill(list[0].ID, reason.Kicked)
			r.eventually("the session is gone", func() bool { return len(r.host.Sessions.List()) == 0 })
		})
	}
}

func (r *rig) eventually(what string, done func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("not: %s", what)
		}
	}
}

// describe makes what a publisher announces, and the Muxers of its tracks.
func describe(t *testing.T, frames []*av.Frame) (*description.Session, map[int]*rtp.Muxer, map[int]*description.Media) {
	t.Helper()
	d, muxers, medias := &description.Session{}, map[int]*rtp.Muxer{}, map[int]*description.Media{}
	for _, f := range frames {
		if muxers[f.Track.ID] != nil {
			continue
		}
		m, err := rtp.NewMuxer(f.Track, rtp.MuxerOptions{PayloadType: 96 + uint8(len(muxers))})
		if err != nil {
			t.Fatal(err)
		}
		media := &description.Media{Type: description.MediaType(f.Track.Kind.String()), Formats: []format.Format{m.Format()}}
		muxers[f.Track.ID], medias[f.Track.ID] = m, media
		d.Medias = append(d.Medias, media)
	}
	return d, muxers, medias
}

// What a publisher records is what is on the bus.
func TestRecord(t *testing.T) {
	for name, transport := range map[string]gortsplib.Transport{"tcp": gortsplib.TransportTCP, "udp": gortsplib.TransportUDP} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, auth.Config{})
			frames := footage(t, "bframes.flv")
			d, muxers, medias := describe(t, frames)
			c := &gortsplib.Client{Transport: &transport}
			if err := c.StartRecording(r.url("live/test"), d); err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			sub := r.host.Bus.Stream("live/test").Plain().SubscribeSettled(time.Minute)
			defer sub.Close()
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			var items []bus.Item
			for _, f := range frames {
				packets, err := muxers[f.Track.ID].Mux(f)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range packets {
					if err := c.WritePacketRTP(medias[f.Track.ID], p); err != nil {
						t.Fatal(err)
					}
				}
				if f.Key && items == nil { // or reading would begin at a later key frame
					item, err := sub.Next(ctx)
					if err != nil {
						t.Fatal(err)
					}
					items = append(items, item)
				}
			}
			seen := map[int]int{}
			byTrack := map[int][]*av.Frame{}
			for _, f := range frames {
				byTrack[f.Track.ID] = append(byTrack[f.Track.ID], f)
			}
			for len(items) < len(frames) {
				item, err := sub.Next(ctx)
				if err != nil {
					t.Fatal(err)
				}
				items = append(items, item)
			}
			for _, item := range items {
				id := item.Frame.Track.ID
				want := byTrack[id][seen[id]]
				if seen[id]++; !bytes.Equal(item.Frame.Payload, want.Payload) || item.Frame.Key != want.Key {
					t.Fatalf("frame %d of track %d differs", seen[id], id)
				}
			}
			if l := r.host.Bus.Stream("live/test").Layout(); len(l.Tracks) != 2 || !l.Ready {
				t.Errorf("layout %+v", l)
			}
			if s := r.host.Sessions.List(); len(s) != 1 || s[0].Transport != name || s[0].BytesIn == 0 {
				t.Errorf("sessions: %+v", s)
			}
		})
	}
}

// Who is refused is told why.
func TestAnswers(t *testing.T) {
	r := newRig(t, auth.Config{})
	frames := footage(t, "bframes.flv")
	r.feed("live/busy", frames)
	usable, _, _ := describe(t, frames)
	useless := &description.Session{Medias: []*description.Media{{
		Type: description.MediaTypeVideo, Formats: []format.Format{&format.MJPEG{}},
	}}}
	tcp := gortsplib.TransportTCP
	record := func(name string, d *description.Session) error {
		c := &gortsplib.Client{Transport: &tcp}
		defer c.Close()
		return c.StartRecording(r.url(name), d)
	}
	play := func(name string) error {
		_, err := r.tryPlay(r.url(name), tcp)
		return err
	}
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"nothing is published", play("live/none"), "404"},
		{"a name that is no name", play("live//x"), "400"},
		{"a busy name", record("live/busy", usable), "409"},
		{"a reserved name", record("api/x", usable), "400"},
		{"no track can be used", record("live/jpeg", useless), "415"},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, tt.err, tt.want)
		}
	}
	if n := len(r.host.Sessions.List()); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}
