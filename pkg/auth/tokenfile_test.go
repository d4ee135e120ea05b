package auth

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLoadTokenMakes: the first call makes the file, in a folder that is made too, for
// nobody else to read; later ones return the same.
func TestLoadTokenMakes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	file := filepath.Join(dir, "token")
	first, err := LoadToken(file)
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadToken(file)
	if err != nil || again != first || len(first) < 22 {
		t.Errorf("%q, then %q, %v", first, again, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("%v, %v: more than the file is left", list, err)
	}
	if other, err := LoadToken(filepath.Join(dir, "other")); err != nil || other == first {
		t.Errorf("another file: %q, %v", other, err)
	}
}

func TestLoadTokenReads(t *testing.T) {
	for _, test := range []struct{ name, text, want, problem string }{
		{"as it is", "0123456789abcdef", "0123456789abcdef", ""},
		{"with the end of a line", "0123456789abcdef\r\n", "0123456789abcdef", ""},
		{"every sign", "AZaz09-._~+/AZaz09==\n", "AZaz09-._~+/AZaz09==", ""},
		{"longest", strings.Repeat("x", maxFileToken) + "\r\n", strings.Repeat("x", maxFileToken), ""},
		{"too long", strings.Repeat("x", maxFileToken+1), "", "more than 1024 bytes"},
		{"much too long", strings.Repeat("x", 1<<20), "", "more than 1024 bytes"},
		{"empty", "", "", "holds no token"},
		{"blank", " \n\n", "", "holds no token"},
		{"short", "0123456789abcde\n", "", "has 15 bytes, at least 16"},
		{"two lines", "0123456789abcdef\n0123456789abcdef\n", "", "a sign that cannot be sent"},
		{"not ASCII", "0123456789abcdefé", "", "a sign that cannot be sent"},
		{"a byte of zero", "0123456789abcdef\x00", "", "a sign that cannot be sent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(file, []byte(test.text), 0o640); err != nil {
				t.Fatal(err)
			}
			got, err := LoadToken(file)
			if got != test.want || (err == nil) != (test.problem == "") {
				t.Fatalf("%q, %v", got, err)
			}
			if err != nil && (!strings.Contains(err.Error(), test.problem) || !strings.Contains(err.Error(), file)) {
				t.Errorf("%v, want %q and the file's name", err, test.problem)
			}
			if err != nil && strings.Contains(err.Error(), "0123456789") {
				t.Errorf("the error holds the token: %v", err)
			}
			kept, err := os.ReadFile(file)
			if err != nil || string(kept) != test.text {
				t.Errorf("the file has changed: %v", err)
			}
		})
	}
}

// TestLoadTokenFails: what is no file, and what cannot be written.
func TestLoadTokenFails(t *testing.T) {
	dir := t.TempDir()
	if token, err := LoadToken(dir); err == nil {
		t.Errorf("a folder gave %q", token)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if token, err := LoadToken(filepath.Join(file, "token")); err == nil {
		t.Errorf("a folder that is a file gave %q", token)
	}
}
