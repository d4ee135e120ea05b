// Package httpmp4 plays streams as fragmented MP4 (ISO/IEC 14496-12) over HTTP
// and WebSocket, at /NAME.mp4: an endless file that begins at the newest key
// frame. Over WebSocket the first message is the init segment and every other
// one a fragment, as Media Source Extensions take them. /NAME/snapshot.mp4 is the
// newest key frame alone.
package httpmp4

import (
	"fmt"
	"net/url"

	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/protocols/internal/httplive"
	"github.com/weirmedia/weir/remux/fmp4"
)

// Config is the section "httpmp4".
type Config struct {
	// Enabled serves /NAME.mp4 and /NAME/snapshot.mp4 on the HTTP listeners.
	Enabled bool `yaml:"enabled" help:"Serve '/NAME.mp4' and '/NAME/snapshot.mp4'."`
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
	h.HTTP.HandleSuffix(snapshotSuffix, h.HTTP.Media((&snapshots{h}).serve))
	return httplive.Start(h, httplive.Format{
		Suffix: ".mp4", ContentType: contentType,
		Protocol: protocol, WebSocketProtocol: "wsmp4", Name: "mp4",
		Settled: true, NoData: true, Carries: fmp4.Carries,
		Variant: parseVariant,
	}), nil
}

// variant is what a player may choose about fragmented MP4.
type variant fmp4.Options

// parseVariant reads ?fragment=gop, by which a player asks for fewer and longer
// fragments than one for each frame.
func parseVariant(q url.Values) (httplive.Variant, error) {
	switch v := q.Get("fragment"); v {
	case "", "frame":
		return variant{}, nil
	case "gop":
		return variant{PerGOP: true}, nil
	default:
		return nil, fmt.Errorf("fragment: must be frame or gop, is %.32q", v)
	}
}

var _ fanout.Omitter = (*fmp4.Muxer)(nil)

// NewMuxer implements httplive.Variant.
func (v variant) NewMuxer() fanout.Muxer { return &fmp4.Muxer{Options: fmp4.Options(v)} }
