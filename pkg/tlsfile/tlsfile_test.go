package tlsfile

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/pkg/tlsfile/tlsfiletest"
)

func TestCertificateReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var chain, key string
		install := func(name string) { chain, key = tlsfiletest.Write(t, dir, name) }
		install("a")
		var log bytes.Buffer
		c, err := Load(chain, key, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		serves := func(want, when string) {
			t.Helper()
			got, err := c.Get(nil)
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

		if err := os.WriteFile(key, []byte("broken"), 0o600); err != nil {
			t.Fatal(err)
		}
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
