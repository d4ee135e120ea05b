package bench

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync/atomic"
)

// rtpStats is what all counting players by UDP measure together. Safe
// for concurrent use.
type rtpStats struct {
	packets atomic.Uint64
	lost    atomic.Int64 // less those that came late
}

// report returns nil if there were no packets.
func (s *rtpStats) report() *RTP {
	if s.packets.Load() == 0 {
		return nil
	}
	return &RTP{Packets: s.packets.Load(), Lost: uint64(max(0, s.lost.Load()))}
}

// rtpCounter counts the packets of one socket, and what is missing by their
// numbers. It is for one goroutine at a time.
type rtpCounter struct {
	stats *rtpStats
	began bool
	next  uint16
}

// rtpHead is how much of a packet is looked at, in bytes.
const rtpHead = 4

// take takes in the beginning of a packet.
func (c *rtpCounter) take(head []byte) {
	const version, mask = 0x80, 0xC0
	if len(head) < rtpHead || head[0]&mask != version {
		return
	}
	c.stats.packets.Add(1)
	n := binary.BigEndian.Uint16(head[2:])
	switch ahead := int16(n - c.next); {
	case !c.began:
		c.began = true
	case ahead < 0: // it counted as lost
		c.stats.lost.Add(-1)
		return
	default:
		c.stats.lost.Add(int64(ahead))
	}
	c.next = n + 1
}

// udpPair is a socket for RTP, of an even port, and one for RTCP, of the next
// (RFC 3550, 11).
type udpPair struct{ rtp, rtcp *net.UDPConn }

// pairAttempts is how many ports are tried: each has a neighbour that is free but
// for bad luck.
const pairAttempts = 100

// readBuffer is what a socket for RTP is to hold, in bytes: what comes between two
// looks of the drain, to those who join all that the server has kept. With the
// usual 208 KiB, 500 players lost 371 packets of a million here. Systems may allow
// less.
const readBuffer = 1 << 20

// listenPair opens a pair on an address of this machine.
func listenPair(ip net.IP) (*udpPair, error) {
	var last error
	for range pairAttempts {
		one, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip})
		if err != nil {
			return nil, err
		}
		port := one.LocalAddr().(*net.UDPAddr).Port
		other, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip, Port: port ^ 1})
		if err != nil {
			_ = one.Close()
			last = err
			continue
		}
		if port%2 != 0 {
			one, other = other, one
		}
		_ = one.SetReadBuffer(readBuffer) // or what is allowed
		return &udpPair{one, other}, nil
	}
	return nil, fmt.Errorf("no pair of ports is free: %w", last)
}

// ports returns those of RTP and RTCP.
func (p *udpPair) ports() *[2]int {
	rtp := p.rtp.LocalAddr().(*net.UDPAddr).Port
	return &[2]int{rtp, rtp + 1}
}

func (p *udpPair) close() {
	_ = p.rtp.Close()
	_ = p.rtcp.Close()
}
