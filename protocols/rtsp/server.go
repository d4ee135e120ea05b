// Package rtsp is the RTSP server (RFC 2326), which publishers push to by
// ANNOUNCE and RECORD and players pull from by DESCRIBE and PLAY, with media in
// RTP over UDP or inside the TCP connection. The library gortsplib speaks the
// protocol; the bus, who may do what, and what leaves towards whom are here.
package rtsp

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v4"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/listen"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// protocol names RTSP in sessions and metrics.
const protocol = "rtsp"

const (
	// readTimeout is how long a publisher may send nothing, writeTimeout how long
	// a player's socket may take nothing.
	readTimeout  = 10 * time.Second
	writeTimeout = 10 * time.Second
)

// Server accepts RTSP connections. It is made by Config.Start.
type Server struct {
	config  *Config                // with which it started
	live    atomic.Pointer[Config] // what is in force of what changes
	host    *plugin.Host
	metrics *metrics
	plain   *endpoint // nil if off
	tls     *endpoint // nil if off

	running sync.WaitGroup // sessions of the registry
}

var _ plugin.Service = (*Server)(nil)

var _ plugin.Reconfigurer = (*Server)(nil)

// Reconfigure implements plugin.Reconfigurer.
func (s *Server) Reconfigure(c plugin.Config) { s.live.Store(c.(*Config)) }

func newServer(c *Config, h *plugin.Host) (*Server, error) {
	s := &Server{config: c, host: h, metrics: newMetrics()}
	s.live.Store(c)
	for _, c := range s.metrics.all() {
		if err := h.Metrics.Register(c); err != nil {
			return nil, fmt.Errorf("rtsp: %w", err)
		}
	}
	return s, nil
}

func (s *Server) start() error {
	settings, err := s.host.TLS.Server(s.config.TLSListener())
	if err != nil {
		return err
	}
	if !s.config.Listen.Off() {
		if s.plain, err = s.open("rtsp.listen", s.config.Listen, nil); err != nil {
			return err
		}
	}
	if settings != nil {
		if s.tls, err = s.open("rtsp.tls_listen", s.config.TLSListen, tlsSettings(settings)); err != nil {
			if s.plain != nil {
				s.plain.library.Close()
			}
			return err
		}
	}
	return nil
}

// tlsSettings are those of RTSPS: each write is one record, which peer counts on.
func tlsSettings(c *tls.Config) *tls.Config {
	c.DynamicRecordSizingDisabled = true
	return c
}

// endpoint is one of the listeners with its protocol machine, whose handler it
// is.
type endpoint struct {
	server   *Server
	library  *gortsplib.Server
	listener *listener
	secure   bool
	guard    guard
}

// open starts an endpoint; without settings it is one of plain RTSP.
func (s *Server) open(key string, address config.Listen, settings *tls.Config) (*endpoint, error) {
	tcp, err := listen.TCP(key, address.String())
	if err != nil {
		return nil, err
	}
	full := fmt.Errorf("rtsp.max_connections: all %d are in use", s.config.MaxConnections)
	limited := listen.Limit(tcp, s.config.MaxConnections, func(remote net.Addr) {
		s.host.Sessions.Refuse(session.Info{Protocol: protocol, Remote: remote.String()}, reason.LimitReached, full)
	})
	e := &endpoint{server: s, secure: settings != nil}
	e.listener = newListener(e, limited)
	e.library = &gortsplib.Server{
		Handler:                  e,
		RTSPAddress:              tcp.Addr().String(),
		Listen:                   func(string, string) (net.Listener, error) { return e.listener, nil },
		TLSConfig:                settings,
		ReadTimeout:              readTimeout,
		WriteTimeout:             writeTimeout,
		WriteQueueSize:           s.config.WriteQueue,
		DisableRTCPSenderReports: true, // players get their own, see viewer
	}
	if err := e.openUDP(); err != nil {
		_ = tcp.Close() // nothing was accepted yet
		return nil, err
	}
	if err := e.library.Start(); err != nil {
		_ = tcp.Close()
		return nil, fmt.Errorf("rtsp: %w", err)
	}
	return e, nil
}

func (e *endpoint) openUDP() error {
	address := e.server.config.UDPListen
	if e.secure || address.Off() {
		return nil
	}
	rtp, rtcp, err := listenPair("rtsp.udp_listen", address.String())
	if err != nil {
		return err
	}
	e.library.UDPRTPAddress, e.library.UDPRTCPAddress = rtp.LocalAddr().String(), rtcp.LocalAddr().String()
	e.library.ListenPacket = func(_, address string) (net.PacketConn, error) {
		if address == e.library.UDPRTPAddress {
			return rtp, nil
		}
		return rtcp, nil
	}
	return nil
}

// Addr returns the address of plain RTSP, or nil if it is off.
func (s *Server) Addr() net.Addr { return s.plain.addr() }

// TLSAddr returns the address of RTSPS, or nil if it is off.
func (s *Server) TLSAddr() net.Addr { return s.tls.addr() }

func (e *endpoint) addr() net.Addr {
	if e == nil {
		return nil
	}
	return e.listener.Addr()
}

func (s *Server) endpoints() (list []*endpoint) {
	for _, e := range []*endpoint{s.plain, s.tls} {
		if e != nil {
			list = append(list, e)
		}
	}
	return list
}

// Drain implements plugin.Service.
func (s *Server) Drain() {
	for _, e := range s.endpoints() {
		e.listener.drain()
	}
}

// Close implements plugin.Service. Sessions are ended by the registry; Close
// waits for them and cuts off connections without a session.
func (s *Server) Close(ctx context.Context) error {
	s.Drain()
	err := plugin.Wait(ctx, &s.running)
	if err != nil {
		err = fmt.Errorf("rtsp: connections cut off: %w", err)
	}
	for _, e := range s.endpoints() {
		e.library.Close()
	}
	s.running.Wait()
	return err
}
