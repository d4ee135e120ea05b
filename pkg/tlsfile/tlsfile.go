// Package tlsfile serves TLS with a certificate from files, which may be renewed
// while the server runs.
package tlsfile

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// recheck is how often a certificate's files are looked at, at most: two calls
// of stat, so cheap that a renewed certificate can be in use within seconds.
const recheck = 5 * time.Second

// Certificate is a certificate and key from files that are read again when they
// change. While the new ones cannot be used, the old ones are. Safe for
// concurrent use.
type Certificate struct {
	files [2]string // certificate chain and key, PEM
	log   *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	stamps  [2]stamp
	checked time.Time
}

// stamp tells versions of a file apart.
type stamp struct {
	modified time.Time
	size     int64
}

// Load reads the PEM files with the certificate, its chain behind it, and with
// its key. Later changes and what is wrong with them are written to log.
func Load(chain, key string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{files: [2]string{chain, key}, log: log, checked: time.Now()}
	var err error
	if c.stamps, err = c.stat(); err != nil {
		return nil, err
	}
	if c.current, err = c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// Config returns a configuration for servers that use the certificate, with
// TLS 1.2 or later.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.Get}
}

// Get has the form of tls.Config.GetCertificate.
func (c *Certificate) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.checked) >= recheck {
		c.checked = now
		c.refresh()
	}
	return c.current, nil
}

// refresh reads the files if they have changed. The new stamps are kept even if
// the files cannot be used, so that each change is reported once.
func (c *Certificate) refresh() {
	stamps, err := c.stat()
	if stamps == c.stamps {
		return // unchanged, or still missing
	}
	c.stamps = stamps
	var fresh *tls.Certificate
	if err == nil {
		fresh, err = c.load()
	}
	if err != nil {
		c.log.Error("certificate not reloaded, the old one stays in use", slog.String("error", err.Error()))
		return
	}
	c.current = fresh
	c.log.Info("certificate reloaded", slog.String("file", c.files[0]))
}

// stat returns zero stamps with an error.
func (c *Certificate) stat() ([2]stamp, error) {
	var out [2]stamp
	for i, name := range c.files {
		info, err := os.Stat(name)
		if err != nil {
			return [2]stamp{}, err
		}
		out[i] = stamp{info.ModTime(), info.Size()}
	}
	return out, nil
}

func (c *Certificate) load() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.files[0], c.files[1])
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", c.files[0], c.files[1], err)
	}
	return &pair, nil
}
