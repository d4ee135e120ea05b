// Package webrtc takes streams in by WHIP (RFC 9725) and gives them out by WHEP
// (draft-ietf-wish-whep). The library pion speaks ICE, DTLS and SRTP; the bus, who
// may do what, and which packets leave towards whom are here.
package webrtc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/transport/v4/stdnet"
	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/listen"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// protocol names WebRTC in sessions and metrics.
const protocol = "webrtc"

const (
	// disconnectedAfter is how long nothing may come from a peer until its
	// connection counts as interrupted; keepAlive is how often peers that say
	// nothing else are asked for a sign of life (RFC 8445, 11; RFC 7675).
	disconnectedAfter = 5 * time.Second
	keepAlive         = 2 * time.Second
	// handshakeRepeat is how long an answer to the first message of DTLS is waited
	// for. ffmpeg 9 misses the first: with this it connects after 0.15 s, with the
	// second that the library waits by itself after 1.05 s.
	handshakeRepeat = 100 * time.Millisecond
	// tcpBuffer is how many packets wait to be read from one connection of ICE-TCP,
	// the others in TCP; it costs 56 bytes for each in every session, also by UDP.
	// tcpWriteBuffer is how many bytes wait to be written: a second of 8 Mbit/s.
	// What does not fit is lost, as with UDP.
	tcpBuffer      = 32
	tcpWriteBuffer = 1 << 20
)

// Server accepts WebRTC sessions. It is made by Config.Start.
type Server struct {
	config  *Config                // with which it started
	live    atomic.Pointer[Config] // what is in force of what changes
	host    *plugin.Host
	metrics *metrics
	pending *pending

	udp         *net.UDPConn // nil if all is off
	mux         ice.UDPMux   // above udp
	outside     *outside     // nil without a STUN server
	engine      pion.SettingEngine
	certificate pion.Certificate
	muxes       []interface{ Close() error }

	mu        sync.Mutex
	draining  bool
	resources map[string]*resource // by id

	running sync.WaitGroup // resources
}

var _ plugin.Service = (*Server)(nil)

var _ plugin.Reconfigurer = (*Server)(nil)

// Reconfigure implements plugin.Reconfigurer.
func (s *Server) Reconfigure(c plugin.Config) {
	now := c.(*Config)
	s.live.Store(now)
	s.pending.limit(now.MaxConnecting, now.MaxConnectingPerAddress)
}

func newServer(c *Config, h *plugin.Host) (*Server, error) {
	s := &Server{
		config: c, host: h, metrics: newMetrics(), pending: newPending(c.MaxConnecting, c.MaxConnectingPerAddress),
		resources: make(map[string]*resource),
	}
	s.live.Store(c)
	for _, c := range s.metrics.all(s.pending.count) {
		if err := h.Metrics.Register(c); err != nil {
			return nil, fmt.Errorf("webrtc: %w", err)
		}
	}
	return s, nil
}

func (s *Server) start() error {
	if s.config.Listen.Off() {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	certificate, err := pion.GenerateCertificate(key)
	if err != nil {
		return err
	}
	s.certificate = *certificate
	if err := s.open(); err != nil {
		return err
	}
	network, err := stdnet.NewNet()
	if err != nil {
		return err
	}
	s.engine.SetNet(network) // or each session would list the interfaces, and keep the list
	s.engine.LoggerFactory = &logs{s.host.Log}
	s.engine.SetIncludeLoopbackCandidate(true)
	s.engine.SetICETimeouts(disconnectedAfter, time.Duration(s.config.ConnectTimeout), keepAlive)
	s.engine.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.engine.DisableActiveTCP(true)
	s.engine.SetDTLSRetransmissionInterval(handshakeRepeat)
	s.route()
	return nil
}

// open opens the port.
func (s *Server) open() error {
	tcp, err := s.openSockets()
	if err != nil {
		return err
	}
	logger := (&logs{s.host.Log}).NewLogger("ice")
	networks := []pion.NetworkType{pion.NetworkTypeUDP4, pion.NetworkTypeUDP6}
	s.mux = s.newUDPMux(logger)
	s.engine.SetICEUDPMux(s.mux)
	s.muxes = append(s.muxes, s.mux)
	if tcp != nil {
		patience := time.Duration(s.config.ConnectTimeout)
		mux := ice.NewTCPMuxDefault(ice.TCPMuxParams{
			Listener: &tcpListener{listen.Limit(tcp, s.config.MaxConnections, s.refuseTCP), s.host.Log}, Logger: logger,
			ReadBufferSize: tcpBuffer, WriteBufferSize: tcpWriteBuffer,
			FirstStunBindTimeout: patience, AliveDurationForConnFromStun: patience,
		})
		s.engine.SetICETCPMux(mux)
		s.muxes = append(s.muxes, mux)
		networks = append(networks, pion.NetworkTypeTCP4, pion.NetworkTypeTCP6)
	}
	s.engine.SetNetworkTypes(networks)
	return nil
}

// refuseTCP notes a connection beyond the limit.
func (s *Server) refuseTCP(remote net.Addr) {
	s.host.Sessions.Refuse(session.Info{Protocol: protocol, Remote: remote.String(), Transport: "tcp"}, reason.LimitReached,
		fmt.Errorf("webrtc.max_connections: all %d are in use", s.config.MaxConnections))
}

// portTries bounds how often a port is looked for that is free for UDP and TCP.
const portTries = 100

// openSockets opens the port for UDP and, unless that is off, for TCP; any that is
// free for both, if any was asked for.
func (s *Server) openSockets() (tcp *net.TCPListener, err error) {
	const key = "webrtc.listen"
	address := s.config.Listen.String()
	for range portTries {
		var packets net.PacketConn
		if packets, err = net.ListenPacket("udp", address); err != nil {
			return nil, &listen.Error{Key: key, Address: address, Err: err}
		}
		s.udp = packets.(*net.UDPConn) // as the network says
		if !s.config.TCP {
			return nil, nil
		}
		if tcp, err = listen.TCP(key, s.udp.LocalAddr().String()); err == nil {
			return tcp, nil
		}
		_ = s.udp.Close() // nothing was read
		if !strings.HasSuffix(address, ":0") {
			break
		}
	}
	return nil, err
}

// Addr returns the address of the port for media, or nil if it is off.
func (s *Server) Addr() net.Addr {
	if s.udp == nil {
		return nil
	}
	return s.udp.LocalAddr()
}

// Drain implements plugin.Service.
func (s *Server) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
}

// Close implements plugin.Service. Sessions are ended by the registry; Close
// waits for them.
func (s *Server) Close(ctx context.Context) error {
	s.Drain()
	err := plugin.Wait(ctx, &s.running)
	if err != nil {
		err = fmt.Errorf("webrtc: sessions cut off: %w", err)
	}
	for _, m := range s.muxes {
		_ = m.Close() // nobody uses it any more
	}
	return err
}
