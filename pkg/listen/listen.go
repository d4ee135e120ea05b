// Package listen opens the TCP listeners of all protocols: errors that name
// the configuration key to change, and a bound on open connections.
package listen

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// Error says why an address could not be listened on and which key sets it.
type Error struct {
	Key     string // such as "http.listen"
	Address string
	Err     error // what the system said
}

func (e *Error) Error() string {
	change := fmt.Sprintf("set %s (or %s) to another address", e.Key, variable(e.Key))
	switch {
	case errors.Is(e.Err, syscall.EADDRINUSE):
		return fmt.Sprintf("%s: %s is in use by another program; %s", e.Key, place(e.Address), change)
	case errors.Is(e.Err, syscall.EACCES):
		return fmt.Sprintf("%s: no permission to listen on %s; %s", e.Key, place(e.Address), change)
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		return fmt.Sprintf("%s: %s is not an address of this machine; %s", e.Key, place(e.Address), change)
	}
	return fmt.Sprintf("%s: cannot listen on %s: %v", e.Key, place(e.Address), e.Err)
}

// Unwrap returns what the system said.
func (e *Error) Unwrap() error { return e.Err }

// variable is the environment variable for a configuration key.
func variable(key string) string {
	return "WEIR_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// place says ":8080" in words.
func place(address string) string {
	if port, ok := strings.CutPrefix(address, ":"); ok {
		return "port " + port
	}
	return address
}

// TCP listens on address, HOST:PORT, which the configuration key has set. The
// error is an *Error.
func TCP(key, address string) (*net.TCPListener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, &Error{Key: key, Address: address, Err: err}
	}
	return l.(*net.TCPListener), nil
}

// Limited is a listener that keeps at most so many accepted connections open.
// Safe for concurrent use.
type Limited struct {
	*net.TCPListener
	limit    int64
	onRefuse func(remote net.Addr)
	open     atomic.Int64
}

var _ net.Listener = (*Limited)(nil)

// Limit bounds the connections that were accepted from l and not yet closed to
// limit; 0 or less means no bound. A connection beyond it is closed at once, so
// that the peer learns of it and can try elsewhere, and reported to onRefuse,
// which is called from Accept, must not block and may be nil.
func Limit(l *net.TCPListener, limit int, onRefuse func(remote net.Addr)) *Limited {
	return &Limited{TCPListener: l, limit: int64(limit), onRefuse: onRefuse}
}

// Open returns the number of accepted connections that are not yet closed,
// hijacked ones included.
func (l *Limited) Open() int { return int(l.open.Load()) }

// Accept waits for the next connection that is within the limit. The returned
// connection is a *Conn.
func (l *Limited) Accept() (net.Conn, error) {
	for {
		tcp, err := l.AcceptTCP()
		if err != nil {
			return nil, err
		}
		if n := l.open.Add(1); n <= l.limit || l.limit <= 0 {
			return &Conn{TCPConn: tcp, listener: l, place: n}, nil
		}
		l.open.Add(-1)
		if l.onRefuse != nil { // first, so that who sees the reset also sees the count
			l.onRefuse(tcp.RemoteAddr())
		}
		refuse(tcp)
	}
}

// refuse resets the connection: a flood of refused peers must not leave
// sockets in TIME_WAIT. There is nobody to tell if it fails.
func refuse(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// Conn is an accepted connection that counts towards the limit until Close.
// It is a TCP connection in all else; SyscallConn gives the raw one.
type Conn struct {
	*net.TCPConn
	listener *Limited
	place    int64
	once     sync.Once
}

// Place returns how many connections were open when this one was accepted, it included.
func (c *Conn) Place() int { return int(c.place) }

// Close closes the connection and makes room for another.
func (c *Conn) Close() error {
	err := c.TCPConn.Close()
	c.once.Do(func() { c.listener.open.Add(-1) })
	return err
}

// Reset closes the connection as those beyond the limit are closed.
func (c *Conn) Reset() {
	refuse(c.TCPConn)
	_ = c.Close() // makes room; it is closed already
}
