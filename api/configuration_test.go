package api

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/config"
)

// configuration is one that takes every change, unless err is set.
type configuration struct {
	text    string
	keys    []config.Key
	err     error
	version int
	by      string
	changes map[string]*string
}

// Effective implements Configuration.
func (f *configuration) Effective() ([]byte, string, error) { return []byte(f.text), f.etag(), f.err }

// Keys implements Configuration.
func (f *configuration) Keys() ([]config.Key, string, error) { return f.keys, f.etag(), f.err }

func (f *configuration) etag() string { return strconv.Quote(strconv.Itoa(f.version)) }

// Reload implements Configuration.
func (f *configuration) Reload(by string) (config.Change, error) {
	f.by = by
	return config.Change{Changed: []string{"log.level"}}, f.err
}

// Change implements Configuration.
func (f *configuration) Change(by string, current func(string) bool, changes map[string]*string) (config.Change, error) {
	if !current(f.etag()) {
		return config.Change{}, &ConfigError{Code: PreconditionFailed, Err: errors.New("has changed")}
	}
	if f.err != nil {
		return config.Change{}, f.err
	}
	f.version++
	f.by, f.changes = by, changes
	return config.Change{Changed: slices.Sorted(maps.Keys(changes)), Restart: []string{"rtmp.listen"}}, nil
}

func TestConfig(t *testing.T) {
	o := fixture(t)
	w := ask(New(o), "GET", "/api/v1/config")
	if w.Code != http.StatusOK || w.Body.String() != "log:\n  level: info\n" || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/yaml") || w.Header().Get("ETag") != `"0"` {
		t.Errorf("%d %s %s", w.Code, w.Header(), w.Body)
	}
	o.Configuration = &configuration{err: errors.New("the disk is on fire")}
	if w := ask(New(o), "GET", "/api/v1/config"); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "fire") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestReload(t *testing.T) {
	o := fixture(t)
	f := o.Configuration.(*configuration)
	w := ask(New(o), "POST", "/api/v1/config/reload")
	if w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != `{"changed":["log.level"],"restart":[]}` || f.by != "API from 127.0.0.1" {
		t.Errorf("%d %s by %q", w.Code, w.Body, f.by)
	}
	f.err = &ConfigError{Code: InvalidConfig, Field: "log.level", Err: errors.New("weir.yaml:1:3: log.level: must be …")}
	w = ask(New(o), "POST", "/api/v1/config/reload")
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"code":"invalid_config","message":"weir.yaml:1:3: log.level: must be …","field":"log.level"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestChangeConfig(t *testing.T) {
	o := fixture(t)
	f := o.Configuration.(*configuration)
	patch := func(match, body string) (int, string) {
		t.Helper()
		w := ask(New(o), "PATCH", "/api/v1/config", func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(body))
			if match != "" {
				r.Header.Set("If-Match", match)
			}
		})
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	const good = `{"changes": {"hls.window": "8", "log.level": null}}`
	if code, body := patch("", good); code != http.StatusPreconditionRequired {
		t.Errorf("%d %s", code, body)
	}
	if code, body := patch(`"1"`, good); code != http.StatusPreconditionFailed {
		t.Errorf("%d %s", code, body)
	}
	for _, bad := range []string{``, `{`, `[]`, `{}`, `{"changes": {}}`, `{"changes": {"hls.window": 8}}`, `{"change": {}}`, `{"changes": {"a": "` + strings.Repeat("a", maxBody) + `"}}`} {
		if code, body := patch(`"0"`, bad); code != http.StatusBadRequest || f.version != 0 {
			t.Errorf("%.80s: %d %s", bad, code, body)
		}
	}
	code, body := patch(`"x", "0"`, good)
	if code != http.StatusOK || body != `{"changed":["hls.window","log.level"],"restart":["rtmp.listen"]}` {
		t.Errorf("%d %s", code, body)
	}
	if *f.changes["hls.window"] != "8" || f.changes["log.level"] != nil || len(f.changes) != 2 {
		t.Errorf("%v", f.changes)
	}
	if code, _ := patch(`"0"`, good); code != http.StatusPreconditionFailed {
		t.Errorf("the same version once more: %d", code)
	}
	if code, _ := patch(`*`, good); code != http.StatusOK {
		t.Errorf("any version: %d", code)
	}
	for want, err := range map[int]error{
		http.StatusConflict:            &ConfigError{Code: NeedsRestart, Field: "hls.window", Err: errors.New("by a restart only")},
		http.StatusBadRequest:          &ConfigError{Code: InvalidConfig, Field: "hls.window", Err: errors.New("too few")},
		http.StatusServiceUnavailable:  &ConfigError{Code: NotReady, Field: "hls.window", Err: errors.New("stops")},
		http.StatusInternalServerError: errors.New("the disk is full of secrets"),
	} {
		f.err = err
		if code, body := patch(f.etag(), good); code != want || strings.Contains(body, "secrets") || want != http.StatusInternalServerError && !strings.Contains(body, `"field":"hls.window"`) {
			t.Errorf("%v: %d %s", err, code, body)
		}
	}
}
