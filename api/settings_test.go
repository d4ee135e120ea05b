package api

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

func TestLogLevel(t *testing.T) {
	o := fixture(t)
	h := New(o)
	put := func(body string) int {
		return ask(h, "PUT", "/api/v1/log", func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(body)) }).Code
	}
	if code := put(`{"level":"warn"}`); code != http.StatusOK || o.LogLevel.Level() != slog.LevelWarn {
		t.Errorf("%d, %v", code, o.LogLevel)
	}
	if w := ask(h, "GET", "/api/v1/log"); strings.TrimSpace(w.Body.String()) != `{"level":"warn"}` {
		t.Errorf("%s", w.Body)
	}
	for _, bad := range []string{``, `{"level":"all"}`, `{"levels":"info"}`, `"info"`} {
		if code := put(bad); code != http.StatusBadRequest || o.LogLevel.Level() != slog.LevelWarn {
			t.Errorf("%s: %d, %v", bad, code, o.LogLevel)
		}
	}
}

func TestConfig(t *testing.T) {
	o := fixture(t)
	w := ask(New(o), "GET", "/api/v1/config")
	if w.Code != http.StatusOK || w.Body.String() != "log:\n  level: info\n" || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/yaml") {
		t.Errorf("%d %s %s", w.Code, w.Header(), w.Body)
	}
	o.Config = func() ([]byte, error) { return nil, errors.New("the disk is on fire") }
	if w := ask(New(o), "GET", "/api/v1/config"); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "fire") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
