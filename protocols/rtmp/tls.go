package rtmp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/weirmedia/weir/pkg/reason"
)

// secure does the TLS handshake if the connection is one of RTMPS. Like the
// handshake behind it, it gives io.EOF to peers that sent nothing.
func (c *conn) secure() error {
	secured, ok := c.net.(*tls.Conn)
	if !ok {
		return nil
	}
	err := secured.Handshake()
	var foreign tls.RecordHeaderError
	var network syscall.Errno
	switch {
	case err == nil:
		return nil
	case errors.As(err, &foreign) && foreign.Conn != nil:
		return reason.Wrap(reason.BadHandshake, fmt.Errorf("tls: first byte is 0x%02x, no TLS: %s",
			foreign.RecordHeader[0], guessPlain(foreign.RecordHeader[0])))
	case errors.Is(err, io.EOF) && secured.ConnectionState().Version == 0:
		return io.EOF
	case errors.As(err, &network), isTimeout(err), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return fmt.Errorf("tls handshake: %w", err)
	}
	return reason.Wrap(reason.BadHandshake, fmt.Errorf("tls handshake: %w", err))
}

// guessPlain says what a peer without TLS probably speaks.
func guessPlain(first byte) string {
	switch {
	case first == 3:
		return "the peer speaks plain RTMP on the port of RTMPS (rtmp.tls_listen)"
	case first >= 'A' && first <= 'Z':
		return "the peer speaks HTTP or another text protocol"
	}
	return "unknown protocol"
}

// transport names what carries the connection.
func (c *conn) transport() string {
	if _, ok := c.net.(*tls.Conn); ok {
		return "tls"
	}
	return "tcp"
}
