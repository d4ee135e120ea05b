package api

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/config"
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

func TestConfigKeys(t *testing.T) {
	o := fixture(t)
	w := ask(New(o), "GET", "/api/v1/config/keys")
	var got ConfigKeys
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || got.ETag != `"one"` || len(got.Keys) != 2 {
		t.Fatalf("%d %v %s", w.Code, err, w.Body)
	}
	if want, _ := o.ConfigKeys(); !reflect.DeepEqual(got.Keys, want) {
		t.Errorf("%+v, want %+v", got.Keys, want)
	}
	o.ConfigKeys = func() ([]config.Key, error) { return nil, errors.New("the disk is on fire") }
	if w := ask(New(o), "GET", "/api/v1/config/keys"); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "fire") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
