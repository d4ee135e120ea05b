package tlscert

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/weirmedia/weir/pkg/tlsfile"
)

// Options are what a Provider needs besides its configuration.
type Options struct {
	// Dir is the folder for what the provider makes or is given: keys and
	// certificates. It is made if something is written.
	Dir string
	Log *slog.Logger // nil: no log
}

// Provider has the certificates of a Config. A nil Provider has none. Safe for
// concurrent use.
type Provider struct {
	config *Config
	log    *slog.Logger
	own    *selfSigned // nil unless the certificate is self-signed
	acme   *authority  // nil unless certificates come by ACME
	get    getCertificate

	mu    sync.Mutex
	inUse map[certified]getCertificate
}

// getCertificate has the form of tls.Config.GetCertificate.
type getCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// New returns the certificates that c names, which was validated and must not be
// changed any more. Unreadable files, and a folder in which nothing can be
// written, are errors that start with their key.
func New(c *Config, o Options) (*Provider, error) {
	p := &Provider{config: c, log: o.Log, inUse: make(map[certified]getCertificate)}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.Certificate != "":
		files, err := tlsfile.Load(c.Certificate, c.Key, p.log)
		if err != nil {
			return nil, fmt.Errorf("tls.certificate: %w", err)
		}
		p.get = files.Get
	case c.SelfSigned:
		own, err := loadSelfSigned(o.Dir, p.log)
		if err != nil {
			return nil, fmt.Errorf("tls.self_signed: %w", err)
		}
		p.own, p.get = own, own.Get
	case len(c.ACMEDomains) > 0:
		p.acme = newAuthority(c, o.Dir, p.log)
		p.get = p.acme.Get
	}
	for _, domain := range c.ACMEDomains {
		p.tell(certified{"tls", domain}, p.get)
	}
	if p.get != nil && p.acme == nil {
		p.tell(certified{section: "tls"}, p.get)
	}
	return p, nil
}

// Server returns what a listener serves TLS with, 1.2 or later, or nil if it does
// not listen. Errors start with the key that is wrong.
func (p *Provider) Server(l Listener) (*tls.Config, error) {
	none := Config{}
	config, log := &none, slog.New(slog.DiscardHandler)
	if p != nil {
		config, log = p.config, p.log
	}
	open, err := config.Open(l)
	if err != nil {
		return nil, fmt.Errorf("%s.tls_listen: %w", l.Section, err)
	}
	if !open {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: l.Protocols}
	if l.Certificate != "" {
		files, err := tlsfile.Load(l.Certificate, l.Key, log)
		if err != nil {
			return nil, fmt.Errorf("%s.certificate: %w", l.Section, err)
		}
		out.GetCertificate = files.Get
		if p != nil {
			p.tell(certified{section: l.Section}, files.Get)
		}
		return out, nil
	}
	out.GetCertificate = p.get
	if p.acme != nil && len(l.Protocols) > 0 {
		out.NextProtos = p.acme.offer(l.Protocols)
	}
	return out, nil
}

// Challenge answers what a certificate authority asks by plain HTTP below
// ChallengePath. It is nil unless certificates come by ACME.
func (p *Provider) Challenge() http.Handler {
	if p == nil || p.acme == nil {
		return nil
	}
	return p.acme.manager.HTTPHandler(http.NotFoundHandler())
}

// ChallengePath is where Challenge is to be served (RFC 8555, 8.3).
const ChallengePath = "/.well-known/acme-challenge/"

// Start begins to have certificates by ACME, and goes on until Close. The
// listeners must be open, as the authority connects to them.
func (p *Provider) Start() {
	if p != nil && p.acme != nil {
		p.acme.start()
	}
}

// Close ends what Start began. It does not wait for an answer of the authority.
func (p *Provider) Close() {
	if p != nil && p.acme != nil {
		p.acme.close()
	}
}

// SelfSigned returns the file of the self-signed certificate in use, which
// clients have to trust, and its Fingerprint; empty if there is none.
func (p *Provider) SelfSigned() (file, fingerprint string) {
	if p == nil || p.own == nil {
		return "", ""
	}
	return p.own.files[0], p.own.fingerprint()
}

// Fingerprint returns the SHA-256 of a certificate in DER, as browsers show it.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}
