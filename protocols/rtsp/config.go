package rtsp

import (
	"errors"
	"fmt"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/tlscert"
)

// Config is the section "rtsp".
type Config struct {
	// Listen is the address for plain RTSP, TLSListen the one for RTSPS, which is
	// open if there are Certificate and Key, or those of the section "tls".
	Listen    config.Listen `yaml:"listen" help:"Publishers and players."`
	TLSListen config.Listen `yaml:"tls_listen" help:"RTSPS: the same over TLS. Open if there are 'certificate' and 'key', here or in 'tls'."`
	// UDPListen is the address for RTP by UDP, of an even port; RTCP has the one
	// after it. Only plain RTSP uses them.
	UDPListen config.Listen `yaml:"udp_listen" help:"RTP by UDP, of an even port; RTCP has the next. 'off' leaves TCP."`
	// Certificate (chain) and Key are PEM files, read again when they change.
	Certificate string `yaml:"certificate" help:"PEM file with the certificate and its chain. It is read again when it changes; while the new one cannot be used, the old one stays."`
	Key         string `yaml:"key" help:"PEM file with the certificate's private key."`
	// HandshakeTimeout bounds the time from connecting to the first PLAY or
	// RECORD, and the time without a session later on.
	HandshakeTimeout config.Duration `yaml:"handshake_timeout" help:"From connecting to the first PLAY or RECORD, and for a connection whose session has ended."`
	// MaxLag is how far a player may fall behind before it skips to the newest
	// key frame.
	MaxLag config.Duration `yaml:"max_lag" help:"A player further behind skips to the newest key frame. '500ms' to '1m'."`
	// WriteQueue is how many packets wait for one player's socket.
	WriteQueue int `yaml:"write_queue" help:"Packets that wait for one player's socket; a power of two, '64' to '8192'."`
	// MaxConnections bounds the open connections of the two listeners, each.
	MaxConnections int `yaml:"max_connections" help:"Open connections, of each listener; at least 1."`
}

var _ plugin.Config = (*Config)(nil)

const (
	defaultTLSListen = ":8322"

	minLag        = config.Duration(500 * time.Millisecond)
	maxLag        = config.Duration(time.Minute)
	minWriteQueue = 64
	maxWriteQueue = 8192
)

// New returns the defaults.
func New() plugin.Config {
	return &Config{
		Listen:           ":8554",
		TLSListen:        defaultTLSListen,
		UDPListen:        ":8000",
		HandshakeTimeout: config.Duration(10 * time.Second),
		MaxLag:           config.Duration(5 * time.Second),
		// A quarter of a second of 10 Mbit/s; what does not fit waits in the
		// packet log that all players share.
		WriteQueue:     256,
		MaxConnections: 20000,
	}
}

// Live names what changes while weir runs: HandshakeTimeout for connections, MaxLag
// for streams that somebody begins to play from then on.
func (c *Config) Live() []string {
	return []string{
		"handshake_timeout", "max_lag",
	}
}

// Validate reports the first setting that cannot be used.
func (c *Config) Validate() error {
	if err := c.TLSListener().Validate(); err != nil {
		return err
	}
	switch {
	case c.HandshakeTimeout <= 0:
		return errors.New("handshake_timeout: must be more than 0s")
	case c.MaxLag < minLag || c.MaxLag > maxLag:
		return fmt.Errorf("max_lag: must be %v..%v, is %v", minLag, maxLag, c.MaxLag)
	case c.WriteQueue < minWriteQueue || c.WriteQueue > maxWriteQueue || c.WriteQueue&(c.WriteQueue-1) != 0:
		return fmt.Errorf("write_queue: must be a power of two, %d..%d, is %d", minWriteQueue, maxWriteQueue, c.WriteQueue)
	case c.MaxConnections < 1:
		return fmt.Errorf("max_connections: must be at least 1, is %d", c.MaxConnections)
	}
	return nil
}

// TLSListener returns what the configuration says about RTSPS.
func (c *Config) TLSListener() tlscert.Listener {
	return tlscert.Listener{
		Section: protocol, Address: c.TLSListen, Default: defaultTLSListen, Certificate: c.Certificate, Key: c.Key,
	}
}

// Start implements plugin.Config.
func (c *Config) Start(h *plugin.Host) (plugin.Service, error) {
	s, err := newServer(c, h)
	if err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, nil
}
