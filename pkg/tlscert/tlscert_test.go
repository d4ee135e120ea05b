package tlscert

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/tlsfile/tlsfiletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConfig(t *testing.T) {
	acme := func(c *Config) { c.ACMEDomains, c.ACMEAcceptTerms = []string{"media.example.org"}, true }
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string // how the error begins
	}{
		{"defaults", func(*Config) {}, ""},
		{"files", func(c *Config) { c.Certificate, c.Key = "c.pem", "k.pem" }, ""},
		{"no key", func(c *Config) { c.Certificate = "c.pem" }, "certificate: needs both"},
		{"two ways", func(c *Config) { c.Certificate, c.Key, c.SelfSigned = "c.pem", "k.pem", true }, "certificate: only one of"},
		{"ACME", acme, ""},
		{"ACME and self-signed", func(c *Config) { acme(c); c.SelfSigned = true }, "certificate: only one of"},
		{"terms", func(c *Config) { acme(c); c.ACMEAcceptTerms = false }, "acme_accept_terms: must be true"},
		{"directory", func(c *Config) { acme(c); c.ACMEDirectory = "ftp://x" }, "acme_directory: must be"},
		{"wildcard", func(c *Config) { acme(c); c.ACMEDomains = []string{"*.example.org"} }, "acme_domains[0]: must be a name"},
		{"address", func(c *Config) { acme(c); c.ACMEDomains = []string{"a.b", "192.0.2.1"} }, "acme_domains[1]: must be a name"},
		{"one label", func(c *Config) { acme(c); c.ACMEDomains = []string{"localhost"} }, "acme_domains[0]: must be a name"},
		{"upper case", func(c *Config) { acme(c); c.ACMEDomains = []string{"Example.org"} }, "acme_domains[0]: must be a name"},
		{"too many", func(c *Config) { acme(c); c.ACMEDomains = make([]string, 33) }, "acme_domains: must be at most 32"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := NewConfig()
			tt.change(c)
			switch err := c.Validate(); {
			case err == nil && tt.want != "", err != nil && (tt.want == "" || !strings.HasPrefix(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestServer: which listeners listen, and with whose certificate.
func TestServer(t *testing.T) {
	shared, own := t.TempDir(), t.TempDir()
	with := NewConfig()
	with.Certificate, with.Key = tlsfiletest.Write(t, shared, "shared")
	chain, key := tlsfiletest.Write(t, own, "own")
	missing := filepath.Join(own, "missing")
	for _, tt := range []struct {
		name     string
		config   *Config
		listener Listener
		want     string // the name in the certificate, or how the error begins; "" for no listener
	}{
		{"nothing", NewConfig(), Listener{Address: ":1", Default: ":1"}, ""},
		{"asked for", NewConfig(), Listener{Section: "x", Address: ":2", Default: ":1"}, "x.tls_listen: needs certificate and key"},
		{"off", with, Listener{Address: "off", Default: ":1"}, ""},
		{"shared", with, Listener{Address: ":1", Default: ":1"}, "shared"},
		{"shared elsewhere", with, Listener{Address: ":2", Default: ":1"}, "shared"},
		{"own", NewConfig(), Listener{Address: ":1", Default: ":1", Certificate: chain, Key: key}, "own"},
		{"own before shared", with, Listener{Address: ":1", Default: ":1", Certificate: chain, Key: key}, "own"},
		{"own that is missing", with, Listener{Section: "x", Address: ":1", Certificate: missing, Key: missing}, "x.certificate: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := New(tt.config, Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			c, err := p.Server(tt.listener)
			switch {
			case err != nil:
				got = err.Error()
			case c != nil:
				certificate, err := c.GetCertificate(nil)
				if err != nil {
					t.Fatal(err)
				}
				got = certificate.Leaf.Subject.CommonName
			}
			if !strings.HasPrefix(got, tt.want) || (got == "") != (tt.want == "") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	var none *Provider
	if c, err := none.Server(Listener{Address: ":1", Default: ":1"}); c != nil || err != nil {
		t.Errorf("no provider serves %v, %v", c, err)
	}
	none.Start()
	none.Close()
	if file, _ := none.SelfSigned(); file != "" || none.Challenge() != nil {
		t.Error("no provider has a certificate")
	}
}

func TestFilesMissing(t *testing.T) {
	c := NewConfig()
	c.Certificate, c.Key = "missing.pem", "missing.pem"
	if _, err := New(c, Options{}); err == nil || !strings.HasPrefix(err.Error(), "tls.certificate: ") {
		t.Error(err)
	}
}

// selfSignedIn returns a provider that has a certificate of its own in dir, and the
// file.
func selfSignedIn(t *testing.T, dir string) (p *Provider, file, fingerprint string) {
	t.Helper()
	c := NewConfig()
	c.SelfSigned = true
	p, err := New(c, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	file, fingerprint = p.SelfSigned()
	return p, file, fingerprint
}

// TestSelfSigned: a client that trusts the file, and nothing else, connects by
// every name; the file outlives the server.
func TestSelfSigned(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "certificates")
	p, file, fingerprint := selfSignedIn(t, dir)
	server, err := p.Server(Listener{Address: ":1", Default: ":1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		trust := tlsfiletest.Trust(t, file)
		trust.ServerName = name
		if leaf := handshake(t, server, trust); Fingerprint(leaf.Raw) != fingerprint {
			t.Errorf("%s: another fingerprint", name)
		}
	}
	names, addresses := hostNames()
	leaf := handshake(t, server, tlsfiletest.Trust(t, file))
	for _, ip := range addresses {
		if err := leaf.VerifyHostname(ip.String()); err != nil {
			t.Error(err)
		}
	}
	if err := leaf.VerifyHostname(names[len(names)-1]); err != nil || leaf.IsCA {
		t.Errorf("authority %v, %v", leaf.IsCA, err)
	}
	if _, _, again := selfSignedIn(t, dir); again != fingerprint {
		t.Error("the next start made another")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%d files, %v", len(entries), err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

// TestSelfSignedRenewal: near the end, at work or at the start, and when the files
// are broken, there is another certificate.
func TestSelfSignedRenewal(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p, file, first := selfSignedIn(t, dir)
		get := func() *x509.Certificate {
			c, err := p.get(nil)
			if err != nil {
				t.Fatal(err)
			}
			return c.Leaf
		}
		time.Sleep(goodFor - renewBefore - time.Minute)
		if got := Fingerprint(get().Raw); got != first {
			t.Error("renewed too early")
		}
		time.Sleep(2 * time.Minute)
		second := get()
		if _, now := p.SelfSigned(); Fingerprint(second.Raw) == first || now != Fingerprint(second.Raw) {
			t.Error("not renewed")
		}
		if until := time.Until(second.NotAfter); until > goodFor || until < goodFor-time.Minute {
			t.Errorf("good for %v", until)
		}
		if _, _, again := selfSignedIn(t, dir); again != Fingerprint(second.Raw) {
			t.Error("the files have another")
		}
		time.Sleep(goodFor)
		if _, _, third := selfSignedIn(t, dir); third == Fingerprint(second.Raw) {
			t.Error("not renewed at the start")
		}
		if err := os.WriteFile(file, []byte("broken"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, fourth := selfSignedIn(t, dir); fourth == "" {
			t.Error("not made again")
		}
		// While nothing can be written, the old one stays in use.
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(goodFor)
		if got := get(); !got.Equal(second) {
			t.Error("another certificate")
		}
	})
}

func TestSelfSignedCannotWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := NewConfig()
	c.SelfSigned = true
	_, err := New(c, Options{Dir: filepath.Join(file, "certificates")})
	if err == nil || !strings.HasPrefix(err.Error(), "tls.self_signed: ") || !strings.Contains(err.Error(), "data.dir") {
		t.Error(err)
	}
}

// handshake returns the certificate that a client accepts.
func handshake(t *testing.T, server, client *tls.Config) *x509.Certificate {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	served := make(chan error, 1)
	go func() { served <- tls.Server(near, server).Handshake() }()
	c := tls.Client(far, client)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	return c.ConnectionState().PeerCertificates[0]
}
