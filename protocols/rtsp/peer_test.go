package rtsp

import (
	"bytes"
	"net"
	"testing"
	"time"
)

// writes records what a connection is given.
type writes struct {
	net.Conn
	all chan []byte
}

func (w *writes) Write(b []byte) (int, error) {
	w.all <- bytes.Clone(b)
	return len(b), nil
}

func (w *writes) Close() error { return nil }

func interleaved(marker byte, n byte) []byte {
	return []byte{'$', 0, 0, 3, 0x80, 96 | marker, n}
}

// Packets leave together with the last one of their access unit, others soon
// even if that does not come, and answers right away.
func TestPeerJoinsPackets(t *testing.T) {
	w := &writes{all: make(chan []byte, 10)}
	p := &peer{Conn: w, joining: true, idle: time.Hour}
	defer p.Close()
	const marker = 0x80
	expect := func(what string, want ...[]byte) {
		t.Helper()
		if got := <-w.all; !bytes.Equal(got, bytes.Join(want, nil)) {
			t.Errorf("%s: %d bytes %x", what, len(got), got)
		}
	}
	send := func(b []byte) {
		t.Helper()
		if n, err := p.Write(b); n != len(b) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	first, second, last := interleaved(0, 1), interleaved(0, 2), interleaved(marker, 3)
	send(first)
	send(second)
	send(last)
	expect("access unit", first, second, last)
	send(last)
	expect("packet alone", last)
	send(first)
	expect("late", first)
	send(second)
	send([]byte("RTSP/1.0 200 OK\r\n\r\n"))
	expect("answer", second, []byte("RTSP/1.0 200 OK\r\n\r\n"))
}

// A log keeps what a player may need, and no more.
func TestPacketLog(t *testing.T) {
	l := packetLog{window: 100}
	put := func(arrival int64, start bool) {
		l.append(entry{arrival: arrival, start: start, size: 1})
		l.trim(arrival)
	}
	for at := int64(0); at < 1000; at += 10 {
		put(at, at%300 == 0)
	}
	if !l.started || l.at(l.start).arrival != 900 || l.base > l.start {
		t.Errorf("the newest start is at %d, the tail at %d", l.start, l.base)
	}
	if oldest := l.at(l.base).arrival; oldest != 890 {
		t.Errorf("the oldest packet came at %d, want 890", oldest)
	}
	l.append(entry{arrival: 1000, size: maxLogBytes})
	l.trim(1000)
	if l.started || l.bytes > maxLogBytes {
		t.Errorf("%d bytes are kept, a start: %t", l.bytes, l.started)
	}
}
