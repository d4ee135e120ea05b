package main

import (
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/protocols/rtmp/message"
)

const soakStream = "soak/steady"

// TestSoak: joins, leaves, stalls and reconnects for the time that WEIR_SOAK
// names (3s), after which all is as before. Viewers that stay lose nothing. It
// is meant to run with the race detector.
func TestSoak(t *testing.T) {
	length := 3 * time.Second
	if text := os.Getenv("WEIR_SOAK"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("WEIR_SOAK: %v", err)
		}
		length = d
	}
	s := startServer(t, func(s *settings) {
		brisk(s)
		s.stream.Grace = config.Duration(patience) // of the reconnecting publisher's stream
		s.delivery.StallTimeout = config.Duration(time.Second)
	})
	w := s.witness(t)
	first := s.publish(t, soakStream, soakOptions(0))
	first.tick()
	loyal := s.watchBoth(t, soakStream, 6)
	for _, v := range loyal {
		v.reach(position{})
	}
	steady := measure(t)

	end := time.Now().Add(length)
	var running sync.WaitGroup
	for n := range 6 {
		running.Go(func() {
			random := rand.New(rand.NewPCG(3, uint64(n)))
			for time.Now().Before(end) {
				s.round(t, random)
			}
		})
	}
	for range 2 {
		running.Go(func() {
			for time.Now().Before(end) {
				s.stall(t, end)
			}
		})
	}
	var last *source
	running.Go(func() { last = s.reconnect(t, first, end) })
	running.Wait()

	for _, v := range loyal {
		v.reach(last.last())
	}
	steady.expect(t, "after the soak")
	for _, v := range loyal {
		v.expectAll(last.last())
		if v.generations < 2 {
			t.Errorf("a viewer saw %d publishers, want several", v.generations)
		}
	}
	last.end()
	w.verify(t)
}

// soakOptions make a stream of 2 Mbit/s, which soon fills the buffers of who
// does not read.
func soakOptions(generation uint16) sourceOptions {
	return sourceOptions{generation: generation, frameSize: 4 * usualFrame}
}

// reconnect publishes, goes and comes back, each time in another way, until end.
// It returns the publisher that is there then.
func (s *testServer) reconnect(t testing.TB, src *source, end time.Time) *source {
	for generation := uint16(1); ; generation++ {
		for range usualGOP / 2 {
			src.tick()
			time.Sleep(tick)
		}
		if generation > 1 && time.Now().After(end) {
			return src
		}
		if how := int(generation) % (ways + 1); how < ways {
			src.leave(how)
		} // else the next one takes over
		next, err := s.tryPublish(t, soakStream, soakOptions(generation))
		src.end()
		if err != nil {
			t.Errorf("publisher %d: %v", generation, err)
			return src
		}
		src = next
	}
}

// stall plays without reading until the server has had enough.
func (s *testServer) stall(t testing.TB, end time.Time) {
	conn, err := connectTCP(s.app.rtmp)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	if err := conn.SetReadBuffer(4 << 10); err != nil {
		t.Error(err)
		return
	}
	p := &peer{TCPConn: conn, t: t}
	if err = p.open(""); err == nil {
		err = p.begin(message.NamePlay, soakStream, message.CodePlayStart)
	}
	if err != nil {
		t.Errorf("a viewer that will stall: %v", err)
		return
	}
	for time.Now().Before(end) {
		if _, over := s.lines.end(conn.LocalAddr().String()); over {
			return
		}
		time.Sleep(tick)
	}
}
