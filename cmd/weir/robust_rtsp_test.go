package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/streamname"
)

// badRTSPPeer is a row of the tables below.
type badRTSPPeer struct {
	name   string
	before func(*rtspPeer) error // what it does right
	send   func(*rtspPeer) string
	status int // of the answer; 0 if there is none
	// why is the reason for the end of a session to do action, or without action
	// that of a refusal; empty if the peer is not worth a word.
	why    reason.Reason
	action session.Action
}

func none(*rtspPeer) error { return nil }

func with(method, name, headers, body string) func(*rtspPeer) string {
	return func(p *rtspPeer) string { return p.request(method, name, headers, body) }
}

func raw(b string) func(*rtspPeer) string { return func(*rtspPeer) string { return b } }

// badRTSP break the framing of requests or its limits.
var badRTSP = []badRTSPPeer{
	{"a port scanner", none, raw(""), 0, "", ""},
	{"no CSeq", none, raw("OPTIONS * RTSP/1.0\r\n\r\n"), 400, reason.BadMessage, ""},
	{"another protocol", none, raw("GET /live/test.flv HTTP/1.1\r\nHost: weir\r\n\r\n"), 0, reason.BadMessage, ""},
	{"an answer", none, raw("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"), 0, reason.BadMessage, ""},
	{"a packet without a session", none, raw(frame(0, []byte{1, 2, 3})), 0, reason.BadMessage, ""},
	{"300 headers", none, with("OPTIONS", witnessStream, strings.Repeat("X: y\r\n", 300), ""), 0, reason.BadMessage, ""},
	{"a header of 4 KB", none, with("OPTIONS", witnessStream, "X: "+strings.Repeat("y", 4<<10)+"\r\n", ""), 0, reason.BadMessage, ""},
	{"a header without an end", none, raw("OPTIONS * RTSP/1.0\r\nX: " + strings.Repeat("y", 64<<10)), 0, reason.BadMessage, ""},
	{"a URL of 4 KB", none, with("OPTIONS", strings.Repeat("y", 4<<10), "", ""), 0, reason.BadMessage, ""},
	{"a body of 1 MB", none, with("ANNOUNCE", "live/x", "Content-Length: 1000000\r\n", ""), 0, reason.BadMessage, ""},
	{"a body of less than nothing", none, with("ANNOUNCE", "live/x", "Content-Length: -1\r\n", ""), 0, reason.BadMessage, ""},
}

// badRTSPOrder are requests that have no business where they come.
var badRTSPOrder = []badRTSPPeer{
	{"no session to play", none, with("PLAY", witnessStream, "", ""), 501, "", ""},
	{"the session of nobody", none, with("PLAY", witnessStream, "Session: 00\r\n", ""), 454, reason.BadMessage, ""},
	{"a track that is not there", none, with("SETUP", witnessStream+"/trackID=7", intoTrack0, ""), 400, reason.BadMessage, ""},
	{"no transport", none, with("SETUP", witnessStream+"/trackID=0", "", ""), 400, reason.BadMessage, ""},
	{"multicast", none, with("SETUP", witnessStream+"/trackID=0", "Transport: RTP/AVP;multicast\r\n", ""), 461, "", ""},
	{"SRTP without TLS", none, with("SETUP", witnessStream+"/trackID=0", "Transport: RTP/SAVP/TCP;interleaved=0-1\r\n", ""), 461, "", ""},
}

// badRTSPNames are of streams that cannot be played or published.
var badRTSPNames = []badRTSPPeer{
	{"nothing to play", none, with("DESCRIBE", "live/none", "", ""), 404, reason.StreamNotFound, session.Play},
	{"an empty segment", none, with("DESCRIBE", "live//x", "", ""), 400, reason.BadName, ""},
	{"no SDP", none, with("ANNOUNCE", "live/x", "Content-Type: text/plain\r\n", ""), 400, reason.BadMessage, ""},
	{"SDP that is none", none, with("ANNOUNCE", "live/x", "", "hello"), 400, reason.BadMessage, ""},
	{"SDP without tracks", none, with("ANNOUNCE", "live/x", "", sdp[:strings.Index(sdp, "m=")]), 400, reason.BadMessage, ""},
	{"SDP of unknown codecs", none, with("ANNOUNCE", "live/x", "", strings.Replace(sdp[:strings.Index(sdp, "m=audio")], "H264", "NEWEST", 1)), 415, reason.Unsupported, ""},
	{"SDP of 40 tracks", none, with("ANNOUNCE", "live/x", "", sdp+strings.Repeat("m=audio 0 RTP/AVP 8\r\n", 38)), 415, reason.Unsupported, ""},
	{"a reserved name", none, with("ANNOUNCE", "api/x", "", sdp), 400, reason.BadName, ""},
	{"RECORD before SETUP", func(p *rtspPeer) error {
		p.session = "" // ANNOUNCE does not tell it
		return p.steps([4]string{"ANNOUNCE", "live/x", "", sdp}, [4]string{"SETUP", "live/x/trackID=0", fromTrack0})
	}, with("RECORD", "live/x", "", ""), 400, reason.BadMessage, ""},
	{"a busy name", func(p *rtspPeer) error { return p.announce(witnessStream + "?x=1") }, with("RECORD", witnessStream+"?x=1", "", ""), 409, reason.StreamBusy, ""},
}

// badRTSPLater come to a bad end after they began well.
var badRTSPLater = []badRTSPPeer{
	{"ANNOUNCE while playing", func(p *rtspPeer) error { return p.watch(witnessStream) }, with("ANNOUNCE", "live/x", "", sdp), 400, reason.BadMessage, session.Play},
	{"headers that break off while playing", func(p *rtspPeer) error { return p.watch(witnessStream) }, raw("OPTIONS * RTSP/1.0\r\nX\r\n"), 0, reason.BadMessage, session.Play},
	{"an answer while publishing", func(p *rtspPeer) error { return p.record("live/x") }, raw("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"), 0, reason.BadMessage, session.Publish},
	{"the end while publishing", func(p *rtspPeer) error { return p.record("live/x") }, raw(""), 0, reason.ClientClosed, session.Publish},
}

// TestBadRTSPPeers: whatever a peer sends, it is answered or closed for a reason
// that is logged and counted, and nobody else notices. Rows are few enough that no
// log line is left out.
func TestBadRTSPPeers(t *testing.T) {
	for _, group := range []struct {
		name  string
		peers []badRTSPPeer
	}{
		{"framing", badRTSP}, {"order", badRTSPOrder}, {"names", badRTSPNames}, {"later", badRTSPLater},
	} {
		t.Run(group.name, func(t *testing.T) {
			s := startServer(t, func(s *settings) { s.stream.Wait = config.Duration(10 * time.Millisecond) })
			w := s.witness(t)
			for _, p := range group.peers {
				t.Run(p.name, func(t *testing.T) { p.run(t, s) })
			}
			w.verify(t)
			if faults := s.lines.atLevel(slog.LevelError); len(faults) > 0 {
				t.Errorf("the log holds errors: %v", faults)
			}
		})
	}
}

func (b badRTSPPeer) run(t *testing.T, s *testServer) {
	before := s.ends("rtsp", b.action, b.why)
	p := s.dialRTSP(t)
	must(t, b.before(p))
	p.send(b.send(p))
	_ = p.CloseWrite() // the server may have closed already
	if status := p.farewell(); status != b.status {
		t.Errorf("status %d, want %d", status, b.status)
	}
	p.Close()
	if b.why == "" {
		if line, ok := s.lines.end(p.LocalAddr().String()); ok {
			t.Errorf("there is a log line about it, want none: %+v", line)
		}
		return
	}
	s.expectEnd(t, p.LocalAddr(), b.why)
	if n := s.ends("rtsp", b.action, b.why) - before; n != 1 {
		t.Errorf("the metric of %s grew by %d, want 1", b.why, n)
	}
}

// TestRTSPCredentials: who is asked for credentials and has none is not worth a
// word; wrong ones are logged and counted, and cost the connection.
func TestRTSPCredentials(t *testing.T) {
	hash, err := auth.HashPassword("secret")
	must(t, err)
	password, err := auth.ParsePasswordHash(hash)
	must(t, err)
	all, err := streamname.ParsePattern("**")
	must(t, err)
	s := startServer(t, func(s *settings) {
		s.auth.Users = []auth.User{{
			Name: "ann", Password: password, Allow: []auth.Rule{{Actions: []auth.Action{auth.Play, auth.Publish}, Streams: []streamname.Pattern{all}}},
		}}
	})
	p := s.dialRTSP(t)
	if status, err := p.ask("ANNOUNCE", "live/test", "", sdp); status != 401 {
		t.Errorf("without credentials: status %d, %v, want 401", status, err)
	}
	if n := s.ends("rtsp", "", reason.Unauthorized); n != 0 {
		t.Errorf("%d refusals were counted before there were credentials", n)
	}
	p.send(p.request("ANNOUNCE", "live/test", "Authorization: Basic YW5uOndyb25n\r\n", sdp)) // ann:wrong
	if status := p.farewell(); status != 401 {
		t.Errorf("with wrong credentials: status %d, want 401", status)
	}
	s.expectEnd(t, p.LocalAddr(), reason.Unauthorized)
	if n := s.ends("rtsp", "", reason.Unauthorized); n != 1 {
		t.Errorf("%d refusals were counted, want 1", n)
	}
}

// TestBadRTP: packets that make no sense cost nothing but themselves.
func TestBadRTP(t *testing.T) {
	s := startServer(t, nil)
	for _, tt := range []struct {
		name    string
		bad     func(*rtspPeer) string
		refused float64
	}{
		{"another source", func(p *rtspPeer) string { return p.packet(96, 2, true, []byte{0x41, 0x9A, 1}) }, 1},
		{"another payload type", func(p *rtspPeer) string { return p.packet(97, 1, true, []byte{0x41, 0x9A, 1}) }, 1},
		{"a packet cut short", func(*rtspPeer) string { return frame(0, []byte{0x80, 96, 0}) }, 1},
		{"RTCP cut short", func(*rtspPeer) string { return frame(1, []byte{0x80, 200, 0, 6, 1}) }, 1},
		{"RTCP of 60 KB", func(*rtspPeer) string { return frame(1, make([]byte, 60000)) }, 1},
		{"an unknown channel", func(*rtspPeer) string { return frame(77, []byte{1, 2, 3}) }, 0},
		{"an empty packet", func(p *rtspPeer) string { return p.packet(96, 1, true, nil) }, 0},
		{"bytes between packets", func(*rtspPeer) string { return strings.Repeat("\x00\xFF", 1000) }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := s.dialRTSP(t)
			must(t, p.record("live/test"))
			frames := func() uint64 {
				for _, info := range s.sessions.List() {
					if info.Remote == p.LocalAddr().String() {
						return info.FramesIn
					}
				}
				return 0
			}
			eventually(t, "a picture", func() bool { return frames() == 1 })
			before := s.metric(t, "weir_rtsp_packets_refused_total")
			p.send(tt.bad(p))
			const more = 5
			for range more {
				p.send(p.packet(96, 1, true, []byte{0x41, 0x9A, 1, 2, 3}))
			}
			// What comes right after a gap in the numbers may be left out.
			eventually(t, "the stream goes on", func() bool { return frames() >= more-1 })
			if n := s.metric(t, "weir_rtsp_packets_refused_total") - before; n != tt.refused {
				t.Errorf("%v packets were counted as refused, want %v", n, tt.refused)
			}
			must(t, p.steps([4]string{"TEARDOWN", "live/test"}))
			s.expectEnd(t, p.LocalAddr(), reason.Unpublished)
		})
	}
}

// metric returns a sample of /metrics.
func (s *testServer) metric(t testing.TB, name string) float64 {
	t.Helper()
	response, err := http.Get("http://" + s.http.Addr().String() + "/metrics")
	must(t, err)
	defer http.DefaultClient.CloseIdleConnections()
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			must(t, err)
			return n
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

// TestSlowRTSPPeers: who does not get to PLAY or RECORD in time is closed, and so
// is a publisher that falls silent and a player that takes nothing.
func TestSlowRTSPPeers(t *testing.T) {
	s := startServer(t, func(s *settings) {
		roomy(s)
		s.rtsp().HandshakeTimeout = config.Duration(2 * time.Second)
		s.rtsp().MaxLag = config.Duration(time.Second)
	})
	large := s.publish(t, "live/large", sourceOptions{frameSize: 30 << 10})
	large.run()
	w := s.witness(t)
	slow := []struct {
		name   string
		begin  func(*rtspPeer) error
		send   string
		drip   bool // goes on with a byte from time to time
		why    reason.Reason
		action session.Action
	}{
		{"nothing sent", none, "", false, reason.HandshakeTimeout, ""},
		{"garbage without end", none, strings.Repeat("\xA5\xFF", 5000), true, reason.HandshakeTimeout, ""},
		{"TLS", none, "\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03", false, reason.HandshakeTimeout, ""},
		{"a request byte by byte", none, "OPTIONS * RTSP/1.0\r\nX:", true, reason.HandshakeTimeout, ""},
		{"DESCRIBE only", func(p *rtspPeer) error { return p.steps([4]string{"DESCRIBE", witnessStream}) }, "", false, reason.HandshakeTimeout, ""},
		{"SETUP only", func(p *rtspPeer) error { return p.steps([4]string{"SETUP", witnessStream + "/trackID=0", intoTrack0}) }, "", false, reason.HandshakeTimeout, ""},
		{"ANNOUNCE without RECORD", func(p *rtspPeer) error { return p.announce("live/x") }, "", false, reason.HandshakeTimeout, ""},
		{"a publisher that falls silent", func(p *rtspPeer) error { return p.record("live/x") }, "", false, reason.PublishTimeout, session.Publish},
		{"a player that takes nothing", func(p *rtspPeer) error {
			shrink(t, p.TCPConn)
			return p.watch("live/large")
		}, "", false, reason.Stalled, session.Play},
	}
	peers, stops := make([]*rtspPeer, len(slow)), make([]func(), len(slow))
	for i, tt := range slow { // all at once: each takes as long as the others
		p := s.dialRTSP(t)
		must(t, tt.begin(p))
		p.send(tt.send)
		peers[i], stops[i] = p, func() {}
		if tt.drip {
			stops[i] = (&peer{TCPConn: p.TCPConn, t: t}).drip()
		}
	}
	for i, tt := range slow {
		t.Run(tt.name, func(t *testing.T) {
			s.expectEnd(t, peers[i].LocalAddr(), tt.why)
			stops[i]()
			peers[i].Close()
			if n := s.ends("rtsp", tt.action, tt.why); n == 0 {
				t.Errorf("the metric of %s did not grow", tt.why)
			}
		})
	}
	w.verify(t)
}

// TestRTSPSessionOfAnother: a request for a session that waits for its stream
// holds up nobody, whoever sends it.
func TestRTSPSessionOfAnother(t *testing.T) {
	s := startServer(t, func(s *settings) { s.stream.Wait = config.Duration(2 * patience) })
	src := s.publish(t, "live/first", sourceOptions{})
	src.run()
	owner := s.dialRTSP(t)
	if status, err := owner.ask("SETUP", "live/first/trackID=0", "Transport: RTP/AVP;multicast\r\n", ""); status != 461 {
		t.Fatalf("status %d, %v", status, err)
	}
	if owner.session == "" {
		t.Fatal("the session's id was not told")
	}
	owner.send(owner.request("SETUP", "live/second/trackID=0", intoTrack0, ""))
	eventually(t, "the owner waits", func() bool { return s.waiting() == 1 })

	thief := s.dialRTSP(t)
	thief.session = owner.session
	if status, err := thief.ask("OPTIONS", "live/first", "", ""); status != 454 {
		t.Errorf("another connection got status %d, %v, want 454", status, err)
	}
	must(t, s.dialRTSP(t).watch("live/first"))

	second := s.publish(t, "live/second", sourceOptions{})
	second.run()
	if status, err := owner.answer(); status != 200 {
		t.Errorf("the owner got status %d, %v", status, err)
	}
}

// TestRTSPKeptAliveByAnother: a player by UDP may be controlled by another
// connection than it began with.
func TestRTSPKeptAliveByAnother(t *testing.T) {
	s := startServer(t, nil)
	src := s.publish(t, "live/test", sourceOptions{})
	src.run()
	first := s.dialRTSP(t)
	must(t, first.steps([4]string{"SETUP", "live/test/trackID=0", "Transport: RTP/AVP;unicast;client_port=40000-40001\r\n"}, [4]string{"PLAY", "live/test"}))
	first.Close()
	second := s.dialRTSP(t)
	second.session = first.session
	must(t, second.steps([4]string{"OPTIONS", "live/test"}, [4]string{"TEARDOWN", "live/test"}))
	s.expectEnd(t, first.LocalAddr(), reason.ClientClosed)
}

// TestRTSPSetupAtOnce: players by UDP of one address set up their tracks at the
// same time.
func TestRTSPSetupAtOnce(t *testing.T) {
	const players, rounds = 4, 50
	s := startServer(t, nil)
	src := s.publish(t, "live/test", sourceOptions{})
	src.run()
	var running sync.WaitGroup
	for n := range players {
		running.Go(func() {
			for round := range rounds {
				conn, err := connectTCP(s.app.rtsp)
				if err != nil {
					t.Error(err)
					return
				}
				p := newRTSPPeer(t, conn)
				port := 20000 + 4*(players*round+n)
				if err := p.steps(
					[4]string{"SETUP", "live/test/trackID=0", fmt.Sprintf("Transport: RTP/AVP;unicast;client_port=%d-%d\r\n", port, port+1)},
					[4]string{"SETUP", "live/test/trackID=1", fmt.Sprintf("Transport: RTP/AVP;unicast;client_port=%d-%d\r\n", port+2, port+3)},
				); err != nil {
					t.Error(err)
				}
				conn.Close()
			}
		})
	}
	running.Wait()
}
