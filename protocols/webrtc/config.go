package webrtc

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/pkg/streamname"
)

// Config is the section "webrtc".
type Config struct {
	// Listen is the address of the one port for media, by UDP and (if TCP) by
	// ICE-TCP.
	Listen config.Listen `yaml:"listen" help:"Media, by UDP and TCP."`
	TCP    bool          `yaml:"tcp" help:"Media by TCP too, for clients that UDP does not reach."`
	// Hosts are addresses or names under which clients reach the port, beside the
	// one that they used for HTTP. Interfaces adds the addresses of this machine's
	// interfaces.
	Hosts      []string `yaml:"hosts" help:"Addresses or names by which clients reach the port, beside the one that they used for HTTP."`
	Interfaces bool     `yaml:"interfaces" help:"Name the addresses of the interfaces too."`
	// STUN is a server, HOST:PORT, which tells how others see the port for UDP, so
	// that clients hear of that address too. Empty for none.
	STUN string `yaml:"stun" help:"'HOST:PORT' of a STUN server that tells how others see the port for UDP, behind a translator of addresses."`
	// ICEServers are given to clients.
	ICEServers []ICEServer `yaml:"ice_servers" help:"STUN and TURN servers for clients."`
	// ConnectTimeout bounds the time from an offer until media can flow, and an
	// outage later on.
	ConnectTimeout config.Duration `yaml:"connect_timeout" help:"From an offer until media can flow, and of an outage after the first 5 s. '1s' to '5m'."`
	// KeyframeInterval is how often publishers are asked for a key frame; 0 for
	// only when a viewer needs one.
	KeyframeInterval config.Duration `yaml:"keyframe_interval" help:"How often publishers are asked for a key frame, at least '500ms'; '0s' for only when somebody needs one."`
	// MaxLag is how far a player may fall behind before it skips to the newest key
	// frame.
	MaxLag config.Duration `yaml:"max_lag" help:"A player further behind skips to the newest key frame. '500ms' to '1m'."`
	// MinPlayoutDelay and MaxPlayoutDelay are the bounds between which players are
	// told to delay pictures, in steps of 10 ms up to 40.95 s. With a MaxPlayoutDelay
	// of 0 they are told nothing.
	MinPlayoutDelay config.Duration `yaml:"min_playout_delay" help:"Browsers are told to delay pictures by this at least. Up to 'webrtc.max_playout_delay'."`
	MaxPlayoutDelay config.Duration `yaml:"max_playout_delay" help:"Browsers are told to delay pictures by this at most; up to '40.95s'; '0s' for no word about it."`
	// MaxSessions bounds publishers and players together, MaxConnecting those of
	// them that have not connected yet, MaxConnectingPerAddress those from one
	// address (IPv6: from one network of 64 bits).
	MaxSessions             int `yaml:"max_sessions" help:"Publishers and players together; at least 1."`
	MaxConnecting           int `yaml:"max_connecting" help:"Publishers and players that have not connected yet; at least 1."`
	MaxConnectingPerAddress int `yaml:"max_connecting_per_address" help:"The same, from one address; IPv6: from one network of 64 bits. At least 1."`
	// MaxConnections bounds the connections by TCP.
	MaxConnections int `yaml:"max_connections" help:"Open connections by TCP; at least 1."`
	// Streams holds other settings for some streams; the first that matches wins.
	Streams []Rule `yaml:"streams" help:"Other settings for some streams; the first rule that matches wins."`
}

// Rule sets some settings for some streams; what is nil is as for all.
type Rule struct {
	streamname.Scope
	KeyframeInterval *config.Duration `yaml:"keyframe_interval" help:"As 'webrtc.keyframe_interval'." example:"1s"`
	MaxLag           *config.Duration `yaml:"max_lag" help:"As 'webrtc.max_lag'." example:"1s"`
}

// ICEServer is a STUN or TURN server that clients may use.
type ICEServer struct {
	// URL is stun:…, turn:… or turns:… (RFC 7064, RFC 7065).
	URL string `yaml:"url" help:"'stun:HOST:PORT', 'turn:HOST:PORT' or 'turns:HOST:PORT'." example:"turn:turn.example.org:3478"`
	// Username and Credential are handed out as they are; with Secret, which the
	// TURN server knows too, each client gets its own for a day.
	Username   string        `yaml:"username" help:"For TURN." example:"weir"`
	Credential config.Secret `yaml:"credential" help:"For TURN." example:"password"`
	Secret     config.Secret `yaml:"secret" help:"In place of both: the secret that the TURN server has too, of which each client gets credentials for a day."`
}

var _ plugin.Config = (*Config)(nil)

const (
	minConnectTimeout = config.Duration(time.Second)
	maxConnectTimeout = config.Duration(5 * time.Minute)
	minKeyframe       = config.Duration(500 * time.Millisecond)
	minLag            = config.Duration(500 * time.Millisecond)
	maxLag            = config.Duration(time.Minute)
)

// New returns the defaults.
func New() plugin.Config {
	return &Config{
		Listen:         ":8189",
		TCP:            true,
		Interfaces:     true,
		ConnectTimeout: config.Duration(15 * time.Second),
		// Browsers send a key frame only if they are asked; HLS and viewers who join
		// need them.
		KeyframeInterval: config.Duration(2 * time.Second),
		MaxLag:           config.Duration(2 * time.Second),
		MaxSessions:      10000,
		// A connection takes some 100 ms, and one that never comes about 300 KB for
		// the time of ConnectTimeout. Many may share an address.
		MaxConnecting:           1000,
		MaxConnectingPerAddress: 500,
		MaxConnections:          20000,
	}
}

// Live names what changes while weir runs: what clients are told, KeyframeInterval and
// limits for sessions, MaxLag for streams that somebody begins to play from then on.
func (c *Config) Live() []string {
	return []string{
		"hosts", "interfaces", "ice_servers", "keyframe_interval", "max_lag", "min_playout_delay", "max_playout_delay", "max_sessions", "max_connecting", "max_connecting_per_address", "streams",
	}
}

// Validate reports the first setting that cannot be used.
func (c *Config) Validate() error {
	switch {
	case c.ConnectTimeout < minConnectTimeout || c.ConnectTimeout > maxConnectTimeout:
		return fmt.Errorf("connect_timeout: must be %v..%v, is %v", minConnectTimeout, maxConnectTimeout, c.ConnectTimeout)
	case c.MaxPlayoutDelay < 0 || time.Duration(c.MaxPlayoutDelay) > maxPlayoutDelay:
		return fmt.Errorf("max_playout_delay: must be 0s..%v, is %v", maxPlayoutDelay, c.MaxPlayoutDelay)
	case c.MinPlayoutDelay < 0 || c.MinPlayoutDelay > c.MaxPlayoutDelay:
		return fmt.Errorf("min_playout_delay: must be 0s up to max_playout_delay, %v, is %v", c.MaxPlayoutDelay, c.MinPlayoutDelay)
	case c.MaxSessions < 1:
		return fmt.Errorf("max_sessions: must be at least 1, is %d", c.MaxSessions)
	case c.MaxConnecting < 1:
		return fmt.Errorf("max_connecting: must be at least 1, is %d", c.MaxConnecting)
	case c.MaxConnectingPerAddress < 1:
		return fmt.Errorf("max_connecting_per_address: must be at least 1, is %d", c.MaxConnectingPerAddress)
	case c.MaxConnections < 1:
		return fmt.Errorf("max_connections: must be at least 1, is %d", c.MaxConnections)
	}
	if err := c.settings(Rule{}).validate(); err != nil {
		return err
	}
	if err := checkSTUN(c.STUN); err != nil {
		return err
	}
	for i, h := range c.Hosts {
		if h == "" || strings.ContainsAny(h, "/ \t[]") {
			return fmt.Errorf("hosts[%d]: must be an address or a name without port, is %q", i, h)
		}
	}
	for i, s := range c.ICEServers {
		if err := s.check(); err != nil {
			return fmt.Errorf("ice_servers[%d]: %w", i, err)
		}
	}
	return streamname.CheckRules("streams", c.Streams, func(r Rule) error { return c.settings(r).validate() })
}

// Warnings names rules without effect.
func (c *Config) Warnings() []string { return streamname.RuleWarnings("streams", c.Streams) }

// settings are those of one stream.
type settings struct{ keyframeInterval, maxLag config.Duration }

func (s settings) validate() error {
	switch {
	case s.keyframeInterval != 0 && s.keyframeInterval < minKeyframe:
		return fmt.Errorf("keyframe_interval: must be 0 or at least %v, is %v", minKeyframe, s.keyframeInterval)
	case s.maxLag < minLag || s.maxLag > maxLag:
		return fmt.Errorf("max_lag: must be %v..%v, is %v", minLag, maxLag, s.maxLag)
	}
	return nil
}

// settings returns what is in force under r.
func (c *Config) settings(r Rule) settings {
	return settings{streamname.Or(r.KeyframeInterval, c.KeyframeInterval), streamname.Or(r.MaxLag, c.MaxLag)}
}

// of returns the settings of a stream.
func (c *Config) of(stream string) settings {
	return c.settings(streamname.RuleFor(c.Streams, stream))
}

func (s *ICEServer) check() error {
	u, err := url.Parse(s.URL)
	if err != nil || u.Opaque == "" || u.Scheme != "stun" && u.Scheme != "stuns" && u.Scheme != "turn" && u.Scheme != "turns" {
		return fmt.Errorf("url: must be like stun:HOST:PORT or turn:HOST:PORT, is %q", s.URL)
	}
	if s.Secret != "" && (s.Username != "" || s.Credential != "") {
		return errors.New("secret: takes the place of username and credential")
	}
	return nil
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
