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

var someKeys = []config.Key{
	{Key: "log.level", Type: config.TypeText, Value: "warn", Default: "info", SetBy: "weir.yaml:2:3", Live: true, Help: "What is written.", Variable: "WEIR_LOG_LEVEL"},
	{Key: "auth.users", Type: config.TypeGroups, Value: "[]", Default: "[]", Secret: true, Help: "Who.", Items: []config.Key{
		{Key: "auth.users[].password", Type: config.TypeSecret, Secret: true, Help: "A hash.", Example: "x"},
	}},
}

func TestConfigKeys(t *testing.T) {
	o := fixture(t)
	f := o.Configuration.(*configuration)
	w := ask(New(o), "GET", "/api/v1/config/keys")
	var got ConfigKeys
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || got.ETag != f.etag() || !reflect.DeepEqual(got.Keys, f.keys) {
		t.Fatalf("%d %v %s", w.Code, err, w.Body)
	}
	f.err = errors.New("the disk is on fire")
	if w := ask(New(o), "GET", "/api/v1/config/keys"); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "fire") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
