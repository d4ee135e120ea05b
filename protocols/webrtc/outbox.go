package webrtc

import (
	"errors"
	"net"
	"net/netip"
	"syscall"

	"github.com/pion/ice/v4"
	"golang.org/x/net/ipv4"
)

const (
	// outboxBytes is how much waits in an outbox before it leaves by itself, and
	// outboxRuns in how many runs. Long calls cost more, likely since the runtime
	// gives the processor to others meanwhile: 500 players took 42 % of a core with
	// 8 runs, 46 % with 24 and 56 % with 128, one measurement each.
	outboxBytes = 64 << 10
	outboxRuns  = 8
	// maxRunPackets and maxRunBytes bound what the system splits into packets
	// (udp(7), UDP_SEGMENT).
	maxRunPackets = 64
	maxRunBytes   = 60 << 10
)

// outbox collects the packets of RTP that the players of a feed are sent in one
// pass, and lets them leave with few calls. Packets of one size to one player, such
// as the fragments of a picture, are handed to the system as one run. The lock of
// the feed guards it.
type outbox struct {
	conn     *net.UDPConn
	batch    *ipv4.PacketConn // of conn
	segments bool             // the system can split runs

	bytes    []byte
	runs     []run
	messages []ipv4.Message
}

// run is some packets to one player, all of one size but for the last, which may be
// smaller.
type run struct {
	to       netip.AddrPort
	from     int // in outbox.bytes
	length   int // of all
	size     int // of the first
	packets  int
	complete bool
	address  net.UDPAddr // is to
	control  []byte      // is size
}

// newOutbox returns an outbox that sends by conn.
func newOutbox(conn *net.UDPConn) *outbox {
	return &outbox{conn: conn, batch: ipv4.NewPacketConn(conn), segments: canSegment(conn)}
}

// add copies a packet. It leaves with flush at the latest.
func (o *outbox) add(packet []byte, to netip.AddrPort) {
	if len(o.bytes)+len(packet) > outboxBytes {
		o.flush()
	}
	if o.bytes == nil {
		o.bytes, o.runs = make([]byte, 0, outboxBytes), make([]run, 0, outboxRuns)
	}
	if !o.join(packet, to) {
		o.begin(packet, to)
	}
	o.bytes = append(o.bytes, packet...)
}

// join makes a packet part of the newest run, if it fits.
func (o *outbox) join(packet []byte, to netip.AddrPort) bool {
	if !o.segments || len(o.runs) == 0 {
		return false
	}
	r := &o.runs[len(o.runs)-1]
	if r.complete || r.to != to || len(packet) > r.size || r.packets == maxRunPackets || r.length+len(packet) > maxRunBytes {
		return false
	}
	r.complete = len(packet) < r.size
	r.length += len(packet)
	r.packets++
	return true
}

// begin begins a run with a packet.
func (o *outbox) begin(packet []byte, to netip.AddrPort) {
	if len(o.runs) == outboxRuns {
		o.flush()
	}
	o.runs = o.runs[:len(o.runs)+1]
	r := &o.runs[len(o.runs)-1]
	r.from, r.length, r.size, r.packets, r.complete = len(o.bytes), len(packet), len(packet), 1, false
	if r.to != to {
		r.to = to
		ip := to.Addr().As16()
		r.address.IP, r.address.Port, r.address.Zone = append(r.address.IP[:0], ip[:]...), int(to.Port()), to.Addr().Zone()
	}
}

// flush sends all that waits.
func (o *outbox) flush() {
	if len(o.runs) == 0 {
		return
	}
	if o.messages == nil {
		o.messages = make([]ipv4.Message, outboxRuns)
		for i := range o.messages {
			o.messages[i].Buffers = make([][]byte, 1)
		}
	}
	for i := range o.runs {
		r, m := &o.runs[i], &o.messages[i]
		m.Addr, m.Buffers[0], m.OOB = &r.address, o.bytes[r.from:r.from+r.length], nil
		if r.packets > 1 {
			r.control = appendSegmentSize(r.control[:0], r.size)
			m.OOB = r.control
		}
	}
	for sent := 0; sent < len(o.runs); {
		n, err := o.batch.WriteBatch(o.messages[sent:len(o.runs)], 0)
		if err != nil {
			o.resend(&o.runs[sent], err)
			n = 1
		}
		sent += n
	}
	o.bytes, o.runs = o.bytes[:0], o.runs[:0]
}

// resend sends the packets of a run one by one, since the system did not take it
// as it is: some take no address of IPv4 in a batch of a socket for both. What it
// does not take now is lost, as on the network.
func (o *outbox) resend(r *run, err error) {
	if errors.Is(err, syscall.EIO) { // the network device cannot do checksums
		o.segments = false
	}
	for rest := o.bytes[r.from : r.from+r.length]; len(rest) > 0; {
		n := min(r.size, len(rest))
		_, _ = o.conn.WriteToUDPAddrPort(rest[:n], r.to)
		rest = rest[n:]
	}
}

// Close implements io.Closer: nothing is open.
func (o *outbox) Close() error { return nil }

// outboxMux is the UDP port as one session has it: its RTP goes through an outbox.
type outboxMux struct {
	ice.UDPMux
	outbox *outbox
}

// GetConn implements ice.UDPMux.
func (m *outboxMux) GetConn(ufrag string, addr net.Addr) (net.PacketConn, error) {
	conn, err := m.UDPMux.GetConn(ufrag, addr)
	if err != nil {
		return nil, err
	}
	direct, ok := conn.(ice.AddrPortReaderWriter)
	if !ok {
		return conn, nil
	}
	return &outboxConn{conn, direct, m.outbox}, nil
}

// outboxConn is what a session reads from and writes to.
type outboxConn struct {
	net.PacketConn
	ice.AddrPortReaderWriter
	outbox *outbox
}

var _ ice.AddrPortReaderWriter = (*outboxConn)(nil)

// WriteToAddrPort implements ice.AddrPortReaderWriter. RTP is only written with the
// lock of the feed.
func (c *outboxConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if !isRTP(b) {
		return c.AddrPortReaderWriter.WriteToAddrPort(b, to)
	}
	c.outbox.add(b, to)
	return len(b), nil
}

// isRTP tells packets of RTP from those of RTCP, DTLS and STUN (RFC 7983, 7;
// RFC 5761, 4).
func isRTP(b []byte) bool {
	const (
		version, mask       = 0x80, 0xC0
		firstRTCP, lastRTCP = 192, 223
	)
	return len(b) > 1 && b[0]&mask == version && (b[1] < firstRTCP || b[1] > lastRTCP)
}
