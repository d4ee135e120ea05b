// Package rtmp is the RTMP server, which publishers push to and players pull
// from, and an RTMP client for both (Adobe, "Real Time Messaging Protocol",
// 1.0, 2012; section numbers below are of that document).
package rtmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/listen"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// protocol names RTMP in sessions and metrics.
const protocol = "rtmp"

// Server accepts RTMP connections. It is made by Config.Start.
type Server struct {
	config   *Config
	host     *plugin.Host
	ignored  *prometheus.CounterVec
	listener *listen.Limited // nil if off

	mu       sync.Mutex
	conns    map[*conn]struct{}
	draining bool
	running  sync.WaitGroup // the accept loop and all connections
}

var _ plugin.Service = (*Server)(nil)

func newServer(c *Config, h *plugin.Host) (*Server, error) {
	s := &Server{
		config: c, host: h, conns: make(map[*conn]struct{}),
		ignored: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_rtmp_ignored_messages_total",
			Help: "Media messages of publishers that were left out, by cause.",
		}, []string{"cause"}),
	}
	if err := h.Metrics.Register(s.ignored); err != nil {
		return nil, fmt.Errorf("rtmp: %w", err)
	}
	return s, nil
}

func (s *Server) start() error {
	if s.config.Listen.Off() {
		return nil
	}
	l, err := listen.TCP("rtmp.listen", s.config.Listen.String())
	if err != nil {
		return err
	}
	full := fmt.Errorf("rtmp.max_connections: all %d are in use", s.config.MaxConnections)
	s.listener = listen.Limit(l, s.config.MaxConnections, func(remote net.Addr) {
		s.host.Sessions.Refuse(session.Info{Protocol: protocol, Remote: remote.String()}, reason.LimitReached, full)
	})
	s.running.Add(1)
	go s.accept()
	return nil
}

// Addr returns the address that the server listens on, or nil if it is off.
func (s *Server) Addr() net.Addr {
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

func (s *Server) accept() {
	defer s.running.Done()
	for {
		nc, err := s.listener.Accept()
		switch {
		case err == nil:
			s.serve(nc)
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
	if s.listener != nil {
		_ = s.listener.Close() // closing twice does no harm
	}
}

// Close implements plugin.Service. Sessions are ended by the registry; Close
// waits for them and cuts off connections without a session.
func (s *Server) Close(ctx context.Context) error {
	s.Drain()
	s.each(func(c *conn) { c.shutdown() })
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	s.each(func(c *conn) { _ = c.net.Close() })
	<-done
	return fmt.Errorf("rtmp: connections cut off: %w", ctx.Err())
}

func (s *Server) each(f func(c *conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		f(c)
	}
}
