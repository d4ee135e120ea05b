//go:build unix

package tlsfile

import (
	"crypto/tls"
	"log/slog"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/tlsfile/tlsfiletest"
)

// TestHungFile: while a file cannot be read, for a network file system gives no answer,
// handshakes go on with the certificate that there is; with the new one when it comes.
func TestHungFile(t *testing.T) {
	dir := t.TempDir()
	chain, key := tlsfiletest.Write(t, dir, "a")
	c, err := Load(chain, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	newChain, newKey := tlsfiletest.Write(t, t.TempDir(), "b")
	text, err := os.ReadFile(newChain)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{os.Rename(newKey, key), os.Remove(chain), syscall.Mkfifo(chain, 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c.checked = time.Time{}
	for range 3 {
		if name := get(t, c); name != "a" {
			t.Fatalf("serves %q", name)
		}
	}
	if err := os.WriteFile(chain, text, 0); err != nil { // whoever reads the pipe gets it
		t.Fatal(err)
	}
	for limit := time.Now().Add(patience); get(t, c) != "b"; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the new certificate is not served")
		}
	}
}

const patience = 20 * time.Second

// get returns the name of the certificate that a handshake gets.
func get(t *testing.T, c *Certificate) string {
	t.Helper()
	got := make(chan *tls.Certificate, 1)
	go func() {
		certificate, _ := c.Get(nil)
		got <- certificate
	}()
	select {
	case certificate := <-got:
		return certificate.Leaf.Subject.CommonName
	case <-time.After(patience):
		t.Fatal("a handshake waits for the file")
		return ""
	}
}
