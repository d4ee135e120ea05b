package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTokenFile: the token is made at the first start, lets in whoever read its file,
// is the same after a restart, and is in no banner.
func TestTokenFile(t *testing.T) {
	data := t.TempDir()
	configure := func(s *settings) { s.auth.TokenFile, s.data.Dir, s.auth.Loopback = "token", data, false }
	var before string
	for range 2 {
		s := startServer(t, configure)
		text, err := os.ReadFile(filepath.Join(data, "token"))
		if err != nil {
			t.Fatal(err)
		}
		token := strings.TrimSpace(string(text))
		for given, status := range map[string]int{token: http.StatusOK, token + "x": http.StatusUnauthorized} {
			response, _ := s.rawRequest(t, requestLine("GET", "/metrics", "127.0.0.1", "Authorization: Bearer "+given+"\r\n"))
			if response.StatusCode != status {
				t.Errorf("%q is answered %s, want %d", given, response.Status, status)
			}
		}
		var banner bytes.Buffer
		s.printBanner(&banner)
		if strings.Contains(banner.String(), token) || !strings.Contains(banner.String(), filepath.Join(data, "token")) {
			t.Errorf("the banner is\n%s", banner.String())
		}
		if before != "" && token != before {
			t.Error("another token after the restart")
		}
		before = token
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTokenFileFails: weir does not start with a token that everybody could guess, or
// that it cannot keep.
func TestTokenFileFails(t *testing.T) {
	dir := t.TempDir()
	short := filepath.Join(dir, "short")
	if err := os.WriteFile(short, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{short, filepath.Join(short, "token")} {
		s := defaultSettings()
		s.auth.TokenFile = file
		if a, err := newApp(s, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "auth.token_file: ") {
			t.Errorf("%s: %v, %v", file, a, err)
		}
	}
}
