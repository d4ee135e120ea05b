package tlscert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/config"
)

const (
	// goodFor is less than the 398 days that browsers allow at most. renewBefore is
	// what operators have to notice that there is another certificate.
	goodFor     = 365 * 24 * time.Hour
	renewBefore = 30 * 24 * time.Hour
	// backdate lets clients in whose clock is a little slow.
	backdate = time.Hour
	// maxNames bounds the addresses of the machine that the certificate names:
	// hosts of containers have hundreds.
	maxNames = 64
)

// selfSigned is a certificate that the server made. It is kept in two files, and
// another is made when it is near its end. Safe for concurrent use.
type selfSigned struct {
	files [2]string // certificate and key, PEM
	log   *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	retry   time.Time // nothing is made before, after a failure
}

// loadSelfSigned reads the certificate from dir, or makes it.
func loadSelfSigned(dir string, log *slog.Logger) (*selfSigned, error) {
	s := &selfSigned{
		files: [2]string{filepath.Join(dir, "self-signed.pem"), filepath.Join(dir, "self-signed-key.pem")}, log: log,
	}
	pair, err := tls.LoadX509KeyPair(s.files[0], s.files[1])
	switch {
	case err == nil && !nearEnd(pair.Leaf):
		s.current = &pair
		return s, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		log.Warn("self-signed certificate cannot be used", slog.String("file", s.files[0]), slog.String("error", err.Error()))
	}
	if err := s.renew(); err != nil {
		return nil, err
	}
	return s, nil
}

func nearEnd(leaf *x509.Certificate) bool { return time.Until(leaf.NotAfter) < renewBefore }

// Get has the form of tls.Config.GetCertificate.
func (s *selfSigned) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if nearEnd(s.current.Leaf) && !time.Now().Before(s.retry) {
		if err := s.renew(); err != nil {
			s.retry = time.Now().Add(time.Hour)
			s.log.Error("tls.self_signed: no new certificate", slog.String("error", err.Error()))
		}
	}
	return s.current, nil
}

func (s *selfSigned) fingerprint() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Fingerprint(s.current.Certificate[0])
}

// renew makes a certificate and key and writes them.
func (s *selfSigned) renew() error {
	certificate, key, err := makeSelfSigned(hostNames())
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.files[0]), 0o700); err != nil {
		return fmt.Errorf("%w; data.dir says where to write", err)
	}
	for i, text := range [][]byte{certificate, key} {
		if err := config.WriteFile(s.files[i], text); err != nil {
			return fmt.Errorf("%w; data.dir says where to write", err)
		}
	}
	s.current = &pair
	s.log.Info("self-signed certificate made", slog.String("file", s.files[0]),
		slog.String("sha256", Fingerprint(pair.Certificate[0])), slog.Time("until", pair.Leaf.NotAfter))
	return nil
}

// makeSelfSigned returns a certificate for names and addresses, and its key, in
// PEM. It is no authority: whoever trusts it trusts nothing else by it.
func makeSelfSigned(names []string, addresses []net.IP) (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // RFC 5280, 4.1.2.2: positive, 20 bytes at most
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Organization: []string{"weir, self-signed"}, CommonName: names[0]},
		NotBefore:    now.Add(-backdate), NotAfter: now.Add(goodFor),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              names, IPAddresses: addresses,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}

// hostNames returns how clients may call this machine. What the system does not
// tell is left out.
func hostNames() (names []string, addresses []net.IP) {
	names = []string{"localhost"}
	if name, err := os.Hostname(); err == nil && isDomain("x."+strings.ToLower(name)) {
		names = append(names, strings.ToLower(name))
	}
	addresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return names, addresses
	}
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if !ok || !n.IP.IsGlobalUnicast() || slices.ContainsFunc(addresses, n.IP.Equal) {
			continue
		}
		if addresses = append(addresses, n.IP); len(addresses) == maxNames {
			break
		}
	}
	return names, addresses
}
