// Package handshake opens RTMP connections, with the simple handshake (Adobe,
// "Real Time Messaging Protocol", 1.0, 2012, section 5.2) or with the one of
// the Flash player, which has digests in it.
//
// In both, the sides send a version byte and a packet of random bytes (C0 and
// C1, S0 and S1) and answer the other's packet (S2, C2): by an echo in the
// simple handshake, by a signature in the other. Neither side insists on a right
// answer: some peers echo where a signature is due, others send zeros.
package handshake

import (
	"crypto/rand"
	"fmt"
	"io"

	"github.com/weirmedia/weir/pkg/reason"
)

const (
	version     = 3 // of plain RTMP (section 5.2.2)
	packetSize  = 1536
	randomStart = 8 // behind the time and the four bytes that must be zero
)

// Server does the server's part on rw and returns when the client's last byte,
// and not one more, was read. Deadlines are the caller's.
//
// A peer that speaks something else gives an error with reason.BadHandshake.
// A source that ends gives io.EOF if nothing was sent, as port scanners and
// health checks do, and wraps io.ErrUnexpectedEOF later on. Other errors of rw
// are wrapped.
//
// Clients whose C1 has a digest (Flash, ffmpeg, librtmp with SWF verification)
// get digests in the same scheme, all others the echo of C1.
func Server(rw io.ReadWriter) error {
	if err := readVersion(rw); err != nil {
		return err
	}
	// S0, S1 and S2 go out in one write: S2 needs nothing but C1.
	reply := make([]byte, 1+2*packetSize)
	s1, s2 := reply[1:1+packetSize], reply[1+packetSize:]
	if err := readPacket(rw, s2, "C1"); err != nil {
		return err
	}
	fillHello(reply[:1+packetSize])
	if scheme, d, ok := findDigest(s2, player); ok {
		insertDigest(s1, server, scheme)
		fillAnswer(s2, server, d)
	}
	if _, err := rw.Write(reply); err != nil {
		return fmt.Errorf("handshake: writing S0 to S2: %w", err)
	}
	return readPacket(rw, s2, "C2")
}

// Client does the client's part of the simple handshake on rw and returns when
// the server's last byte, and not one more, was read. Deadlines are the
// caller's. Errors are those of Server.
//
// It sends C2 after S2 was read: every known server sends S2 without waiting
// for C2, and so neither side ever writes while the other does.
func Client(rw io.ReadWriter) error {
	hello := make([]byte, 1+packetSize)
	fillHello(hello)
	_, err := exchange(rw, hello, nil)
	return err
}

// ClientDigest is Client with a digest in C1, where scheme says. A server that
// answers with a digest gets a signed C2, one that does not gets the echo, and
// the connection can be used either way. genuine reports whether S1 and S2 are
// what Adobe's server would send.
func ClientDigest(rw io.ReadWriter, scheme Scheme) (genuine bool, err error) {
	hello := make([]byte, 1+packetSize)
	fillHello(hello)
	c1 := insertDigest(hello[1:], player, scheme)
	return exchange(rw, hello, &c1)
}

// exchange sends C0 and C1, reads the server's packets and answers. c1 is the
// digest in C1, nil if there is none.
func exchange(rw io.ReadWriter, hello []byte, c1 *digest) (genuine bool, err error) {
	if _, err := rw.Write(hello); err != nil {
		return false, fmt.Errorf("handshake: writing C0 and C1: %w", err)
	}
	if err := readVersion(rw); err != nil {
		return false, err
	}
	s1, s2 := hello[1:], make([]byte, packetSize)
	if err := readPacket(rw, s1, "S1"); err != nil {
		return false, err
	}
	if err := readPacket(rw, s2, "S2"); err != nil {
		return false, err
	}
	c2 := s1
	if c1 != nil {
		if _, d, ok := findDigest(s1, server); ok {
			genuine = isAnswer(s2, server, *c1)
			fillAnswer(c2, player, d)
		}
	}
	if _, err := rw.Write(c2); err != nil {
		return false, fmt.Errorf("handshake: writing C2: %w", err)
	}
	return genuine, nil
}

// fillHello makes the version byte and the packet of C0 and C1, or S0 and S1.
// The time is 0, which the specification allows, and so are the four bytes
// behind it, in which insertDigest puts a version.
func fillHello(hello []byte) {
	clear(hello)
	hello[0] = version
	_, _ = rand.Read(hello[1+randomStart:]) // never fails
}

// readVersion reads C0 or S0 by itself, so that a peer of another protocol is
// recognised even if it sends little.
func readVersion(r io.Reader) error {
	b := make([]byte, 1)
	if _, err := io.ReadFull(r, b); err != nil {
		if err == io.EOF {
			return io.EOF
		}
		return fmt.Errorf("handshake: reading the version: %w", err)
	}
	if b[0] == version {
		return nil
	}
	return reason.Wrap(reason.BadHandshake, fmt.Errorf("handshake: first byte is 0x%02x, not version 3: %s", b[0], guess(b[0])))
}

// guess says what a peer whose first byte is b probably speaks.
func guess(b byte) string {
	switch {
	case b == 6, b == 8, b == 9:
		return "this is RTMPE (encrypted RTMP), which is not supported"
	case b == 0x16, b == 0x15:
		return "the peer speaks TLS (RTMPS or HTTPS) on a plain RTMP port"
	case b >= 'A' && b <= 'Z':
		return "the peer speaks HTTP or another text protocol"
	case b < 32:
		return "unknown version of RTMP"
	}
	return "this is no RTMP"
}

func readPacket(r io.Reader, packet []byte, name string) error {
	if _, err := io.ReadFull(r, packet); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("handshake: reading %s: %w", name, err)
	}
	return nil
}
