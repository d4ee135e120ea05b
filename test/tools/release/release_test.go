package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var moment = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// TestArchive: archives hold what they were given, and of the same files, whenever they
// were written, they are the same bytes.
func TestArchive(t *testing.T) {
	dir := t.TempDir()
	program, text := filepath.Join(dir, "p"), filepath.Join(dir, "t")
	files := []file{{"weir-v1/weir", program, true}, {"weir-v1/LICENSE", text, false}}
	for _, c := range []struct {
		name, ending string
		zipped       bool
		read         func(*testing.T, []byte) map[string]string
	}{{"tar", ".tar.gz", false, untar}, {"zip", ".zip", true, unzip}} {
		t.Run(c.name, func(t *testing.T) {
			var made [2][]byte
			for i := range made {
				for _, f := range []string{program, text} {
					write(t, f, "the content of "+filepath.Base(f))
					age := time.Now().Add(-time.Duration(i) * time.Hour)
					if err := os.Chtimes(f, age, age); err != nil {
						t.Fatal(err)
					}
				}
				base := filepath.Join(dir, c.name+string(rune('0'+i)))
				if err := archive(base, c.zipped, files, moment); err != nil {
					t.Fatal(err)
				}
				made[i] = read(t, base+c.ending)
			}
			if !bytes.Equal(made[0], made[1]) {
				t.Error("the same files make other bytes")
			}
			got := c.read(t, made[0])
			if len(got) != 2 || got["weir-v1/weir -rwxr-xr-x"] != "the content of p" || got["weir-v1/LICENSE -rw-r--r--"] != "the content of t" {
				t.Errorf("the archive has %q", got)
			}
		})
	}
}

func untar(t *testing.T, b []byte) map[string]string {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	all, r := map[string]string{}, tar.NewReader(z)
	for h, err := r.Next(); err == nil; h, err = r.Next() {
		text, _ := io.ReadAll(r)
		if all[h.Name+" "+h.FileInfo().Mode().String()] = string(text); !h.ModTime.Equal(moment) {
			t.Errorf("%s is of %v", h.Name, h.ModTime)
		}
	}
	return all
}

func unzip(t *testing.T, b []byte) map[string]string {
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range r.File {
		opened, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(opened)
		if all[f.Name+" "+f.Mode().String()] = string(text); !f.Modified.Equal(moment) {
			t.Errorf("%s is of %v", f.Name, f.Modified)
		}
	}
	return all
}

// TestComponents lists what is in this test, which is a Go program with few modules.
func TestComponents(t *testing.T) {
	t.Chdir(filepath.Join("..", "..", ".."))
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "list.json")
	if err := writeComponents(path, program, "v1.2.3", moment); err != nil {
		t.Fatal(err)
	}
	var list components
	if err := json.Unmarshal(read(t, path), &list); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, c := range list.Components {
		found[c.Name] = c.PURL + " " + c.Licences[0].Licence.ID
	}
	if got := found["hls.js"]; !strings.HasPrefix(got, "pkg:npm/hls.js@") || !strings.HasSuffix(got, "Apache-2.0") {
		t.Errorf("hls.js is %q", got)
	}
	if got := found["Go standard library"]; !strings.HasPrefix(got, "pkg:golang/std@1.") || !strings.HasSuffix(got, "BSD-3-Clause") {
		t.Errorf("Go is %q", got)
	}
	sum := sha256.Sum256(read(t, program))
	if got := list.Metadata.Component.Hashes[0].Content; got != hex.EncodeToString(sum[:]) {
		t.Errorf("the program has the hash %s", got)
	}
}

// TestRunRefuses what would mix versions or make nothing.
func TestRunRefuses(t *testing.T) {
	full := t.TempDir()
	write(t, filepath.Join(full, "old"), "x")
	t.Setenv("SOURCE_DATE_EPOCH", "1")
	for name, c := range map[string]struct{ version, out, only string }{
		"no version": {"", t.TempDir(), ""}, "a version that is a path": {"../v1", t.TempDir(), ""},
		"a folder that is used": {"v1", full, ""}, "no such system": {"v1", t.TempDir(), "plan9-amd64"},
	} {
		if err := run(t.Context(), c.version, c.out, c.only); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestSums: sha256sum understands them.
func TestSums(t *testing.T) {
	out := t.TempDir()
	write(t, filepath.Join(out, "a"), "abc")
	if err := writeSums(out); err != nil {
		t.Fatal(err)
	}
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n"
	if got := string(read(t, filepath.Join(out, "SHA256SUMS"))); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
