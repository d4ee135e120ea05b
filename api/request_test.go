package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

// TestRequestID: an answer says how its request is called, as the client called it if
// that can be written anywhere; an error says so too, the guard's as well.
func TestRequestID(t *testing.T) {
	h := New(fixture(t))
	for given, kept := range map[string]bool{
		"": false, "a": true, "0af7651916cd43dd8448eb211c80319c": true, "x:1/2=\"'<>{}": true, strings.Repeat("x", maxRequestID): true,
		strings.Repeat("x", maxRequestID+1): false, "two words": false, "tab\there": false, "line\nbreak": false, "caf\u00e9": false, "\x7f": false,
	} {
		for _, target := range []string{"/api/v1/info", "/api/v1/sessions/x", "/api/v1/info?token=bad"} {
			w := ask(h, "GET", target, func(r *http.Request) {
				r.Header["X-Request-Id"] = []string{given}
				if strings.HasSuffix(target, "bad") {
					r.RemoteAddr = "192.0.2.9:1"
				}
			})
			id := w.Header().Get("X-Request-Id")
			if kept && id != given || !kept && (id == given || len(id) != 12) {
				t.Errorf("%q becomes %q", given, id)
			}
			var no struct {
				Error struct {
					RequestID string `json:"request_id"`
				}
			}
			if err := json.Unmarshal(w.Body.Bytes(), &no); err != nil || (w.Code >= 400) != (no.Error.RequestID == id) {
				t.Errorf("%s: %d %s", target, w.Code, w.Body)
			}
		}
	}
}

// TestAudit: one line for each request that may change something, by whomever and
// with whatever outcome, and none for the others.
func TestAudit(t *testing.T) {
	var log bytes.Buffer
	o := fixture(t)
	o.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	o.Authorizer = &knowing{}
	publisher := o.Streams()[0].Publisher.Session
	h := New(o)
	for _, c := range []struct {
		method, target, body string
		far                  bool
		want                 string // remote, user, method, path, status, code
	}{
		{"DELETE", "/api/v1/sessions/" + publisher + "?token=secret", "", true, "192.0.2.9:1 ann DELETE /api/v1/sessions/" + publisher + " 204 "},
		{"DELETE", "/api/v1/sessions/none", "", false, "127.0.0.1:50000  DELETE /api/v1/sessions/none 404 session_not_found"},
		{"DELETE", "/api/v1/streams/live%0Agone", "", false, "127.0.0.1:50000  DELETE /api/v1/streams/live\ngone 400 bad_name"},
		{"PUT", "/api/v1/log", `{"level":"debug"}`, false, "127.0.0.1:50000  PUT /api/v1/log 200 "},
		{"PUT", "/api/v1/log", `{}`, false, "127.0.0.1:50000  PUT /api/v1/log 400 bad_request"},
		{"GET", "/api/v1/sessions", "", false, ""},
		{"GET", "/api/v1/sessions/none", "", false, ""},
		{"HEAD", "/api/v1/info", "", false, ""},
		{"POST", explainPath, `{"stream":"live/test"}`, false, ""},
		{"POST", "/api/v1/info", "", false, ""}, // nothing takes it
		{"DELETE", "/api/v2/x", "", false, ""},
	} {
		log.Reset()
		ask(h, c.method, c.target, func(r *http.Request) {
			r.Header.Set("X-Request-Id", "r1")
			r.Body = io.NopCloser(strings.NewReader(c.body))
			if c.far {
				r.RemoteAddr = "192.0.2.9:1"
			}
		})
		var got string
		for line := range strings.Lines(log.String()) {
			var l struct {
				Msg, Remote, User, Method, Path, Code string
				RequestID                             string `json:"request_id"`
				Status                                int
			}
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatal(err)
			}
			if l.Msg != "API request" {
				continue
			}
			if got != "" || l.RequestID != "r1" {
				t.Errorf("%s %s: %s", c.method, c.target, log.String())
			}
			got = fmt.Sprint(l.Remote, " ", l.User, " ", l.Method, " ", l.Path, " ", l.Status, " ", l.Code)
		}
		if got != c.want {
			t.Errorf("%s %s: %q, want %q", c.method, c.target, got, c.want)
		}
		if strings.Contains(log.String(), "secret") {
			t.Errorf("a token is logged: %s", log.String())
		}
	}
}

// TestAuditOfSilence: the line that says that less is logged is not the first to be
// missing.
func TestAuditOfSilence(t *testing.T) {
	var log bytes.Buffer
	o := fixture(t)
	o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: o.LogLevel}))
	h := New(o)
	set := func(level string) string {
		log.Reset()
		ask(h, "PUT", "/api/v1/log", func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(`{"level":"` + level + `"}`))
		})
		return log.String()
	}
	for _, level := range []string{"error", "debug"} {
		if text := set(level); strings.Count(text, "log level set") != 1 {
			t.Errorf("%s: %q", level, text)
		}
	}
}
