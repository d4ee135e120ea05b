package httpserver

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/tlscert"
)

// Config is the section "http".
type Config struct {
	// Listen is the address for plain HTTP, TLSListen the one for HTTPS, which is
	// open if there are Certificate and Key, or those of the section "tls".
	Listen    config.Listen `yaml:"listen" help:"Plain HTTP."`
	TLSListen config.Listen `yaml:"tls_listen" help:"HTTPS, beside or instead. Open if there are 'certificate' and 'key', here or in 'tls'."`
	// Certificate (chain) and Key are PEM files, read again when they change.
	Certificate string `yaml:"certificate" help:"PEM file with the certificate and its chain. It is read again when it changes; while the new one cannot be used, the old one stays."`
	Key         string `yaml:"key" help:"PEM file with the certificate's private key."`
	// TrustedProxies are the peers whose X-Forwarded-For is believed.
	TrustedProxies config.Prefixes `yaml:"trusted_proxies" help:"Peers whose 'X-Forwarded-For' is believed: addresses and ranges, such as '10.0.0.0/8'."`
	// AllowOrigin is the origin whose pages may play media: "*" for all, empty
	// for none but weir's own.
	AllowOrigin string `yaml:"allow_origin" help:"Whose pages may play media (CORS): '*' for all, one origin such as 'https://example.org', or empty for weir's own console only."`
	// MaxConnections bounds the open connections of all listeners here, each, but for
	// the reserve of HandleAlways.
	MaxConnections int `yaml:"max_connections" help:"Open connections, of each listener; at least 1. Health, metrics, API and console are answered beyond it."`
	// HeaderTimeout bounds the TLS handshake and the reading of a request's
	// header, MaxHeaderBytes its size.
	HeaderTimeout  config.Duration `yaml:"header_timeout" help:"For the TLS handshake, and for a request's header; more than '0s'."`
	MaxHeaderBytes config.ByteSize `yaml:"max_header_bytes" help:"Of a request's header; '4KiB' to '1MiB'."`
}

// The bounds of settings. A header below 4 KiB would cut off browsers with a
// few cookies; one of 1 MiB times MaxConnections is already beyond most
// machines.
const (
	minHeaderBytes = 4 << 10
	maxHeaderBytes = 1 << 20
)

// defaultTLSListen is to HTTPS what 8080 is to HTTP.
const defaultTLSListen = ":8443"

// NewConfig returns the defaults.
func NewConfig() *Config {
	return &Config{
		Listen:         ":8080",
		TLSListen:      defaultTLSListen,
		AllowOrigin:    "*",
		MaxConnections: 20000, // so many viewers of 500 kbit/s fill 10 Gbit/s
		HeaderTimeout:  config.Duration(10 * time.Second),
		MaxHeaderBytes: 32 << 10, // a header with a long signed URL and cookies has some 8 KiB
	}
}

// Live names what changes while the server runs.
func (c *Config) Live() []string { return []string{"trusted_proxies", "allow_origin"} }

// Validate reports the first setting that cannot be used.
func (c *Config) Validate() error {
	if err := c.TLSListener().Validate(); err != nil {
		return err
	}
	switch {
	case c.MaxConnections < 1:
		return fmt.Errorf("max_connections: must be at least 1, is %d", c.MaxConnections)
	case c.HeaderTimeout <= 0:
		return errors.New("header_timeout: must be more than 0s")
	case c.MaxHeaderBytes < minHeaderBytes || c.MaxHeaderBytes > maxHeaderBytes:
		return errors.New("max_header_bytes: must be 4KiB..1MiB")
	}
	if err := checkOrigin(c.AllowOrigin); err != nil {
		return fmt.Errorf("allow_origin: %w", err)
	}
	return nil
}

// TLSListener returns what the configuration says about HTTPS.
func (c *Config) TLSListener() tlscert.Listener {
	return tlscert.Listener{
		Section: "http", Address: c.TLSListen, Default: defaultTLSListen, Certificate: c.Certificate, Key: c.Key,
		Protocols: []string{"h2", "http/1.1"},
	}
}

// checkOrigin accepts what a browser sends as Origin: scheme, host and port.
func checkOrigin(s string) error {
	if s == "" || s == "*" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || s != u.Scheme+"://"+u.Host {
		return fmt.Errorf(`must be "*", empty or an origin such as https://example.org, is %q`, s)
	}
	return nil
}
