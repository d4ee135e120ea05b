package bench

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	registry "github.com/weirmedia/weir/pkg/session"
)

// TestPlayWHEP: players that count and players that verify, by the ending of the
// URL and by option.
func TestPlayWHEP(t *testing.T) {
	s := startServer(t)
	for name, protocol := range map[string]Protocol{"by URL": auto, "by option": protoWHEP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := "http://" + s.http + "/live/" + string(protocol) + "%d/whep"
			r := carryOut(t, Options{
				Mode: Play, URL: url, Protocol: protocol, Sessions: 5, Streams: 2, Verify: 2, Clip: demoClip(t), PublishURL: s.publish(url),
				Duration: 4 * time.Second, // with the race detector on a busy machine DTLS takes one
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
			if p := r.RTP; p == nil || p.Packets == 0 || p.Lost != 0 {
				t.Errorf("packets %+v", p)
			}
		})
	}
}

// Sessions that the server does not begin, or ends, are told.
func TestWHEPEnds(t *testing.T) {
	s := startServer(t)
	r := carryOut(t, Options{Mode: Play, URL: "http://" + s.http + "/live/nobody/whep", Sessions: 2, Duration: 500 * time.Millisecond})
	if r.Failed != 2 || len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Error, "404") {
		t.Errorf("%s", r.text())
	}
	url := "http://" + s.http + "/live/cut/whep"
	go func() {
		var players []string
		eventually(t, "players play", func() bool {
			players = nil
			for _, i := range s.host.Sessions.List() {
				if i.Action == registry.Play && i.FramesOut > 20 {
					players = append(players, i.ID)
				}
			}
			return len(players) == 2
		})
		for _, id := range players {
			s.host.Sessions.Kill(id, reason.Kicked)
		}
	}()
	r = carryOut(t, Options{Mode: Play, URL: url, Sessions: 2, Clip: demoClip(t), PublishURL: s.publish(url), Duration: 4 * time.Second})
	if r.Cut != 2 {
		t.Errorf("%s", r.text())
	}
}

// TestRTPTap: packets of RTP are counted by source, and dropped once that is
// wanted; all others pass, both ways.
func TestRTPTap(t *testing.T) {
	listen := func() *net.UDPConn {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	var bytes atomic.Uint64
	stats := &rtpStats{}
	tap, server := newRTPTap(listen(), &bytes, stats), listen()
	packet := func(source, number byte) []byte {
		return []byte{0x80, 96, 0, number, 0, 0, 0, 0, 0, 0, 0, source, 1, 2, 3}
	}
	stun := append([]byte{0, 1}, make([]byte, 18)...)
	send := func(list ...[]byte) {
		for _, b := range list {
			if _, err := server.WriteTo(b, tap.LocalAddr()); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := func() []byte {
		b := make([]byte, 100)
		n, from, err := tap.ReadFrom(b)
		if err != nil || from.String() != server.LocalAddr().String() {
			t.Fatalf("from %v: %v", from, err)
		}
		return b[:n]
	}
	send(packet(1, 1), stun)
	if got := read(); got[0] != 0x80 {
		t.Errorf("RTP came as %x", got)
	}
	if got := read(); len(got) != len(stun) {
		t.Errorf("STUN came as %x", got)
	}
	tap.drop.Store(true)
	send(packet(1, 2), packet(2, 9), packet(1, 4), []byte{0x80, 200, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1}, stun)
	if got := read(); got[1] != 200 {
		t.Errorf("RTCP came as %x", got)
	}
	if got := read(); len(got) != len(stun) {
		t.Errorf("STUN came as %x", got)
	}
	if _, err := tap.WriteTo(stun, server.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if n, err := server.Read(b); err != nil || n != len(stun) {
		t.Errorf("%d bytes were written, %v", n, err)
	}
	if r := stats.report(); r.Packets != 4 || r.Lost != 1 || bytes.Load() != 4*15 {
		t.Errorf("%+v, %d bytes", r, bytes.Load())
	}
	ended := make(chan error)
	go func() {
		_, _, err := tap.ReadFrom(make([]byte, 100))
		ended <- err
	}()
	if err := tap.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("a closed tap is read from")
	}
	if _, err := tap.WriteTo(stun, server.LocalAddr()); err == nil {
		t.Error("a closed tap is written to")
	}
}

// A player whose server says nothing ends with its run.
func TestWHEPSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // which nobody serves
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	ended := make(chan struct{})
	p := &whepPlayer{session: &session{url: "http://" + l.Addr().String() + "/x/whep"}, stats: &rtpStats{}, done: func() { close(ended) }}
	p.run(ctx)
	<-ended
	if o := p.outcome(); o.state != failed || o.err != errNotReached {
		t.Errorf("%+v", o)
	}
}

// The URL says what is spoken, unless an option does.
func TestProtocol(t *testing.T) {
	for _, tt := range []struct {
		url      string
		protocol Protocol
		want     Protocol
		problem  string
	}{
		{"rtmp://h/live/x", "", protoRTMP, ""},
		{"RTSPS://h/live/x", auto, protoRTSP, ""},
		{"http://h/live/x.flv?a=b.ts", auto, protoFLV, ""},
		{"ws://h/live/x.ts", auto, protoTS, ""},
		{"https://h/live/x.mp4", auto, protoMP4, ""},
		{"http://h/live/x/index.m3u8?token=1", auto, protoHLS, ""},
		{"http://h/live/x/whep?token=1", auto, protoWHEP, ""},
		{"http://h/rtc/v1/whep/", auto, protoWHEP, ""},
		{"http://h/play?id=1", protoWHEP, protoWHEP, ""},
		{"http://h/live/x.mp4", protoFLV, protoFLV, ""},
		{"rtmp://h/live/x", protoWHEP, "", "the scheme of the URL says rtmp"},
		{"http://h/live/x", protoRTSP, "", "the scheme of the URL says flv"},
		{"http://h/live/x", "pigeon", "", "none of"},
		{"ws://h/live/x/whep", auto, "", "WebSocket"},
	} {
		p, err := NewPlan(Options{Mode: Play, URL: tt.url, Protocol: tt.protocol, Sessions: 1, Ramp: 1, Duration: time.Second})
		switch {
		case tt.problem != "":
			if err == nil || !strings.Contains(err.Error(), tt.problem) {
				t.Errorf("%s as %q: %v, want %s", tt.url, tt.protocol, err, tt.problem)
			}
		case err != nil:
			t.Errorf("%s as %q: %v", tt.url, tt.protocol, err)
		case p.Protocol != tt.want:
			t.Errorf("%s as %q is %s, want %s", tt.url, tt.protocol, p.Protocol, tt.want)
		}
	}
}
