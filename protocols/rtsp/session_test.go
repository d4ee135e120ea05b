package rtsp_test

import (
	"bufio"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/rtp"
)

var transports = map[string]gortsplib.Transport{"tcp": gortsplib.TransportTCP, "udp": gortsplib.TransportUDP}

// lastGOP returns the frames from the last key frame on.
func lastGOP(frames []*av.Frame) []*av.Frame {
	start := 0
	for i, f := range frames {
		if f.Key {
			start = i
		}
	}
	return frames[start:]
}

// A player that pauses gets nothing, while others do; when it goes on, it gets what
// is newest, and its packets are numbered as if there had been nothing in between.
func TestPause(t *testing.T) {
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, auth.Config{})
			gop := lastGOP(footage(t, "bframes.flv"))
			pub := r.feed("live/test", gop)
			p := r.play("live/test", transport)
			p.expect(t, gop)
			other := r.play("live/test", transport)
			other.expect(t, gop)
			if _, err := p.Pause(); err != nil {
				t.Fatal(err)
			}
			missed, later := moved(gop, 1), moved(gop, 2)
			r.write(pub, append(missed, later...))
			other.expect(t, append(missed, later...))
			if n := len(p.frames); n > 0 {
				t.Errorf("%d frames came during the pause", n)
			}
			if _, err := p.Play(nil); err != nil {
				t.Fatal(err)
			}
			p.expect(t, later)
			want := uint64(2 * len(gop))
			r.eventually("frames are counted", func() bool { return r.host.Sessions.List()[0].FramesOut == want })
		})
	}
}

// moved returns frames n minutes later, each with another payload of the same
// length.
func moved(frames []*av.Frame, n byte) (later []*av.Frame) {
	const minute = int64(60e9)
	for _, f := range frames {
		c := *f
		c.DTS, c.PTS = c.DTS+int64(n)*minute, c.PTS+int64(n)*minute
		c.Payload = append([]byte(nil), f.Payload...)
		c.Payload[len(c.Payload)-1] += n
		later = append(later, &c)
	}
	return later
}

// A publisher that pauses keeps its name, and goes on.
func TestPausedPublisher(t *testing.T) {
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, auth.Config{})
			frames := lastGOP(footage(t, "bframes.flv"))
			d, muxers, medias := describe(t, frames)
			c := &gortsplib.Client{Transport: &transport}
			if err := c.StartRecording(r.url("live/test"), d); err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			sent := uint64(0)
			send := func(frames []*av.Frame) {
				t.Helper()
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
				}
				sent += uint64(len(frames))
				r.eventually("all frames came", func() bool {
					list := r.host.Sessions.List()
					return len(list) == 1 && list[0].FramesIn == sent
				})
			}
			send(frames)
			if _, err := c.Pause(); err != nil {
				t.Fatal(err)
			}
			if _, err := r.host.Bus.Publish("live/test", bus.Claim{Owner: "other", Kill: func(reason.Reason) {}}); reason.Of(err, "") != reason.StreamBusy {
				t.Errorf("another publisher during the pause: %v", err)
			}
			if _, err := c.Record(); err != nil {
				t.Fatal(err)
			}
			send(moved(frames, 1))
		})
	}
}

// A player may set up some of the tracks.
func TestSetupOfOneTrack(t *testing.T) {
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, auth.Config{})
			gop := lastGOP(footage(t, "bframes.flv"))
			r.feed("live/test", gop)
			u, err := base.ParseURL(r.url("live/test"))
			if err != nil {
				t.Fatal(err)
			}
			p := &player{&gortsplib.Client{Scheme: u.Scheme, Host: u.Host, Transport: &transport}, make(chan *av.Frame, 1000), nil}
			if err := p.Start2(); err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			d, _, err := p.Describe(u)
			if err != nil {
				t.Fatal(err)
			}
			sound := d.Medias[1]
			demuxer, err := rtp.NewDemuxer(1, sound.Formats[0])
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Setup(d.BaseURL, sound, 0, 0); err != nil {
				t.Fatal(err)
			}
			p.OnPacketRTPAny(func(_ *description.Media, _ format.Format, pkt *prtp.Packet) {
				frames, why := demuxer.Demux(pkt)
				if why != "" {
					t.Error(why)
				}
				for _, f := range frames {
					p.frames <- f
				}
			})
			if _, err := p.Play(nil); err != nil {
				t.Fatal(err)
			}
			var want []*av.Frame
			for _, f := range gop {
				if f.Track.Kind == av.Audio {
					want = append(want, f)
				}
			}
			p.expect(t, want)
			r.eventually("frames are counted", func() bool {
				list := r.host.Sessions.List()
				return len(list) == 1 && list[0].FramesOut == uint64(len(want))
			})
		})
	}
}

// Clients say in several ways that they are still there.
func TestSignsOfLife(t *testing.T) {
	r := newRig(t, auth.Config{})
	r.feed("live/test", footage(t, "bframes.flv"))
	nc, err := net.Dial("tcp", r.server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	in := bufio.NewReader(nc)
	h := ask(t, nc, in, "SETUP", r.url("live/test/trackID=0"), "Transport: RTP/AVP;unicast;client_port=9-9")
	id, _, _ := strings.Cut(h.Get("Session"), ";")
	session := "Session: " + id
	ask(t, nc, in, "PLAY", r.url("live/test"), session)
	public := ask(t, nc, in, "OPTIONS", r.url("live/test"), session).Get("Public")
	for _, method := range []string{"GET_PARAMETER", "SET_PARAMETER", "PLAY"} {
		if !strings.Contains(public, method) {
			t.Errorf("%s is not offered: %s", method, public)
		}
		ask(t, nc, in, method, r.url("live/test"), session)
	}
	const body = "speed: 2\r\n"
	fmt.Fprintf(nc, "SET_PARAMETER %s RTSP/1.0\r\nCSeq: 2\r\n%s\r\nContent-Length: %d\r\n\r\n%s", r.url("live/test"), session, len(body), body)
	if line, err := textproto.NewReader(in).ReadLine(); err != nil || !strings.HasPrefix(line, "RTSP/1.0 451") {
		t.Errorf("a parameter that nobody knows: %q, %v", line, err)
	}
	if n := len(r.host.Sessions.List()); n != 1 {
		t.Errorf("%d sessions", n)
	}
}
