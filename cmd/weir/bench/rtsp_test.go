package bench

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/auth"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/conn"

	"github.com/weirmedia/weir/pkg/reason"
	registry "github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/rtsp"
)

// TestPlayRTSP: players that count and players that verify, by both transports,
// of a stream that is published by RTSP too.
func TestPlayRTSP(t *testing.T) {
	s := startServer(t)
	for _, transport := range []Transport{TCP, UDP} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			url := "rtsp://" + s.rtsp + "/live/" + string(transport) + "%d"
			r := carryOut(t, Options{
				Mode: Play, URL: url, Sessions: 5, Streams: 2, Verify: 2, Clip: demoClip(t), PublishURL: url, Transport: transport,
			})
			if !r.OK() || r.Connected != 5 || r.Streams != 2 {
				t.Fatalf("%s", r.text())
			}
			if v := r.Verified; v == nil || v.Sessions != 2 || v.Frames == 0 || v.TimestampErrors != 0 {
				t.Errorf("verified %+v", v)
			}
			if r.Latency == nil || r.Latency.Samples == 0 || r.Latency.P50 <= 0 {
				t.Errorf("latency %+v", r.Latency)
			}
			if r.FirstPicture == nil || r.FirstPicture.Max < r.Connect.Median {
				t.Errorf("first picture %+v, connect %+v", r.FirstPicture, r.Connect)
			}
			if r.Bitrate != nil && r.Bitrate.Min <= 0 { // nil if this machine was too busy to measure
				t.Errorf("bitrate %+v", r.Bitrate)
			}
			if p := r.RTP; (p != nil) != (transport == UDP) || p != nil && p.Packets == 0 {
				t.Errorf("packets %+v", p)
			}
		})
	}
}

// Sessions that the server ends, or does not begin, are told.
func TestRTSPEnds(t *testing.T) {
	s := startServer(t)
	r := carryOut(t, Options{Mode: Play, URL: "rtsp://" + s.rtsp + "/live/nobody", Sessions: 2, Duration: 500 * time.Millisecond})
	if r.Failed != 2 || len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Error, "404") {
		t.Errorf("%s", r.text())
	}
	url := "rtsp://" + s.rtsp + "/live/cut"
	go func() {
		eventually(t, "players play", func() bool {
			n := 0
			for _, i := range s.host.Sessions.List() {
				if i.Action == registry.Play && i.FramesOut > 20 {
					n++
				}
			}
			return n == 2
		})
		for _, i := range s.host.Sessions.List() {
			if i.Action == registry.Play {
				s.host.Sessions.Kill(i.ID, reason.Kicked)
			}
		}
	}()
	r = carryOut(t, Options{Mode: Play, URL: url, Sessions: 2, Clip: demoClip(t), PublishURL: url, Duration: 4 * time.Second})
	if r.Cut != 2 {
		t.Errorf("%s", r.text())
	}
}

// The few requests of a player prove who it is.
func TestDialogueCredentials(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	methods := []auth.VerifyMethod{auth.VerifyMethodDigestMD5}
	go func() {
		defer theirs.Close()
		c := conn.NewConn(theirs)
		for {
			req, err := c.ReadRequest()
			if err != nil {
				return
			}
			res := &base.Response{StatusCode: base.StatusOK, Header: base.Header{}}
			if auth.Verify(req, "ann", "secret", methods, "cam", "abc") != nil {
				res.StatusCode = base.StatusUnauthorized
				res.Header["WWW-Authenticate"] = auth.GenerateWWWAuthenticate(methods, "cam", "abc")
			}
			if c.WriteResponse(res) != nil {
				return
			}
		}
	}()
	for password, want := range map[string]int{"secret": 0, "guessed": 401} {
		u, err := base.ParseURL("rtsp://ann:" + password + "@h/cam")
		if err != nil {
			t.Fatal(err)
		}
		d := &dialogue{url: u, control: u, conn: ours, rtsp: conn.NewConn(ours)}
		err = d.play()
		var status *rtsp.StatusError
		if (err == nil) != (want == 0) || errors.As(err, &status) && status.Status != want {
			t.Errorf("%s: %v", password, err)
		}
	}
}

// TestRTPCounter: loss is what is missing by number, and not what came late.
func TestRTPCounter(t *testing.T) {
	for _, test := range []struct {
		name    string
		numbers []uint16
		lost    uint64
	}{
		{"all", []uint16{65534, 65535, 0, 1}, 0},
		{"some missing", []uint16{65534, 1, 2, 5}, 4},
		{"reordered", []uint16{1, 3, 2, 4}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stats rtpStats
			c := &rtpCounter{stats: &stats}
			c.take([]byte{0x80, 96}) // too short to be one
			c.take([]byte{0, 96, 1, 1})
			for _, n := range test.numbers {
				c.take([]byte{0x80, 96, byte(n >> 8), byte(n), 0, 0})
			}
			if r := stats.report(); r == nil || r.Packets != uint64(len(test.numbers)) || r.Lost != test.lost {
				t.Errorf("%+v, want %d lost", r, test.lost)
			}
		})
	}
}

// TestDrainPackets: packets of UDP are counted one by one, in the way of the
// system and by a goroutine.
func TestDrainPackets(t *testing.T) {
	for _, wrap := range []func(net.Conn) net.Conn{
		func(c net.Conn) net.Conn { return c }, func(c net.Conn) net.Conn { return wrapped{c} },
	} {
		d, err := newDrain()
		if err != nil {
			t.Fatal(err)
		}
		sockets, err := listenPair(net.IPv4(127, 0, 0, 1))
		if err != nil {
			t.Fatal(err)
		}
		ports := sockets.ports()
		if ports[0]%2 != 0 {
			t.Errorf("ports %v", ports)
		}
		out, err := net.Dial("udp", sockets.rtp.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		var s session
		var stats rtpStats
		ended := make(chan error, 1)
		d.add(&sink{
			conn: wrap(sockets.rtp), bytes: &s.bytes, packets: &rtpCounter{stats: &stats},
			release: func() { _ = sockets.rtp.Close() }, ended: func(err error) { ended <- err },
		})
		for _, packet := range [][]byte{{0x80, 96, 0, 1, 9}, {}, make([]byte, 1000), {0x80, 96, 0, 3, 9}} {
			if _, err := out.Write(packet); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "all is counted", func() bool { return s.bytes.Load() == 1010 })
		if r := stats.report(); r == nil || r.Packets != 2 || r.Lost != 1 {
			t.Errorf("%+v", r)
		}
		if err := d.close(); err != nil {
			t.Error(err)
		}
		<-ended
		sockets.close()
		out.Close()
	}
}

// A player whose server says nothing ends with its run.
func TestRTSPSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // which nobody serves
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	ended := make(chan struct{})
	p := &rtspPlayer{session: &session{url: "rtsp://" + l.Addr().String() + "/x"}, done: func() { close(ended) }}
	p.run(ctx)
	<-ended
	if o := p.outcome(); o.state != failed || o.err != errNotReached {
		t.Errorf("%+v", o)
	}
}
