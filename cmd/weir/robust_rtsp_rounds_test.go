package main

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/session"
)

// TestRTSPRounds: nothing is left of 300 connections that come, get as far as they
// like and go in some way.
func TestRTSPRounds(t *testing.T) {
	const (
		rounds = 300
		// slack covers what the runtime keeps for reuse. A leak of what gortsplib
		// reads a connection into alone would make 1.2 MB.
		slack = 512 << 10
	)
	s := startServer(t, brisk)
	src := s.publish(t, "live/test", sourceOptions{})
	src.run()
	s.rounds(t, rounds, slack, s.visitRTSP, func() {
		eventually(t, "only the publisher is there", func() bool { return len(s.sessions.List()) == 1 && len(s.bus.Streams()) == 1 })
	})
	for _, action := range []session.Action{session.Play, session.Publish} {
		if n := s.opened("rtsp", action); n < rounds/10 {
			t.Errorf("only %d sessions to %s began, want %d", n, action, rounds/10)
		}
	}
}

// visitRTSP connects, does one of several things and goes in one of several ways.
// None of its steps needs to succeed: names may be busy.
func (s *testServer) visitRTSP(t testing.TB, random *rand.Rand) {
	conn, err := connectTCP(s.app.rtsp)
	if err != nil {
		t.Error(err)
		return
	}
	p := newRTSPPeer(t, conn)
	port := 20000 + 2*random.IntN(10000)
	name := fmt.Sprintf("rounds/%d", random.IntN(3))
	switch random.IntN(8) {
	case 0: // nothing
	case 1:
		_, _ = p.ask("DESCRIBE", "live/test", "", "")
	case 2: // a session that stays where it is, and a flood of attempts at it
		_ = p.steps([4]string{"SETUP", "live/test/trackID=0", intoTrack0})
		for range 20 {
			_, _ = p.ask("SETUP", "live/test/trackID=1", "Transport: RTP/AVP;multicast\r\n", "")
		}
	case 3:
		_ = p.announce(name)
	case 4:
		_ = p.watch("live/test")
	case 5: // by UDP, which goes on without its connection if it does not say that it stops
		_ = p.steps([4]string{"SETUP", "live/test/trackID=0", fmt.Sprintf("Transport: RTP/AVP;unicast;client_port=%d-%d\r\n", port, port+1)},
			[4]string{"PLAY", "live/test"}, [4]string{"TEARDOWN", "live/test"})
	case 6:
		_ = p.record(name)
	case 7:
		_ = p.watch("live/test")
		_ = p.steps([4]string{"PAUSE", "live/test"}, [4]string{"PLAY", "live/test"})
	}
	time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
	hangUp(conn, random.IntN(byCommand))
}
