package bench

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// packetSocket is a socket of UDP.
type packetSocket interface {
	read(b []byte) (int, netip.AddrPort, error)
	write(b []byte, to netip.AddrPort) (int, error)
	close() error
}

// eagerSocket wakes up for each packet.
type eagerSocket struct{ *net.UDPConn }

func (s eagerSocket) read(b []byte) (int, netip.AddrPort, error) { return s.ReadFromUDPAddrPort(b) }

func (s eagerSocket) write(b []byte, to netip.AddrPort) (int, error) {
	return s.WriteToUDPAddrPort(b, to)
}

func (s eagerSocket) close() error { return s.Close() }

// rtpTap is a socket for media that counts packets of RTP, whose numbers are not
// encrypted. Once drop is set it drops them, and looks for packets now and then
// only. One goroutine reads; all else is safe for concurrent use.
type rtpTap struct {
	*net.UDPConn
	bytes *atomic.Uint64
	stats *rtpStats
	drop  atomic.Bool

	mu      sync.Mutex
	socket  packetSocket
	relaxed bool
	closed  bool

	counters map[uint32]*rtpCounter // by source
}

func newRTPTap(c *net.UDPConn, bytes *atomic.Uint64, stats *rtpStats) *rtpTap {
	return &rtpTap{UDPConn: c, bytes: bytes, stats: stats, socket: eagerSocket{c}, counters: make(map[uint32]*rtpCounter)}
}

// ReadFrom implements net.PacketConn.
func (t *rtpTap) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := t.ReadFromAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// ReadFromAddrPort returns the next packet that is not dropped.
func (t *rtpTap) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		socket, err := t.current(t.drop.Load())
		if err != nil {
			return 0, netip.AddrPort{}, err
		}
		n, from, err := socket.read(b)
		if err != nil || !t.count(b[:n]) || !t.drop.Load() {
			return n, from, err
		}
	}
}

// WriteTo implements net.PacketConn.
func (t *rtpTap) WriteTo(b []byte, to net.Addr) (int, error) {
	return t.WriteToAddrPort(b, to.(*net.UDPAddr).AddrPort())
}

// WriteToAddrPort sends a packet.
func (t *rtpTap) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	socket, err := t.current(false)
	if err != nil {
		return 0, err
	}
	return socket.write(b, to)
}

// current returns the socket; from now on a relaxed one, if that is wanted.
func (t *rtpTap) current(relaxed bool) (packetSocket, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, net.ErrClosed
	}
	if relaxed && !t.relaxed {
		socket, err := relax(t.UDPConn)
		if err != nil {
			t.closed = true // as the socket is
			return nil, err
		}
		t.socket, t.relaxed = socket, true
	}
	return t.socket, nil
}

// Close lets reading return.
func (t *rtpTap) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	return t.socket.close()
}

// maxSources bounds the sources of RTP that a tap tells apart: a server has two.
const maxSources = 8

// count reports whether a packet is one of RTP (RFC 7983, 7; RFC 5761, 4), and
// counts it if so.
func (t *rtpTap) count(b []byte) bool {
	const (
		head                = 12
		version, mask       = 0x80, 0xC0
		firstRTCP, lastRTCP = 192, 223
	)
	if len(b) < head || b[0]&mask != version || b[1] >= firstRTCP && b[1] <= lastRTCP {
		return false
	}
	t.bytes.Add(uint64(len(b)))
	source := binary.BigEndian.Uint32(b[8:])
	c := t.counters[source]
	if c == nil {
		if len(t.counters) >= maxSources {
			return true
		}
		c = &rtpCounter{stats: t.stats}
		t.counters[source] = c
	}
	c.take(b)
	return true
}
