// Package rtmp is the RTMP server, which publishers push to and players pull
// from, and an RTMP client for both (Adobe, "Real Time Messaging Protocol",
// 1.0, 2012; section numbers below are of that document).
package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/listen"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/socket"
)

// protocol names RTMP in sessions and metrics.
const protocol = "rtmp"

// Server accepts RTMP connections. It is made by Config.Start.
type Server struct {
	config  *Config                // with which it started
	live    atomic.Pointer[Config] // what is in force of what changes
	host    *plugin.Host
	ignored *prometheus.CounterVec
	slow    prometheus.Counter // publishers whose clock hardly advances
	fast    prometheus.Counter // publishers that send faster than real time
	pace    *socket.Pace       // of reading from publishers
	plain   *listen.Limited    // nil if off
	tls     *listen.Limited    // nil if off

	mu       sync.Mutex
	conns    map[*conn]struct{}
	draining bool
	running  sync.WaitGroup // the accept loop and all connections
}

var _ plugin.Service = (*Server)(nil)

func newServer(c *Config, h *plugin.Host) (*Server, error) {
	s := &Server{
		config: c, host: h, conns: make(map[*conn]struct{}), pace: socket.NewPace(time.Duration(c.ReadInterval)),
		ignored: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_rtmp_ignored_messages_total",
			Help: "Media messages of publishers that were left out, by cause.",
		}, []string{"cause"}),
		slow: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_rtmp_slow_clocks_total",
			Help: "Publishers whose timestamps hardly advance, such as seconds for milliseconds.",
		}),
		fast: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "weir_rtmp_fast_clocks_total",
			Help: "Publishers whose media ran faster than real time for half a minute.",
		}),
	}
	s.live.Store(c)
	for _, c := range []prometheus.Collector{s.ignored, s.slow, s.fast} {
		if err := h.Metrics.Register(c); err != nil {
			return nil, fmt.Errorf("rtmp: %w", err)
		}
	}
	return s, nil
}

var _ plugin.Reconfigurer = (*Server)(nil)

// Reconfigure implements plugin.Reconfigurer.
func (s *Server) Reconfigure(c plugin.Config) { s.live.Store(c.(*Config)) }

func (s *Server) start() error {
	settings, err := s.host.TLS.Server(s.config.TLSListener())
	if err != nil {
		return err
	}
	if s.plain, err = s.listen("rtmp.listen", s.config.Listen); err != nil {
		return err
	}
	if settings != nil {
		if s.tls, err = s.listen("rtmp.tls_listen", s.config.TLSListen); err != nil {
			s.closeListeners() // nothing was accepted yet
			return err
		}
		s.running.Add(1)
		go s.accept(s.tls, func(nc net.Conn) net.Conn { return tls.Server(nc, settings) })
	}
	if s.plain != nil {
		s.running.Add(1)
		go s.accept(s.plain, func(nc net.Conn) net.Conn { return nc })
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
	full := fmt.Errorf("rtmp.max_connections: all %d are in use", s.config.MaxConnections)
	return listen.Limit(l, s.config.MaxConnections, func(remote net.Addr) {
		s.host.Sessions.Refuse(session.Info{Protocol: protocol, Remote: remote.String()}, reason.LimitReached, full)
	}), nil
}

func (s *Server) closeListeners() {
	for _, l := range []*listen.Limited{s.plain, s.tls} {
		if l != nil {
			_ = l.Close() // closing twice does no harm
		}
	}
}

// Addr returns the address of plain RTMP, or nil if it is off.
func (s *Server) Addr() net.Addr { return addr(s.plain) }

// TLSAddr returns the address of RTMPS, or nil if it is off.
func (s *Server) TLSAddr() net.Addr { return addr(s.tls) }

func addr(l *listen.Limited) net.Addr {
	if l == nil {
		return nil
	}
	return l.Addr()
}

func (s *Server) accept(l *listen.Limited, wrap func(net.Conn) net.Conn) {
	defer s.running.Done()
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			s.serve(wrap(nc))
		case errors.Is(err, net.ErrClosed):
			return
		default: // too many open files, most likely: give others time to close some
			s.host.Log.Warn("rtmp: accepting failed", "error", err)
			time.Sleep(100 * time.Millisecond)
		}
	}
}

func (s *Server) serve(nc net.Conn) {
	c := newConn(s, nc)
	s.mu.Lock()
	if s.draining {
		s.mu.Unlock()
		_ = nc.Close() // just accepted: nothing is lost
		return
	}
	s.conns[c] = struct{}{}
	s.running.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.running.Done()
		c.serve()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
}

// Drain implements plugin.Service.
func (s *Server) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	s.closeListeners()
}

// Close implements plugin.Service. Sessions are ended by the registry; Close
// waits for them and cuts off connections without a session.
func (s *Server) Close(ctx context.Context) error {
	s.Drain()
	s.each(func(c *conn) { c.shutdown() })
	err := plugin.Wait(ctx, &s.running)
	if err == nil {
		return nil
	}
	s.each(func(c *conn) { _ = c.net.Close() })
	s.running.Wait()
	return fmt.Errorf("rtmp: connections cut off: %w", err)
}

// warnSlowClock tells the operator what a publisher's viewers will notice.
func (s *Server) warnSlowClock(p *session.Session) {
	s.slow.Inc()
	s.host.Log.Warn("timestamps hardly advance; does the encoder send seconds for milliseconds?",
		"stream", p.Info().Stream, "session", p.ID(), "remote", p.Info().Remote)
}

// warnFastClock tells the operator why a stream takes more than its bit rate, and
// its viewers skip.
func (s *Server) warnFastClock(p *session.Session) {
	s.fast.Inc()
	s.host.Log.Warn("media comes faster than real time; does the encoder send a file without pacing?",
		"stream", p.Info().Stream, "session", p.ID(), "remote", p.Info().Remote)
}

func (s *Server) each(f func(c *conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		f(c)
	}
}
