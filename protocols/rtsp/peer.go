package rtsp

import (
	"crypto/tls"
	"net"
	"sync"
	"time"
)

const (
	// flushAfter bounds how long packets wait for the last one of their access
	// unit.
	flushAfter = 5 * time.Millisecond
	// maxHeld bounds what waits, in bytes.
	maxHeld = 64 << 10
)

// peer is a connection as gortsplib sees it. Inside RTSP each packet is a write;
// peer joins those of an access unit, and closes connections that do not come to
// the point.
type peer struct {
	net.Conn
	idle    time.Duration
	joining bool // packets; not below TLS, which hides them

	mu    sync.Mutex // of writing
	held  []byte
	flush *time.Timer
	err   error // of a write that nobody waited for

	quiet    sync.Mutex
	deadline *time.Timer // nil while there is a session
	closed   bool
}

func newPeer(nc net.Conn, e *endpoint) *peer {
	p := &peer{Conn: nc, joining: !e.secure, idle: time.Duration(e.server.config.HandshakeTimeout)}
	p.setBusy(false)
	return p
}

// peerOf returns the peer below what gortsplib has.
func peerOf(nc net.Conn) *peer {
	if secured, ok := nc.(*tls.Conn); ok {
		nc = secured.NetConn()
	}
	return nc.(*peer)
}

// setBusy tells whether there is a session. Without one the peer has to find
// something to do soon.
func (p *peer) setBusy(busy bool) {
	p.quiet.Lock()
	defer p.quiet.Unlock()
	if p.deadline != nil {
		p.deadline.Stop()
		p.deadline = nil
	}
	if !busy && !p.closed {
		p.deadline = time.AfterFunc(p.idle, func() { _ = p.Close() }) // reading then fails, which ends it
	}
}

// Close closes the connection.
func (p *peer) Close() error {
	p.quiet.Lock()
	p.closed = true
	if p.deadline != nil {
		p.deadline.Stop()
	}
	p.quiet.Unlock()
	return p.Conn.Close()
}

// Write sends b, or keeps it if more of its access unit is to come. b must not be
// longer than one message of RTSP.
func (p *peer) Write(b []byte) (int, error) {
	if !p.joining {
		return p.Conn.Write(b)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return 0, p.err
	}
	more := unitGoesOn(b) && len(p.held)+len(b) < maxHeld
	if !more && len(p.held) == 0 {
		return p.Conn.Write(b)
	}
	p.held = append(p.held, b...)
	if !more {
		return len(b), p.send()
	}
	if p.flush == nil {
		p.flush = time.AfterFunc(flushAfter, p.sendLate)
	} else if len(p.held) == len(b) {
		p.flush.Reset(flushAfter)
	}
	return len(b), nil
}

// send writes what is held. The caller holds the lock.
func (p *peer) send() error {
	if p.flush != nil {
		p.flush.Stop()
	}
	_, p.err = p.Conn.Write(p.held)
	p.held = p.held[:0]
	return p.err
}

func (p *peer) sendLate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.held) > 0 && p.err == nil {
		_ = p.send() // the next Write returns it
	}
}

// unitGoesOn reports whether b is an interleaved RTP packet without the marker
// (RFC 2326, 10.12). Packets of RTCP have the same bit set.
func unitGoesOn(b []byte) bool {
	const magic, rtpHeader, marker = '$', 4, 0x80
	return len(b) > rtpHeader+1 && b[0] == magic && b[rtpHeader+1]&marker == 0
}
