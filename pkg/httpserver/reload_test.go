package httpserver

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// WriteCertificate writes cert.pem and key.pem for this name.
func WriteCertificate(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		Subject:      pkix.Name{CommonName: name},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	writeFile(t, filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

func writeFile(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCertificateReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		chain, key := dir+"/cert.pem", dir+"/key.pem"
		install := func(name string) { WriteCertificate(t, dir, name) }
		install("a")
		var log bytes.Buffer
		c, err := loadCertificate(chain, key, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		serves := func(want, when string) {
			t.Helper()
			got, err := c.get(nil)
			if err != nil {
				t.Fatal(err)
			}
			if name := got.Leaf.Subject.CommonName; name != want {
				t.Errorf("%s: serves %q, want %q", when, name, want)
			}
		}
		serves("a", "at the start")
		install("b")
		serves("a", "before the files are looked at again")
		time.Sleep(recheck)
		serves("b", "after a change")

		writeFile(t, key, []byte("broken"))
		for range 3 {
			time.Sleep(recheck)
			serves("b", "with a broken key")
		}
		if err := os.Remove(key); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			time.Sleep(recheck)
			serves("b", "with a missing key")
		}
		if n := strings.Count(log.String(), "not reloaded"); n != 2 {
			t.Errorf("two faults are in the log %d times:\n%s", n, &log)
		}
		install("a")
		time.Sleep(recheck)
		serves("a", "after the repair")
	})
}
