package httpserver

import (
	"errors"
	"log/slog"
	"net"
	"time"
)

// patient is what net/http accepts from. That ends for good when Accept fails in a way
// that it does not know to pass, so Accept fails only after Close.
type patient struct {
	net.Listener
	log *slog.Logger
}

// Accept waits for the next connection.
func (p patient) Accept() (net.Conn, error) {
	for {
		c, err := p.Listener.Accept()
		if err == nil || errors.Is(err, net.ErrClosed) {
			return c, err
		}
		// Too many open files, most likely: give others time to close some.
		p.log.Warn("http: accepting failed", slog.String("error", err.Error()))
		time.Sleep(100 * time.Millisecond)
	}
}
