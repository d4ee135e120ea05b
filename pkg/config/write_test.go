package config

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestWriteFile: the file is there as a whole and for its owner alone, and nothing is
// left of an attempt that failed.
func TestWriteFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	file := filepath.Join(dir, "a.yaml")
	for _, text := range []string{"first, which is longer", "second"} {
		if err := WriteFile(file, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("%v, %v", info, err)
	}
	if err := WriteFile(filepath.Join(file, "b"), nil); err == nil {
		t.Error("a file is taken for a folder")
	}
	if err := os.Mkdir(filepath.Join(dir, "c"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "c"), nil); err == nil {
		t.Error("a folder is replaced")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%v are there, %v", entries, err)
	}
}
