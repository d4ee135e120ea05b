package httplive

import (
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// responseConn lets the delivery write to an HTTP/2 response. There a deadline
// that passes resets the stream although nothing is being written, so it is set
// while something is.
type responseConn struct {
	w       http.ResponseWriter
	control *http.ResponseController

	mu       sync.Mutex
	deadline time.Time
	writing  bool
}

var _ net.Conn = (*responseConn)(nil)

func (c *responseConn) Write(b []byte) (int, error) {
	c.arm(true)
	n, err := c.w.Write(b)
	if err == nil {
		err = c.control.Flush()
	}
	if err != nil && c.timedOut() {
		return n, os.ErrDeadlineExceeded
	}
	c.arm(false)
	return n, err
}

func (c *responseConn) arm(writing bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = writing
	at := time.Time{}
	if writing {
		at = c.deadline
	}
	_ = c.control.SetWriteDeadline(at) // if it fails, so does the write
}

// timedOut reports whether a write has lasted beyond its deadline.
func (c *responseConn) timedOut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writing && !c.deadline.IsZero() && !time.Now().Before(c.deadline)
}

func (c *responseConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	if !c.writing {
		return nil
	}
	return c.control.SetWriteDeadline(t)
}

// The delivery does not use the rest; reading is net/http's.

func (c *responseConn) Read([]byte) (int, error)        { return 0, errors.ErrUnsupported }
func (c *responseConn) Close() error                    { return nil }
func (c *responseConn) LocalAddr() net.Addr             { return nil }
func (c *responseConn) RemoteAddr() net.Addr            { return nil }
func (c *responseConn) SetDeadline(time.Time) error     { return errors.ErrUnsupported }
func (c *responseConn) SetReadDeadline(time.Time) error { return errors.ErrUnsupported }
