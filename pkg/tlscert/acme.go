package tlscert

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/weirmedia/weir/pkg/config"
)

const (
	// askTimeout bounds one request to the authority.
	askTimeout = 30 * time.Second
	// firstRetry is more than the minute for which autocert remembers a failure;
	// it doubles up to lastRetry, which authorities' limits on failures allow.
	firstRetry, lastRetry = 2 * time.Minute, 2 * time.Hour
)

// authority has certificates by ACME. It alone decides when one is asked for: a
// handshake never waits for it, so strangers can neither hold connections open
// with it nor use up what the authority gives. Safe for concurrent use.
type authority struct {
	manager *autocert.Manager
	domains []string
	log     *slog.Logger
	ready   map[string]*atomic.Bool // by domain; the map itself does not change
	ctx     context.Context
	cancel  context.CancelFunc
	idle    func()
	once    sync.Once
}

func newAuthority(c *Config, dir string, log *slog.Logger) *authority {
	a := &authority{domains: c.ACMEDomains, log: log, ready: make(map[string]*atomic.Bool)}
	for _, d := range a.domains {
		a.ready[d] = new(atomic.Bool)
	}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	transport := http.DefaultTransport.(*http.Transport).Clone()
	a.idle = transport.CloseIdleConnections
	a.manager = &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(filepath.Join(dir, "acme")),
		HostPolicy: autocert.HostWhitelist(a.domains...),
		Email:      c.ACMEEmail,
		Client: &acme.Client{
			DirectoryURL: c.ACMEDirectory.Reveal(), UserAgent: "weir",
			HTTPClient: &http.Client{Timeout: askTimeout, Transport: untilClosed{a.ctx, transport}},
		},
	}
	return a
}

// untilClosed makes no request once ctx has ended: autocert cannot be stopped in
// another way.
type untilClosed struct {
	ctx  context.Context
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (u untilClosed) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := u.ctx.Err(); err != nil {
		return nil, err
	}
	return u.next.RoundTrip(r)
}

// start has a certificate for each domain, one after the other.
func (a *authority) start() {
	a.once.Do(func() {
		go func() {
			for delay := firstRetry; !a.obtain(); delay = min(2*delay, lastRetry) {
				select {
				case <-time.After(delay):
				case <-a.ctx.Done():
					return
				}
			}
		}()
	})
}

// obtain reports whether there is nothing left to do. Renewal is autocert's.
func (a *authority) obtain() (done bool) {
	done = true
	for _, d := range a.domains {
		if a.ready[d].Load() || a.ctx.Err() != nil {
			continue
		}
		certificate, err := a.manager.GetCertificate(helloFor(d))
		if err != nil {
			if a.ctx.Err() == nil {
				a.log.Error("no certificate by ACME, trying again later", slog.String("domain", d), slog.String("error", config.WithoutURL(err).Error()))
			}
			done = false
			continue
		}
		a.ready[d].Store(true)
		a.log.Info("certificate by ACME in use", slog.String("domain", d), slog.Time("until", certificate.Leaf.NotAfter))
	}
	return done || a.ctx.Err() != nil
}

func (a *authority) close() {
	a.cancel()
	a.idle()
}

// helloFor is a handshake for which autocert takes the certificate with the
// domain's ECDSA key: every client that knows TLS 1.2 with forward secrecy does.
func helloFor(domain string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{ServerName: domain, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}
}

var errNotYet = errors.New("there is no certificate yet")

// Get has the form of tls.Config.GetCertificate. Clients that name no domain of
// ours get the certificate of the first.
func (a *authority) Get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto}) { // the authority's question (RFC 8737)
		return a.manager.GetCertificate(hello)
	}
	domain := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	ready, ours := a.ready[domain]
	if !ours {
		domain = a.domains[0]
		ready = a.ready[domain]
	}
	if !ready.Load() {
		return nil, errNotYet
	}
	return a.manager.GetCertificate(helloFor(domain))
}

// offer adds the protocol of ACME's challenge to those of a listener.
func (a *authority) offer(protocols []string) []string {
	return append(slices.Clip(protocols), acme.ALPNProto)
}
