//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// drip is how often peers that are slow on purpose read or write a byte.
const drip = time.Second

// peers are bad ones. They are gone when the test is over.
type peers struct {
	quit    chan struct{}
	running sync.WaitGroup
	conns   []net.Conn
}

func newPeers(t *testing.T) *peers {
	p := &peers{quit: make(chan struct{})}
	t.Cleanup(p.leave)
	return p
}

// leave closes all connections and waits for those who used them.
func (p *peers) leave() {
	if p.conns == nil {
		return
	}
	close(p.quit)
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
	p.running.Wait()
}

// slowly calls step once in a while until it fails or the peers leave.
func (p *peers) slowly(step func() error) {
	p.running.Go(func() {
		for {
			select {
			case <-time.After(drip):
				if step() != nil {
					return
				}
			case <-p.quit:
				return
			}
		}
	})
}

// sip reads a byte once in a while.
func (p *peers) sip(c net.Conn) {
	b := make([]byte, 1)
	p.slowly(func() error {
		_, err := c.Read(b)
		return err
	})
}

// drip writes a byte once in a while.
func (p *peers) drip(c net.Conn, bytes []byte) {
	p.slowly(func() error {
		if len(bytes) == 0 {
			return io.EOF
		}
		_, err := c.Write(bytes[:1])
		bytes = bytes[1:]
		return err
	})
}

// dial connects to one of the server's listeners.
func (p *peers) dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	p.conns = append(p.conns, conn)
	return conn
}

// view connects n viewers that read nothing yet.
func (p *peers) view(t *testing.T, s *server, protocol string, n int) []*connection {
	t.Helper()
	all := make([]*connection, n)
	for i := range all {
		c, err := s.connect(protocol, loadStream, true)
		if err != nil {
			t.Fatal(err)
		}
		p.conns = append(p.conns, c)
		all[i] = c
	}
	return all
}

// handshake is C0, C1 and a C2 that echoes nothing.
var handshake = append([]byte{3}, make([]byte, 2*1536)...)

// shakeHalf opens n connections that stop in the middle of their handshake, at
// all the places that there are.
func (p *peers) shakeHalf(t *testing.T, s *server, n int) {
	t.Helper()
	stops := []int{0, 1, 700, 1 + 1536, 1 + 1536 + 700}
	for i := range n {
		conn, err := net.DialTimeout("tcp", s.rtmp, patience)
		if errors.Is(err, syscall.ECONNRESET) {
			continue // the server has no room
		}
		if err != nil {
			t.Fatal(err)
		}
		p.conns = append(p.conns, conn)
		_, _ = conn.Write(handshake[:stops[i%len(stops)]]) // likewise
	}
}

// askHalf opens n HTTP connections that stop in the middle of a request.
func (p *peers) askHalf(t *testing.T, s *server, n int) {
	t.Helper()
	const request = "GET /" + loadStream + ".flv HTTP/1.1\r\nHost: x\r\n"
	stops := []int{0, 10, len(request)}
	for i := range n {
		if _, err := p.dial(t, s.http).Write([]byte(request[:stops[i%len(stops)]])); err != nil {
			t.Fatal(err)
		}
	}
}

// shake opens n connections that finish the handshake and say nothing more.
func (p *peers) shake(t *testing.T, s *server, n int) {
	t.Helper()
	for range n {
		if err := (&rtmpClient{p.dial(t, s.rtmp)}).handshake(); err != nil {
			t.Fatal(err)
		}
	}
}

// publishSlowly opens connections of all kinds that send a byte at a time: n in
// the handshake, n in connect, n before their first frame, n after it.
func (p *peers) publishSlowly(t *testing.T, s *server, f *footage, n int) {
	t.Helper()
	connect := chunk(3, 20, 0, amf("connect", 1, amfObject{{"app", "live"}, {"tcUrl", "rtmp://x/live"}}))
	picture := chunk(6, tagVideo, mediaStream, make([]byte, 100))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		p.drip(p.dial(t, s.rtmp), handshake)

		shaken := &rtmpClient{p.dial(t, s.rtmp)}
		must(shaken.handshake())
		p.drip(shaken.conn, connect)

		silent := &rtmpClient{p.dial(t, s.rtmp)}
		must(silent.open("publish", fmt.Sprintf("slow/silent-%d", i)))
		p.drip(silent.conn, picture)

		begun := &rtmpClient{p.dial(t, s.rtmp)}
		must(begun.open("publish", fmt.Sprintf("slow/begun-%d", i)))
		must(begun.sendHeaders(f))
		must(begun.send(f.frames[0]))
		p.drip(begun.conn, picture)
	}
}
