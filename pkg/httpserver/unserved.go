package httpserver

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// unserved finds the connections that close without having made one request:
// net/http answers by itself what it cannot read, and tells nobody. What comes
// after a good request is not looked at, since net/http does not always tell
// that it came.
type unserved struct {
	timeout time.Duration // for the header of the first request
	refuse  func(remote net.Addr, why reason.Reason, err error)

	mu    sync.Mutex
	peers map[net.Conn]*httpPeer
}

// httpPeer is what is known of an open connection. All but served belongs to the
// connection's own goroutine in net/http; HTTP/2 handlers have others.
type httpPeer struct {
	since  time.Time
	active bool        // bytes of a request came
	served atomic.Bool // a request was made, HTTP/2 agreed on, or it is counted already
	place  *place      // in the reserve; nil within http.max_connections
}

type peerKey struct{}

// begin notes a new connection.
func (u *unserved) begin(c net.Conn) *httpPeer {
	p := &httpPeer{since: time.Now()}
	u.mu.Lock()
	u.peers[c] = p
	u.mu.Unlock()
	return p
}

// serve notes that a request came, and returns its connection's place in the reserve,
// nil if it has none.
func (u *unserved) serve(r *http.Request) *place {
	p, ok := r.Context().Value(peerKey{}).(*httpPeer)
	if !ok { // tests without a connection
		return nil
	}
	p.served.Store(true)
	return p.place
}

// state follows a connection, and returns what is known of it; nil if it is forgotten.
func (u *unserved) state(c net.Conn, state http.ConnState) *httpPeer {
	u.mu.Lock()
	p := u.peers[c]
	if state == http.StateClosed || state == http.StateHijacked {
		delete(u.peers, c)
	}
	u.mu.Unlock()
	if p == nil {
		return nil
	}
	switch state {
	case http.StateActive:
		p.active = true
	case http.StateIdle: // of HTTP/2 also before the first request
		p.served.Store(true)
	case http.StateClosed:
		u.closed(c, p)
	}
	return p
}

// closed reports c unless it made a request or did not even begin one. A browser
// opens connections in advance and closes those that it does not need.
func (u *unserved) closed(c net.Conn, p *httpPeer) {
	switch {
	case p.served.Load():
	case time.Since(p.since) >= u.timeout:
		u.refuse(c.RemoteAddr(), reason.HandshakeTimeout, errors.New("no complete request header within http.header_timeout"))
	case p.active:
		u.refuse(c.RemoteAddr(), reason.BadRequest, errors.New("no complete HTTP request"))
	}
}

// refuse counts and logs what no protocol got to see.
func (s *Server) refuse(remote string, why reason.Reason, err error) {
	if s.sessions != nil {
		s.sessions.Refuse(session.Info{Protocol: "http", Remote: remote}, why, err)
	}
}
