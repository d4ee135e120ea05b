// Package tlscert gives certificates to the TLS listeners of all protocols: from
// files, made by the server itself, or from a certificate authority by ACME
// (RFC 8555).
package tlscert

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/crypto/acme/autocert"

	"github.com/weirmedia/weir/pkg/config"
)

// Config is the section "tls": the certificate of every TLS listener that has
// none of its own. At most one of Certificate, SelfSigned and ACMEDomains is set.
type Config struct {
	// Certificate (chain) and Key are PEM files, read again when they change.
	Certificate string `yaml:"certificate" help:"PEM file with the certificate and its chain, for every protocol that has none of its own. It is read again when it changes."`
	Key         string `yaml:"key" help:"PEM file with the certificate's private key."`
	// SelfSigned makes a certificate at the first start, and another before it
	// ends.
	SelfSigned bool `yaml:"self_signed" help:"Make a certificate that clients must be told to trust, in DATA_DIR/certificates."`
	// ACMEDomains are the names for which certificates are had from
	// ACMEDirectory, once ACMEAcceptTerms says that its terms of service are
	// accepted. ACMEEmail is where it may write to; it may be empty.
	ACMEDomains     []string      `yaml:"acme_domains" help:"Names of this server, for which certificates are had by ACME; the first is also for clients that send no name."`
	ACMEEmail       string        `yaml:"acme_email" help:"Where the certificate authority may write to."`
	ACMEDirectory   config.WebURL `yaml:"acme_directory" help:"URL of the certificate authority."`
	ACMEAcceptTerms bool          `yaml:"acme_accept_terms" help:"Accept the certificate authority's terms of service; needed for acme_domains."`
}

// maxDomains bounds ACMEDomains: each has a certificate of its own, of which
// authorities give only so many in a week.
const maxDomains = 32

// NewConfig returns the defaults: no certificate.
func NewConfig() *Config { return &Config{ACMEDirectory: autocert.DefaultACMEDirectory} }

// Enabled reports whether there is a certificate for listeners without their own.
func (c *Config) Enabled() bool { return c.Certificate != "" || c.SelfSigned || len(c.ACMEDomains) > 0 }

// Validate reports the first setting that cannot be used.
func (c *Config) Validate() error {
	ways := 0
	for _, used := range []bool{c.Certificate != "", c.SelfSigned, len(c.ACMEDomains) > 0} {
		if used {
			ways++
		}
	}
	switch {
	case (c.Certificate == "") != (c.Key == ""):
		return errors.New("certificate: needs both certificate and key")
	case ways > 1:
		return errors.New("certificate: only one of certificate, self_signed and acme_domains can be used")
	case len(c.ACMEDomains) == 0:
		return nil
	case len(c.ACMEDomains) > maxDomains:
		return fmt.Errorf("acme_domains: must be at most %d, are %d", maxDomains, len(c.ACMEDomains))
	case !c.ACMEAcceptTerms:
		return errors.New("acme_accept_terms: must be true, which accepts the terms of service of acme_directory")
	case !c.ACMEDirectory.Valid():
		return errors.New("acme_directory: must be an http or https URL")
	}
	for i, d := range c.ACMEDomains {
		if !isDomain(d) {
			return fmt.Errorf("acme_domains[%d]: must be a name such as media.example.org, is %.64q", i, d)
		}
	}
	return nil
}

// isDomain accepts what an authority can give a certificate for without DNS:
// names of at least two labels in lower case, no addresses and no wildcards.
func isDomain(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil || len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" ||
			label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

// Listener is what the configuration of a protocol says about its TLS listener.
type Listener struct {
	Section string // such as "rtmp"
	// Address is tls_listen, Default its default: a listener at another address
	// was asked for, and it is an error if there is no certificate for it.
	Address, Default config.Listen
	// Certificate and Key are the protocol's own PEM files; empty for those of
	// the section "tls".
	Certificate, Key string
	// Protocols are offered by ALPN (RFC 7301); nil for protocols without it. A
	// listener that offers some answers the challenges of ACME too.
	Protocols []string
}

// Validate reports what is wrong with a listener whatever the section "tls" says;
// the error starts with the key below the section.
func (l Listener) Validate() error {
	if (l.Certificate == "") != (l.Key == "") {
		return errors.New("certificate: needs both certificate and key")
	}
	return nil
}

// Open reports whether l listens: it has a certificate of its own or of c. A
// listener without one that was asked for is an error, worded to follow the key
// tls_listen.
func (c *Config) Open(l Listener) (bool, error) {
	switch {
	case l.Address.Off():
		return false, nil
	case l.Certificate != "", c.Enabled():
		return true, nil
	case l.Address != l.Default:
		return false, errors.New("needs certificate and key, of its own or in the section tls")
	}
	return false, nil
}
