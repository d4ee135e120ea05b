// Package httpflv plays streams as FLV over HTTP and WebSocket, at /NAME.flv: an
// endless FLV file (Adobe, Video File Format Specification 10.1, Annex E) that
// begins at the newest key frame.
package httpflv

import (
	"context"

	"github.com/weirmedia/weir/pkg/plugin"
)

// Config is the section "httpflv".
type Config struct {
	// Enabled serves /NAME.flv on the HTTP listeners.
	Enabled bool `yaml:"enabled"`
}

var _ plugin.Config = (*Config)(nil)

// New returns the defaults.
func New() plugin.Config { return &Config{Enabled: true} }

// Validate implements plugin.Config; every value is good.
func (c *Config) Validate() error { return nil }

// Start implements plugin.Config.
func (c *Config) Start(h *plugin.Host) (plugin.Service, error) {
	s := &service{host: h}
	if c.Enabled {
		h.HTTP.HandleSuffix(".flv", h.HTTP.Media(s.serve))
	}
	return s, nil
}

// service answers requests. The HTTP server owns the connections until they are
// hijacked, and the session registry ends the sessions.
type service struct{ host *plugin.Host }

var _ plugin.Service = (*service)(nil)

// Drain implements plugin.Service: the HTTP server stops accepting.
func (s *service) Drain() {}

// Close implements plugin.Service: ending the sessions ended all there is.
func (s *service) Close(context.Context) error { return nil }
