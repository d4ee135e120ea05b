// Package httpflv plays streams as FLV over HTTP and WebSocket, at /NAME.flv: an
// endless FLV file (Adobe, Video File Format Specification 10.1, Annex E) that
// begins at the newest key frame.
package httpflv

import (
	"net/url"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/protocols/internal/httplive"
	"github.com/weirmedia/weir/remux/flv"
)

// Config is the section "httpflv".
type Config struct {
	// Enabled serves /NAME.flv on the HTTP listeners.
	Enabled bool `yaml:"enabled" help:"Serve '/NAME.flv'."`
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
		Suffix: ".flv", ContentType: "video/x-flv",
		Protocol: "httpflv", WebSocketProtocol: "wsflv", Name: "flv",
		Borrows: true, Variant: parseVariant, Hello: fileHeader,
	}), nil
}

func fileHeader(l *av.Layout) []byte {
	return flv.AppendFileHeader(nil, l.Expects(av.Audio), l.Expects(av.Video))
}

// variant is what a player may choose about FLV.
type variant flv.Options

// parseVariant reads ?multitrack=1, by which a player asks for the tracks beyond
// the first of each kind.
func parseVariant(q url.Values) (httplive.Variant, error) {
	return variant{Multitrack: q.Get("multitrack") == "1"}, nil
}

var _ fanout.Omitter = (*flv.Muxer)(nil)

// NewMuxer implements httplive.Variant.
func (v variant) NewMuxer() fanout.Muxer { return &flv.Muxer{Options: flv.Options(v)} }
