package rtsp

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/tlsfile/tlsfiletest"
)

// writes records what a connection is given.
type writes struct {
	net.Conn
	all       chan []byte
	closed    chan struct{} // nil if nobody waits
	deadlines []time.Time
}

func (w *writes) Write(b []byte) (int, error) {
	w.all <- bytes.Clone(b)
	return len(b), nil
}

func (w *writes) SetWriteDeadline(t time.Time) error {
	w.deadlines = append(w.deadlines, t)
	return nil
}

func (w *writes) Close() error {
	if w.closed != nil {
		close(w.closed)
	}
	return nil
}

// Packets that are announced together leave together, or soon if some of them do
// not come; others leave right away.
func TestPeerJoinsPackets(t *testing.T) {
	w := &writes{all: make(chan []byte, 10)}
	p := newPeer(w, time.Hour, newBuffers())
	defer p.Close()
	expect := func(what string, want ...[]byte) {
		t.Helper()
		if got := <-w.all; !bytes.Equal(got, bytes.Join(want, nil)) {
			t.Errorf("%s: %d bytes %.20x", what, len(got), got)
		}
	}
	send := func(b []byte) {
		t.Helper()
		if n, err := p.Write(b); n != len(b) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	first, second, third := []byte{1}, []byte{2, 2}, []byte{3, 3, 3}
	p.announce(3)
	send(first)
	send(second)
	send(third)
	expect("all", first, second, third)
	send(first)
	expect("one that was not announced", first)
	p.announce(1)
	send(second)
	expect("one alone", second)
	p.announce(2)
	send(first)
	expect("one whose follower does not come", first)
	p.disown()
	send(second)
	expect("one after that", second)

	p.announce(3)
	large := bytes.Repeat([]byte{4}, maxHeld-1)
	send(large)
	send(second)
	expect("as much as is held", large)
	send(third)
	expect("the rest", second, third)
	huge := bytes.Repeat([]byte{5}, 2*maxHeld)
	p.announce(2)
	send(first)
	send(huge)
	expect("before what is longer than all that is held", first)
	expect("what is", huge)
	select {
	case b := <-w.all:
		t.Errorf("%d bytes more", len(b))
	default:
	}
}

// The idle time of a connection counts while no session uses it.
func TestPeerIsClosedWhenIdle(t *testing.T) {
	w := &writes{closed: make(chan struct{})}
	p := newPeer(w, time.Hour, newBuffers())
	p.use()
	p.use()
	p.unuse()
	if p.deadline != nil {
		t.Error("the time of a connection with a session runs")
	}
	p.idle = time.Millisecond
	p.unuse()
	<-w.closed
}

// Deadlines reach the system only as far as they matter.
func TestPeerSetsFewDeadlines(t *testing.T) {
	w := &writes{all: make(chan []byte, 10)}
	p := newPeer(w, time.Hour, newBuffers())
	defer p.Close()
	start := time.Unix(1000, 0)
	for _, after := range []time.Duration{0, deadlineStep / 2, deadlineStep, 2 * deadlineStep, 0} {
		_ = p.SetWriteDeadline(start.Add(after))
		_, _ = p.Write([]byte{1})
	}
	_ = p.SetWriteDeadline(time.Time{})
	_, _ = p.Write([]byte{1})
	want := []time.Time{start, start.Add(2 * deadlineStep), start, {}}
	if !slices.EqualFunc(w.deadlines, want, time.Time.Equal) {
		t.Errorf("deadlines %v, want %v", w.deadlines, want)
	}
}

// counted counts the writes of a connection.
type counted struct {
	net.Conn
	writes atomic.Int64
}

func (c *counted) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// Packets are joined below TLS too, where they cannot be told from anything else.
func TestPeerJoinsPacketsBelowTLS(t *testing.T) {
	near, far := net.Pipe()
	below := &counted{Conn: near}
	p := newPeer(below, time.Hour, newBuffers())
	defer p.Close()
	chain, key := tlsfiletest.Write(t, t.TempDir(), "test")
	pair, err := tls.LoadX509KeyPair(chain, key)
	if err != nil {
		t.Fatal(err)
	}
	secured := tls.Server(p, tlsSettings(&tls.Config{Certificates: []tls.Certificate{pair}}))
	trusted := tlsfiletest.Trust(t, chain)
	received := make(chan error, 1)
	packets := bytes.Repeat([]byte{1}, 20*1400)
	go func() {
		got := make([]byte, 1+len(packets))
		_, err := io.ReadFull(tls.Client(far, trusted), got)
		if err == nil && !bytes.Equal(got[1:], packets) {
			err = errors.New("other bytes")
		}
		received <- err
	}()
	if _, err := secured.Write([]byte{0}); err != nil { // with the handshake
		t.Fatal(err)
	}
	before := below.writes.Load()
	p.announce(20)
	for b := range slices.Chunk(packets, 1400) {
		if _, err := secured.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-received; err != nil {
		t.Error(err)
	}
	if n := below.writes.Load() - before; n != 1 {
		t.Errorf("%d writes, want 1", n)
	}
}
