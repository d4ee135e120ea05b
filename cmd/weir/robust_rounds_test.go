package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/config"
)

// brisk makes streams end soon, so that what belongs to them can be counted.
func brisk(s *settings) {
	roomy(s)
	s.stream.Grace = config.Duration(200 * time.Millisecond)
	s.stream.Wait = config.Duration(300 * time.Millisecond)
}

// rounds lets four workers do a number of rounds, each with random numbers of its
// own. When all is quiet again goroutines and descriptors must be back where they
// were, and the heap but for slack bytes.
func (s *testServer) rounds(t *testing.T, rounds int, slack int64, round func(testing.TB, *rand.Rand), quiet func()) {
	t.Helper()
	const workers = 4
	warm := rand.New(rand.NewPCG(1, 1))
	for range 2 * workers {
		round(t, warm)
	}
	quiet()
	before, size := measure(t), heap()
	var running sync.WaitGroup
	for n := range workers {
		running.Go(func() {
			random := rand.New(rand.NewPCG(2, uint64(n)))
			for range rounds / workers {
				round(t, random)
			}
		})
	}
	running.Wait()
	quiet()
	before.expect(t, "after the rounds")
	s.lines.forget()
	grown := heap() - size
	for end := time.Now().Add(15 * time.Second); grown > slack && time.Now().Before(end); grown = heap() - size {
		time.Sleep(100 * time.Millisecond) // remuxers that nobody uses stay for some seconds
	}
	if grown > slack {
		t.Errorf("the heap grew by %d bytes in %d rounds, want at most %d", grown, rounds, slack)
	}
}

// TestRounds: nothing is left of 200 rounds of publish, play and disconnect at
// random moments.
func TestRounds(t *testing.T) {
	const (
		rounds = 200
		// slack covers what the runtime and net/http keep for reuse; measured are
		// 20 KB. A leak of the 4 KB that each connection reads into would make
		// some 2 MB.
		slack = 512 << 10
	)
	s := startServer(t, brisk)
	s.rounds(t, rounds, slack, s.round, func() { s.idle(t) })
	if n := s.opened("rtmp", "publish"); n < rounds/2 {
		t.Errorf("only %d publishers began, want %d", n, rounds/2)
	}
}

// idle waits until nobody is connected and no stream is left.
func (s *testServer) idle(t testing.TB) {
	t.Helper()
	eventually(t, "nobody is connected and all streams have ended", func() bool {
		return len(s.sessions.List()) == 0 && len(s.bus.Streams()) == 0 && s.delivery.Viewers() == 0 && s.http.Connections() == 0
	})
}

// forget drops the lines collected so far.
func (l *logLines) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = nil
	l.text.Reset()
}

// The ways in which clients go.
const (
	byReset = iota
	byHalfClose
	byClose
	byCommand // of publishers only
	ways
)

// round lets a publisher and up to three viewers come to one of few streams and
// go, each at a random moment, in a random way. None of its steps needs to
// succeed: the stream may be taken over, and it may not come.
func (s *testServer) round(t testing.TB, random *rand.Rand) {
	name := fmt.Sprintf("rounds/%d", random.IntN(3))
	pause := func() time.Duration { return time.Duration(random.IntN(40)) * time.Millisecond }
	var guests sync.WaitGroup
	for range random.IntN(4) {
		g := guest{
			byRTMP: random.IntN(2) == 0, name: name,
			come: pause(), stay: pause(), leave: random.IntN(byCommand),
		}
		guests.Go(func() { g.visit(t, s) })
	}
	defer guests.Wait()
	time.Sleep(pause())
	stay, leave := pause(), random.IntN(ways)
	src, err := s.tryPublish(t, name, sourceOptions{})
	if err != nil {
		return
	}
	for end := time.Now().Add(stay); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		src.tick()
	}
	src.leave(leave)
}

// leave ends the source in one of the ways.
func (s *source) leave(how int) {
	if how == byCommand {
		s.unpublish()
		return
	}
	hangUp(s.TCPConn, how)
	<-s.drained
}

// hangUp ends a connection in one of the ways.
func hangUp(conn *net.TCPConn, how int) {
	switch how {
	case byReset:
		reset(conn)
	case byHalfClose:
		_ = conn.CloseWrite() // the server may have been first
		time.Sleep(5 * time.Millisecond)
	}
	conn.Close()
}

// guest is a viewer of a round.
type guest struct {
	byRTMP     bool
	name       string
	come, stay time.Duration
	leave      int
}

// visit connects, asks for the stream, reads for a while whatever comes, and
// goes.
func (g guest) visit(t testing.TB, s *testServer) {
	time.Sleep(g.come)
	addr := s.http.Addr()
	if g.byRTMP {
		addr = s.app.rtmp
	}
	conn, err := connectTCP(addr)
	if err != nil {
		t.Error(err)
		return
	}
	conn.SetReadDeadline(time.Now().Add(g.stay))
	if g.byRTMP {
		p := &peer{TCPConn: conn, t: t}
		if p.open("") == nil {
			p.send(playCommand(g.name))
		}
	} else {
		_, _ = fmt.Fprintf(conn, "GET /%s.flv HTTP/1.1\r\nHost: weir\r\n\r\n", g.name) // reading shows what fails
	}
	_, _ = io.Copy(io.Discard, conn) // ends with the deadline at the latest
	hangUp(conn, g.leave)
}
