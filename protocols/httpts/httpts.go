// Package httpts plays streams as MPEG-TS (ISO/IEC 13818-1) over HTTP and
// WebSocket, at /NAME.ts: an endless transport stream that begins at the newest
// key frame.
package httpts

import (
	"net/url"

	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/protocols/internal/httplive"
	"github.com/weirmedia/weir/remux/ts"
)

// Config is the section "httpts".
type Config struct {
	// Enabled serves /NAME.ts on the HTTP listeners.
	Enabled bool `yaml:"enabled" help:"Serve '/NAME.ts'."`
}

var _ plugin.Config = (*Config)(nil)

// New returns the defaults.
func New() plugin.Config { return &Config{Enabled: true} }

// Validate implements plugin.Config; every value is good.
func (c *Config) Validate() error { return nil }

// Start implements plugin.Config.
func (c *Config) Start(h *plugin.Host) (plugin.Service, error) {
	if !c.Enabled {
		return httplive.Idle{}, nil
	}
	return httplive.Start(h, httplive.Format{
		Suffix: ".ts", ContentType: "video/mp2t",
		Protocol: "httpts", WebSocketProtocol: "wsts", Name: "ts",
		Settled: true, NoData: true, Carries: ts.Carries,
		Variant: func(url.Values) (httplive.Variant, error) { return variant{}, nil },
	}), nil
}

// variant is MPEG-TS, about which a player has nothing to choose.
type variant struct{}

var _ fanout.Omitter = (*ts.Muxer)(nil)

// NewMuxer implements httplive.Variant.
func (variant) NewMuxer() fanout.Muxer { return new(ts.Muxer) }
