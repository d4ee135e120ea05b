package webrtc

import (
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/weirmedia/weir/pkg/listen"
)

// tcpListener is what the library accepts connections of ICE-TCP from. It ends
// when Accept fails, so Accept fails only after Close.
type tcpListener struct {
	*listen.Limited
	log *slog.Logger
}

var _ net.Listener = (*tcpListener)(nil)

// Accept waits for the next connection.
func (l *tcpListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Limited.Accept()
		if err == nil || errors.Is(err, net.ErrClosed) {
			return c, err
		}
		// Too many open files, most likely: give others time to close some.
		l.log.Warn("webrtc: accepting failed", "error", err)
		time.Sleep(100 * time.Millisecond)
	}
}
