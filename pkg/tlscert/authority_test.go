package tlscert

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/weirmedia/weir/pkg/config"
)

// testAuthority is a certificate authority that speaks ACME (RFC 8555) as far as
// one client with one order at a time needs it. It checks signatures, nonces and
// challenges.
type testAuthority struct {
	*httptest.Server
	t     *testing.T
	key   *ecdsa.PrivateKey
	offer []string // types of challenges
	// dialTLS and getHTTP lead to the domain's ports 443 and 80.
	dialTLS func() (net.Conn, error)
	getHTTP func(path, host string) (string, error)

	mu       sync.Mutex
	nonces   map[string]bool
	account  *jose.JSONWebKey
	domain   string
	valid    bool // the challenge was met
	failed   bool
	issued   []byte
	orders   int
	answered []string // types of challenges that were met
}

func newTestAuthority(t *testing.T, offer ...string) *testAuthority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &testAuthority{t: t, key: key, offer: offer, nonces: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /directory", a.directory)
	mux.HandleFunc("HEAD /nonce", func(w http.ResponseWriter, _ *http.Request) { a.nonce(w) })
	for path, answer := range map[string]func(payload []byte) (int, any){
		"/account": a.newAccount, "/order": a.newOrder, "/order/1": a.order, "/authz/1": a.authorization,
		"/challenge/tls-alpn-01": a.challenge("tls-alpn-01"), "/challenge/http-01": a.challenge("http-01"), "/finalize/1": a.finalize,
	} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, answer) })
	}
	mux.HandleFunc("POST /certificate/1", func(w http.ResponseWriter, _ *http.Request) { w.Write(a.issued) })
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Server.Close)
	return a
}

func (a *testAuthority) directory(w http.ResponseWriter, _ *http.Request) {
	json.NewEncoder(w).Encode(map[string]any{
		"newNonce": a.URL + "/nonce", "newAccount": a.URL + "/account", "newOrder": a.URL + "/order",
		"meta": map[string]any{"termsOfService": a.URL + "/terms"},
	})
}

func (a *testAuthority) nonce(w http.ResponseWriter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := rand.Text()
	a.nonces[n] = true
	w.Header().Set("Replay-Nonce", n)
}

// serve checks the signature of a request (6.2) and answers it.
func (a *testAuthority) serve(w http.ResponseWriter, r *http.Request, answer func([]byte) (int, any)) {
	a.nonce(w)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	payload, err := a.verify(body)
	status, out := http.StatusBadRequest, any(map[string]any{"type": "urn:ietf:params:acme:error:malformed", "detail": fmt.Sprint(err)})
	if err == nil {
		a.mu.Lock()
		status, out = answer(payload)
		a.mu.Unlock()
	}
	switch r.URL.Path {
	case "/account":
		w.Header().Set("Location", a.URL+"/account/1")
	case "/order", "/order/1", "/finalize/1":
		w.Header().Set("Location", a.URL+"/order/1")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(out)
}

func (a *testAuthority) verify(body []byte) ([]byte, error) {
	signed, err := jose.ParseSigned(string(body), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	header := signed.Signatures[0].Protected
	if !a.nonces[header.Nonce] {
		return nil, fmt.Errorf("nonce %q", header.Nonce)
	}
	delete(a.nonces, header.Nonce)
	if header.JSONWebKey != nil {
		a.account = header.JSONWebKey
	}
	return signed.Verify(a.account)
}

func (a *testAuthority) newAccount(payload []byte) (int, any) {
	var q struct {
		Agreed bool     `json:"termsOfServiceAgreed"`
		Mail   []string `json:"contact"`
	}
	if err := json.Unmarshal(payload, &q); err != nil || !q.Agreed || !slices.Equal(q.Mail, []string{"mailto:ops@example.org"}) {
		a.t.Errorf("account %s, %v", payload, err)
	}
	return http.StatusCreated, map[string]any{"status": "valid"}
}

func (a *testAuthority) newOrder(payload []byte) (int, any) {
	var q struct {
		Identifiers []struct{ Type, Value string } `json:"identifiers"`
	}
	if err := json.Unmarshal(payload, &q); err != nil || len(q.Identifiers) != 1 {
		a.t.Errorf("order %s, %v", payload, err)
		return http.StatusBadRequest, nil
	}
	a.domain, a.valid, a.failed, a.issued = q.Identifiers[0].Value, false, false, nil
	a.orders++
	_, order := a.order(nil)
	return http.StatusCreated, order
}

func (a *testAuthority) order([]byte) (int, any) {
	status := "pending"
	switch {
	case a.issued != nil:
		status = "valid"
	case a.valid:
		status = "ready"
	case a.failed:
		status = "invalid"
	}
	return http.StatusOK, map[string]any{
		"status": status, "identifiers": []any{map[string]any{"type": "dns", "value": a.domain}},
		"authorizations": []string{a.URL + "/authz/1"}, "finalize": a.URL + "/finalize/1", "certificate": a.URL + "/certificate/1",
	}
}

func (a *testAuthority) authorization([]byte) (int, any) {
	status := "pending"
	switch {
	case a.valid:
		status = "valid"
	case a.failed:
		status = "invalid"
	}
	var challenges []any
	for _, kind := range a.offer {
		challenges = append(challenges, a.describe(kind))
	}
	return http.StatusOK, map[string]any{
		"status": status, "identifier": map[string]any{"type": "dns", "value": a.domain}, "challenges": challenges,
	}
}

func (a *testAuthority) describe(kind string) any {
	return map[string]any{"type": kind, "url": a.URL + "/challenge/" + kind, "token": "token-of-" + kind, "status": "pending"}
}

// challenge checks at the domain what was agreed on.
func (a *testAuthority) challenge(kind string) func([]byte) (int, any) {
	return func([]byte) (int, any) {
		thumb, err := a.account.Thumbprint(crypto.SHA256)
		if err != nil {
			a.t.Error(err)
		}
		want := "token-of-" + kind + "." + base64.RawURLEncoding.EncodeToString(thumb) // 8.1
		if kind == "http-01" {
			err = a.checkHTTP(want)
		} else {
			err = a.checkTLS(want)
		}
		if a.valid, a.failed = err == nil, err != nil; a.valid {
			a.answered = append(a.answered, kind)
		}
		return http.StatusOK, a.describe(kind)
	}
}

func (a *testAuthority) checkHTTP(want string) error {
	got, err := a.getHTTP("/.well-known/acme-challenge/token-of-http-01", a.domain)
	if err == nil && got != want {
		err = fmt.Errorf("got %q", got)
	}
	return err
}

// checkTLS is RFC 8737, 3.
func (a *testAuthority) checkTLS(want string) error {
	conn, err := a.dialTLS()
	if err != nil {
		return err
	}
	defer conn.Close()
	c := tls.Client(conn, &tls.Config{ServerName: a.domain, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true})
	if err := c.HandshakeContext(context.Background()); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(want))
	text, err := asn1.Marshal(sum[:])
	if err != nil {
		return err
	}
	for _, x := range c.ConnectionState().PeerCertificates[0].Extensions {
		if x.Id.String() == "1.3.6.1.5.5.7.1.31" && x.Critical && bytes.Equal(x.Value, text) {
			return nil
		}
	}
	return fmt.Errorf("no such extension")
}

func (a *testAuthority) finalize(payload []byte) (int, any) {
	var q struct {
		CSR string `json:"csr"`
	}
	err := json.Unmarshal(payload, &q)
	der, err2 := base64.RawURLEncoding.DecodeString(q.CSR)
	request, err3 := x509.ParseCertificateRequest(der)
	if err != nil || err2 != nil || err3 != nil || !a.valid || !slices.Equal(request.DNSNames, []string{a.domain}) {
		a.t.Errorf("finalize %s", payload)
		return http.StatusBadRequest, nil
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(a.orders)), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
		DNSNames: request.DNSNames, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leaf, err := x509.CreateCertificate(rand.Reader, template, a.root(), request.PublicKey, a.key)
	if err != nil {
		a.t.Error(err)
	}
	a.issued = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf})
	_, order := a.order(nil)
	return http.StatusOK, order
}

func (a *testAuthority) root() *x509.Certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return root
}

// trusting returns what a client needs to trust the authority.
func (a *testAuthority) trusting(name string) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(a.root())
	return &tls.Config{RootCAs: roots, ServerName: name}
}

// provider returns one that has its certificates for domains from a, in dir.
func (a *testAuthority) provider(t *testing.T, dir string, domains ...string) *Provider {
	t.Helper()
	c := NewConfig()
	c.ACMEDomains, c.ACMEEmail, c.ACMEDirectory, c.ACMEAcceptTerms = domains, "ops@example.org", config.WebURL(a.URL+"/directory"), true
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := New(c, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// TestACME: certificates come by either challenge, one for each domain, and are
// kept: the next start asks nobody.
func TestACME(t *testing.T) {
	for _, kind := range []string{"tls-alpn-01", "http-01"} {
		t.Run(kind, func(t *testing.T) {
			a, dir := newTestAuthority(t, kind), t.TempDir()
			p := a.provider(t, dir, "media.example.org", "live.example.org")
			https, err := p.Server(Listener{Address: ":1", Default: ":1", Protocols: []string{"http/1.1"}})
			if err != nil {
				t.Fatal(err)
			}
			a.reach(https, p.Challenge())
			if c, err := https.GetCertificate(&tls.ClientHelloInfo{ServerName: "media.example.org"}); err == nil {
				t.Errorf("before it was started: %v", c.Leaf.Subject)
			}
			if !p.acme.obtain() || a.orders != 2 || !slices.Equal(a.answered, []string{kind, kind}) {
				t.Fatalf("%d orders, challenges %v", a.orders, a.answered)
			}
			rtmps, err := p.Server(Listener{Address: ":1", Default: ":1"})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []*tls.Config{https, rtmps} {
				handshake(t, c, a.trusting("media.example.org"))
				handshake(t, c, a.trusting("live.example.org"))
			}
			// A client that names no domain of ours gets the first one's.
			for _, name := range []string{"", "stranger.example.net", "MEDIA.example.org."} {
				c, err := https.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
				if err != nil || c.Leaf.VerifyHostname("media.example.org") != nil {
					t.Errorf("%q: %v", name, err)
				}
			}
			again := a.provider(t, dir, "media.example.org")
			if !again.acme.obtain() || a.orders != 2 {
				t.Errorf("the next start made order %d", a.orders)
			}
		})
	}
}

// TestACMEFails: what the authority refuses is tried again, not asked for by
// handshakes.
func TestACMEFails(t *testing.T) {
	a := newTestAuthority(t, "tls-alpn-01")
	a.dialTLS = func() (net.Conn, error) { return nil, fmt.Errorf("nobody is there") }
	p := a.provider(t, t.TempDir(), "media.example.org")
	if p.acme.obtain() {
		t.Error("it has a certificate")
	}
	orders := a.orders
	for range 3 {
		if _, err := p.get(&tls.ClientHelloInfo{ServerName: "media.example.org"}); err != errNotYet {
			t.Error(err)
		}
	}
	if a.orders != orders || orders == 0 {
		t.Errorf("handshakes made orders: %d, then %d", orders, a.orders)
	}
	p.Close()
	if !p.acme.obtain() || a.orders != orders {
		t.Error("it goes on after Close")
	}
}

// reach makes the authority find the domain's servers.
func (a *testAuthority) reach(https *tls.Config, challenge http.Handler) {
	a.dialTLS = func() (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			_ = tls.Server(far, https).Handshake()
			far.Close()
		}()
		return near, nil
	}
	a.getHTTP = func(path, host string) (string, error) {
		r := httptest.NewRequest("GET", path, nil)
		r.Host = host
		w := httptest.NewRecorder()
		challenge.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			return "", fmt.Errorf("status %d", w.Code)
		}
		return strings.TrimSpace(w.Body.String()), nil
	}
}
