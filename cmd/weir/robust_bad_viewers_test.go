package main

import (
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/flv"
)

// shrink lets the system hold next to nothing for a viewer, so that one that
// does not read is noticed after little.
func shrink(t testing.TB, conn *net.TCPConn) {
	t.Helper()
	must(t, conn.SetReadBuffer(4<<10))
}

// roomy lets viewers lag behind for longer than any test takes, so that losses
// mean faults and not a slow machine.
func roomy(s *settings) {
	s.delivery.MaxLag = config.Duration(2 * patience)
	s.stream.RingDuration = config.Duration(4 * patience)
}

// TestStalled: a viewer that takes no byte is closed, and nobody else.
func TestStalled(t *testing.T) {
	s := startServer(t, func(s *settings) {
		roomy(s)
		s.delivery.StallTimeout = config.Duration(time.Second)
	})
	src := s.publish(t, "live/large", sourceOptions{frameSize: 30 << 10})
	src.tick()
	good := s.watchBoth(t, "live/large", 2)
	byFLV, byRTMP := s.play(t, "httpflv", "live/large"), s.play(t, "rtmp", "live/large")
	for s.ends("httpflv", session.Play, reason.Stalled)+s.ends("rtmp", session.Play, reason.Stalled) < 2 {
		src.tick()
		for _, v := range good {
			v.reach(src.last())
		}
		time.Sleep(tick) // 6 Mbit/s
	}
	s.expectEnd(t, byFLV.LocalAddr(), reason.Stalled)
	s.expectEnd(t, byRTMP.LocalAddr(), reason.Stalled)
	for _, v := range good {
		v.expectAll(src.last())
	}
}

// play connects a viewer that does not read what it asked for.
func (s *testServer) play(t testing.TB, protocol, name string) *net.TCPConn {
	t.Helper()
	if protocol == "httpflv" {
		r := s.openFLV(t, name)
		shrink(t, r.TCPConn)
		return r.TCPConn
	}
	p := s.dial(t)
	shrink(t, p.TCPConn)
	must(t, p.open(""))
	must(t, p.begin(message.NamePlay, name, message.CodePlayStart))
	p.SetReadDeadline(time.Time{})
	return p.TCPConn
}

// TestSlowViewer: of 50 viewers one reads a tenth of what is published. It
// skips to key frames, the others lose nothing, and the logs hold no more than
// the ring does. The publisher waits for the good viewers, so that it does not
// matter how fast the machine is.
func TestSlowViewer(t *testing.T) {
	const (
		ringBytes = 4 << 20
		lagBytes  = 1 << 20
		frameSize = 20 << 10
		ticks     = 1000 // 20 MB
		ahead     = 8    // ticks that the good viewers may lack: 320 KB at most
		// slack is what a log may hold beyond the ring: the segment that its
		// oldest byte lies in, the newest, and the headers of messages.
		slack = 1 << 20
	)
	s := startServer(t, func(s *settings) {
		roomy(s)
		s.delivery.MaxLagBytes = lagBytes
		s.delivery.StallTimeout = config.Duration(patience)
		s.stream.RingBytes = ringBytes
	})
	src := s.publish(t, "live/large", sourceOptions{frameSize: frameSize, gop: 10})
	src.tick()
	good := s.watchBoth(t, "live/large", 49)
	conn := s.openFLV(t, "live/large")
	must(t, conn.SetReadBuffer(64<<10)) // what it does not read is the server's to hold
	slow := &slowReader{tagReader: conn, budget: make(chan struct{}, ticks), closed: make(chan struct{})}
	poor := view(t, slow)

	var held int64
	for n := range ticks {
		src.tick()
		if n%10 == 0 {
			slow.budget <- struct{}{} // one tick of ten
			eventually(t, "the slow viewer reads what it may", func() bool { return slow.frames.Load() >= int64(2*(n/10-1)) })
			for _, format := range s.delivery.Stats().Formats() {
				held = max(held, format.Held())
			}
		}
		if n >= ahead {
			for _, v := range good {
				v.reach(position{sequence: src.last().sequence - 2*ahead})
			}
		}
	}
	for _, v := range good {
		v.expectAll(src.last())
	}
	seen := poor.leave()
	if seen.gaps == 0 || seen.missed == 0 {
		t.Error("the slow viewer skipped nothing")
	}
	if !errors.Is(poor.err, net.ErrClosed) {
		t.Errorf("the slow viewer failed: %v", poor.err)
	}
	if held > ringBytes+slack {
		t.Errorf("a format's logs held %d bytes, want at most %d", held, ringBytes+slack)
	}
	totals := s.sessions.Totals()
	for _, g := range totals.Groups {
		if g.Protocol == "httpflv" && (g.Skips[reason.LagBytes] == 0 || g.FramesSkipped == 0) {
			t.Errorf("%d skips of %d frames were counted, want some because of %s", g.Skips[reason.LagBytes], g.FramesSkipped, reason.LagBytes)
		}
	}
}

// TestCrowd: 500 good viewers among 50 bad ones get every frame of a stream of
// 500 kbit/s.
func TestCrowd(t *testing.T) {
	good, bad, atLeast := 500, 50, 4*time.Second
	if raceEnabled {
		good, bad = 150, 20
	}
	s := startServer(t, func(s *settings) {
		roomy(s)
		s.delivery.StallTimeout = config.Duration(2 * time.Second)
	})
	src := s.publish(t, "live/test", sourceOptions{})
	src.tick()
	viewers := s.watchBoth(t, "live/test", good)
	stop := src.run()
	began := time.Now()

	var silent []*net.TCPConn
	for i := range bad {
		conn := s.play(t, [...]string{"rtmp", "httpflv"}[i/4%2], "live/test")
		switch i % 4 {
		case 0: // never reads
			silent = append(silent, conn)
		case 1: // reads one byte a second
			defer sip(conn)()
		case 2: // closes its side half way, then all
			defer afterwards(time.Second, func() { _ = conn.CloseWrite() })()
		case 3: // is gone half way
			defer afterwards(time.Second, func() { reset(conn) })()
		}
	}
	for _, conn := range silent {
		eventually(t, "the end of a viewer that never reads", func() bool {
			line, ok := s.lines.end(conn.LocalAddr().String())
			if ok && line.Reason != reason.Stalled {
				t.Fatalf("a viewer that never reads ended as %s", line.Reason)
			}
			return ok
		})
	}
	time.Sleep(atLeast - time.Since(began)) // some seconds of media in any case
	last := stop()
	for _, v := range viewers {
		v.expectAll(last)
	}
	if want := uint32(2 * atLeast / tick / 2); last.sequence < want {
		t.Errorf("the stream had %d frames only, want %d", last.sequence, want)
	}
}

// sip reads one byte a second until stop is called.
func sip(conn *net.TCPConn) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		var b [1]byte
		for {
			select {
			case <-time.After(time.Second):
				if _, err := conn.Read(b[:]); err != nil {
					return
				}
			case <-quit:
				return
			}
		}
	}()
	return func() {
		close(quit)
		conn.Close()
		<-done
	}
}

// afterwards calls f after d; stop waits until that is done.
func afterwards(d time.Duration, f func()) (stop func()) {
	done := make(chan struct{})
	time.AfterFunc(d, func() {
		f()
		close(done)
	})
	return func() { <-done }
}

// slowReader reads one video and one audio frame for each token.
type slowReader struct {
	tagReader
	budget chan struct{}
	left   int          // frames that it may read
	frames atomic.Int64 // that it has read
	closed chan struct{}
}

// ReadTag returns the next tag, when it may.
func (r *slowReader) ReadTag() (flv.Tag, error) {
	if r.left == 0 {
		select {
		case <-r.budget:
			r.left = 2
		case <-r.closed:
			return flv.Tag{}, net.ErrClosed
		}
	}
	tag, err := r.tagReader.ReadTag()
	if _, _, ok := media(tag); ok {
		r.left--
		r.frames.Add(1)
	}
	return tag, err
}

// Close ends a ReadTag that waits.
func (r *slowReader) Close() error {
	close(r.closed)
	return r.tagReader.Close()
}
