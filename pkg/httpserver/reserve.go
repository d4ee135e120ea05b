package httpserver

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"

	"github.com/weirmedia/weir/pkg/listen"
	"github.com/weirmedia/weir/pkg/reason"
)

// reserveSize is how many connections there may be beyond http.max_connections: a
// browser that opens the console takes up to six, a probe or a scrape one.
const reserveSize = 64

// reserve holds the connections beyond http.max_connections. Each gets one answer, of
// what HandleAlways has, so that a server full of viewers is not taken for a dead one.
// When it is about to be full, the oldest that is not being answered makes room, or the
// oldest if all are: neither silent peers nor a crowd of viewers nor slow readers keep a
// probe out.
type reserve struct {
	mu     sync.Mutex
	places []*place // oldest first
}

// place is a connection of the reserve.
type place struct {
	conn *listen.Conn
	peer *httpPeer
	busy int // requests being answered, under the reserve's mutex
}

// enter gives a connection a place, and returns the one that has to make room for the
// next; nil if there is room.
func (r *reserve) enter(p *place) *place {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.places = append(r.places, p)
	if len(r.places) < reserveSize {
		return nil
	}
	before := r.places[:reserveSize-1]
	i := max(0, slices.IndexFunc(before, func(p *place) bool { return p.busy == 0 }))
	last := before[i]
	r.places = slices.Delete(r.places, i, i+1)
	return last
}

// leave forgets a connection that is closed.
func (r *reserve) leave(p *place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.places = slices.DeleteFunc(r.places, func(x *place) bool { return x == p })
}

// answering notes that a request is being answered, or with -1 that it is no more.
func (r *reserve) answering(p *place, change int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.busy += change
}

// connected marks the requests of a new connection (http.Server.ConnContext).
func (s *Server) connected(ctx context.Context, c net.Conn) context.Context {
	peer := s.unserved.begin(c)
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	if conn, ok := c.(*listen.Conn); ok && conn.Place() > s.config.MaxConnections {
		peer.place = &place{conn: conn, peer: peer}
		if last := s.reserve.enter(peer.place); last != nil {
			s.evict(last)
		}
	}
	return context.WithValue(ctx, peerKey{}, peer)
}

// evict resets a connection, and counts it as refused unless it had its answer.
func (s *Server) evict(p *place) {
	if !p.peer.served.Swap(true) {
		s.refuse(p.conn.RemoteAddr().String(), reason.LimitReached, s.full)
	}
	p.conn.Reset()
}

// connectionState follows a connection (http.Server.ConnState).
func (s *Server) connectionState(c net.Conn, state http.ConnState) {
	if p := s.unserved.state(c, state); p != nil && p.place != nil && state == http.StateClosed {
		s.reserve.leave(p.place)
	}
}

// serveReserved answers a request on a connection of the reserve, which ends then.
func (s *Server) serveReserved(w http.ResponseWriter, r *http.Request, p *place) {
	w.Header().Set("Connection", "close") // of HTTP/2 too, where net/http says GOAWAY
	if _, ok := s.table.fixed(r.URL.Path).(always); !ok {
		s.refuse(s.Remote(r).String(), reason.LimitReached, s.full)
		s.allowOrigin(w.Header())
		WriteError(w, http.StatusServiceUnavailable, Error{Code: string(reason.LimitReached), Message: s.full.Error()})
		return
	}
	s.reserve.answering(p, +1)
	defer s.reserve.answering(p, -1)
	s.route(w, r)
}
