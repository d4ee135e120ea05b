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

// lookPatience is for how long a handshake waits for the files to be looked at, so that
// the first after a change has the new certificate. A local disk takes 1 ms; a network
// file system may never answer.
const lookPatience = 100 * time.Millisecond

// Certificate is a certificate and key from files that are read again when they
// change. While the new ones cannot be used, the old ones are. Safe for
// concurrent use.
type Certificate struct {
	files [2]string // certificate chain and key, PEM
	log   *slog.Logger

	stamps [2]stamp // of whoever looks at the files, which is one at a time

	mu      sync.Mutex
	current *tls.Certificate
	checked time.Time
	looking bool
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
	if looked := c.look(); looked != nil {
		patience := time.NewTimer(lookPatience)
		defer patience.Stop()
		select {
		case <-looked:
		case <-patience.C:
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current, nil
}

// look begins to look at the files if it is time to, and returns what is closed when that
// is done; nil if there is nothing to wait for.
func (c *Certificate) look() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.looking || now.Sub(c.checked) < recheck {
		return nil
	}
	c.looking, c.checked = true, now
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		fresh := c.refresh()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.looking = false
		if fresh != nil {
			c.current = fresh
		}
	}()
	return looked
}

// refresh returns the certificate if the files have changed, else nil. The new stamps
// are kept even if the files cannot be used, so that each change is reported once.
func (c *Certificate) refresh() *tls.Certificate {
	stamps, err := c.stat()
	if stamps == c.stamps {
		return nil // unchanged, or still missing
	}
	c.stamps = stamps
	var fresh *tls.Certificate
	if err == nil {
		fresh, err = c.load()
	}
	if err != nil {
		c.log.Error("certificate not reloaded, the old one stays in use", slog.String("error", err.Error()))
		return nil
	}
	c.log.Info("certificate reloaded", slog.String("file", c.files[0]))
	return fresh
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
