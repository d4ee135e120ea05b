// Package httpserver owns the HTTP listeners and the table of routes: fixed
// paths for pages and the API, suffixes and infixes for the forms of a stream,
// which plugins fill in.
package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/listen"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/tlscert"
)

const (
	// idleTimeout is more than the 60 s for which nginx keeps connections to a
	// server behind it, so that the proxy closes first and loses no request.
	idleTimeout = 75 * time.Second
	// bodyTimeout bounds the reading of a request's body. The largest that is
	// expected is an SDP of some 100 KB.
	bodyTimeout = 30 * time.Second
	// answerTimeout bounds the writing of a fixed route's answer; a profile is
	// recorded for 30 s before its first byte. Media set their own deadlines.
	answerTimeout = 2 * time.Minute
	// streamsPerConnection bounds the requests at once on an HTTP/2 connection,
	// as RFC 9113, 6.5.2 recommends at least.
	streamsPerConnection = 100
	// pingAfter and pingTimeout find dead HTTP/2 peers about as fast as a
	// viewer that takes no byte is closed.
	pingAfter, pingTimeout = 15 * time.Second, 15 * time.Second
)

// Options configure a Server.
type Options struct {
	Config   *Config // defaults if nil; validated by the caller
	Logger   *slog.Logger
	Sessions *session.Registry // is told of refused connections; may be nil
	TLS      *tlscert.Provider // certificates, if Config has none; may be nil
}

// Server serves HTTP/1.0, 1.1 and, on TLS, 2. Fill in its routes, then Start
// it. Its other methods are safe for concurrent use.
type Server struct {
	config       *Config                // with which it started
	shared       atomic.Pointer[Config] // what is in force now of what is live
	log          *slog.Logger
	sessions     *session.Registry
	certificates *tlscert.Provider
	table        table
	http         *http.Server
	unserved     unserved
	reserve      reserve
	full         error           // told to who is refused for want of places
	plain        *listen.Limited // nil if off
	tls          *listen.Limited // nil if off
}

// New returns a server without routes.
func New(o Options) *Server {
	s := &Server{config: o.Config, log: o.Logger, sessions: o.Sessions, certificates: o.TLS}
	if s.config == nil {
		s.config = NewConfig()
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.shared.Store(s.config)
	s.table.exact = make(map[string]http.Handler)
	s.unserved = unserved{
		timeout: time.Duration(s.config.HeaderTimeout),
		peers:   make(map[net.Conn]*httpPeer),
		refuse: func(remote net.Addr, why reason.Reason, err error) {
			s.refuse(remote.String(), why, err)
		},
	}
	s.full = fmt.Errorf("http.max_connections: all %d are in use", s.config.MaxConnections)
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: time.Duration(s.config.HeaderTimeout),
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    int(s.config.MaxHeaderBytes),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: streamsPerConnection,
			SendPingTimeout:      pingAfter,
			PingTimeout:          pingTimeout,
		},
		ConnContext: s.connected,
		ConnState:   s.connectionState,
		// What net/http reports are peers' faults, one line each: an attack
		// must not fill the log.
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	return s
}

// Reconfigure takes over what is live of c, which must not be changed any more.
func (s *Server) Reconfigure(c *Config) { s.shared.Store(c) }

// Start opens the listeners and returns; an error is a *listen.Error or about
// the certificate.
func (s *Server) Start() error {
	// Set here because net/http sets HTTP/2 up once: if it happens for the plain
	// listener, only this tells it that TLS is to come.
	var err error
	if s.http.TLSConfig, err = s.certificates.Server(s.config.TLSListener()); err != nil {
		return err
	}
	if s.plain, err = s.listen("http.listen", s.config.Listen); err != nil {
		return err
	}
	if s.http.TLSConfig != nil {
		if s.tls, err = s.listen("http.tls_listen", s.config.TLSListen); err != nil {
			if s.plain != nil {
				_ = s.plain.Close() // nothing was accepted yet
			}
			return err
		}
	}
	if s.plain != nil {
		go s.serve(s.plain, s.http.Serve)
	}
	if s.tls != nil {
		go s.serve(s.tls, func(l net.Listener) error { return s.http.ServeTLS(l, "", "") })
	}
	return nil
}

// listen returns nil if the listener is off.
func (s *Server) listen(key string, address config.Listen) (*listen.Limited, error) {
	if address.Off() {
		return nil, nil
	}
	l, err := listen.TCP(key, address.String())
	if err != nil {
		return nil, err
	}
	return listen.Limit(l, s.config.MaxConnections+reserveSize, func(remote net.Addr) {
		s.refuse(remote.String(), reason.LimitReached, s.full)
	}), nil
}

func (s *Server) serve(l net.Listener, run func(net.Listener) error) {
	if err := run(patient{l, s.log}); !errors.Is(err, http.ErrServerClosed) {
		s.log.Error("http listener failed", slog.String("address", l.Addr().String()), slog.String("error", err.Error()))
	}
}

// Addr returns the address of plain HTTP, or nil if it is off. Call it after
// Start.
func (s *Server) Addr() net.Addr { return addr(s.plain) }

// TLSAddr returns the address of HTTPS, or nil if it is off. Call it after
// Start.
func (s *Server) TLSAddr() net.Addr { return addr(s.tls) }

func addr(l *listen.Limited) net.Addr {
	if l == nil {
		return nil
	}
	return l.Addr()
}

// Connections returns the number of open connections, hijacked ones included.
// Call it after Start.
func (s *Server) Connections() int {
	n := 0
	for _, l := range []*listen.Limited{s.plain, s.tls} {
		if l != nil {
			n += l.Open()
		}
	}
	return n
}

// Shutdown closes the listeners, waits until the requests under way are
// answered and, when ctx ends before, closes their connections. Hijacked
// connections are their sessions', which the registry ends.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("http: requests cut off: %w", err), s.http.Close())
	}
	return nil
}

// ServeHTTP finds the handler of a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer s.recover(r)
	place := s.unserved.serve(r)
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // fails only in tests without a connection
	}
	if place != nil {
		s.serveReserved(w, r, place)
		return
	}
	s.route(w, r)
}

func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	deadlines := http.NewResponseController(w)
	if h := s.table.fixed(r.URL.Path); h != nil {
		_ = deadlines.SetWriteDeadline(time.Now().Add(answerTimeout))
		h.ServeHTTP(w, r)
		return
	}
	_ = deadlines.SetWriteDeadline(time.Time{}) // a fixed route's may be left from the request before
	h, text := s.table.stream(r.URL.Path)
	if h == nil {
		WriteError(w, http.StatusNotFound, Error{Code: "not_found", Message: "there is nothing at " + r.URL.Path})
		return
	}
	name, bad := streamName(r, text)
	if bad != nil {
		s.refuse(s.Remote(r).String(), reason.BadName, errors.New(bad.Message))
		WriteError(w, http.StatusBadRequest, *bad)
		return
	}
	h(w, r, name)
}

// recover contains a handler's panic: it is reported here and costs only this
// request and its connection.
func (s *Server) recover(r *http.Request) {
	fault := recover()
	if fault == nil {
		return
	}
	if fault != http.ErrAbortHandler {
		s.log.Error("panic in an HTTP handler",
			slog.Any("panic", fault), slog.String("method", r.Method), slog.String("path", r.URL.Path),
			slog.String("stack", string(debug.Stack())))
	}
	panic(http.ErrAbortHandler) // net/http closes the connection and reports nothing
}
