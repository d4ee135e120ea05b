package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
)

// relays is a Relay that knows some rules and notes what it is asked.
type relays[New, Part any] struct {
	list  []RelayInfo
	added []RelayRule
	asked []any // rules, patterns and parts
	err   error // of all changes
}

var (
	somePulls = []RelayInfo{
		{Stream: "cam/2", Mode: "on_demand", State: "running", Peer: "rtsp://10.0.0.2/main", Session: "x", Since: relayed, Attempts: 1, Bitrate: 1e6},
		{Stream: "cam/1", Mode: "always", State: "waiting", Peer: "rtsp://10.0.0.1/main", Since: relayed, Attempts: 3, Error: "no route to host", FailedAt: &relayed, Next: &relayed},
	}
	relayed = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
)

// List implements Relay.
func (r *relays[New, Part]) List() []RelayInfo { return slices.Clone(r.list) }

// Rules implements Relay.
func (r *relays[New, Part]) Rules() []RelayRule {
	return append(slices.Clone(r.added), RelayRule{Streams: []string{"file/{x}"}, Peers: []string{"rtmp://a.example/{x}"}, Mode: "on_demand"})
}

// Add implements Relay.
func (r *relays[New, Part]) Add(_ string, rule New) (RelayRule, error) {
	r.asked = append(r.asked, rule)
	if r.err != nil || len(r.added) > 0 {
		return RelayRule{}, r.refuse(RuleExists)
	}
	r.added = []RelayRule{{Streams: []string{"cam/9"}, Peers: []string{"rtsp://10.0.0.9/main"}, Added: true}}
	return r.added[0], nil
}

// Remove implements Relay.
func (r *relays[New, Part]) Remove(_, pattern string) error {
	r.asked = append(r.asked, pattern)
	switch {
	case r.err != nil || pattern == "none":
		return r.refuse(RuleNotFound)
	case pattern == "file/{x}":
		return r.refuse(RuleFromFile)
	}
	r.added = nil
	return nil
}

// Stop implements Relay.
func (r *relays[New, Part]) Stop(_ string, what Part) error { return r.change(what) }

// Start implements Relay.
func (r *relays[New, Part]) Start(_ string, what Part) error { return r.change(what) }

func (r *relays[New, Part]) change(what Part) error {
	r.asked = append(r.asked, what)
	text, err := json.Marshal(what)
	switch {
	case err != nil || r.err != nil || strings.Contains(string(text), "none"):
		return r.refuse(RuleNotFound)
	case strings.Contains(string(text), "//b"):
		return r.refuse(string(reason.BadName))
	}
	return nil
}

// refuse returns err, or an error with a code.
func (r *relays[New, Part]) refuse(code string) error {
	if r.err != nil {
		return r.err
	}
	return &ConfigError{Code: code, Field: "stream", Err: errors.New("no")}
}

// TestRelay: both lists are there, in order, also if they are empty, with the rules.
func TestRelay(t *testing.T) {
	h := New(fixture(t))
	var pulls struct {
		Pulls []RelayInfo
		Rules []RelayRule
	}
	w := ask(h, "GET", "/api/v1/pulls")
	if err := json.Unmarshal(w.Body.Bytes(), &pulls); err != nil || len(pulls.Pulls) != 2 || pulls.Pulls[0].Stream != "cam/1" || pulls.Pulls[0].Next == nil || pulls.Pulls[1].Bitrate != 1e6 || len(pulls.Rules) != 1 {
		t.Errorf("%v %s", err, w.Body)
	}
	if w := ask(h, "GET", "/api/v1/forwards"); !strings.HasPrefix(w.Body.String(), `{"forwards":[],"rules":[{`) {
		t.Errorf("%s", w.Body)
	}
}

// post returns a request's answer to a body.
func post(h http.Handler, target, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Host, r.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:9"
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestRelayChanges: what is asked for arrives as it is, each change leaves a line in
// the log without what the body says, and errors name the field.
func TestRelayChanges(t *testing.T) {
	o := fixture(t)
	pulls, forwards := o.Pulls.(*relays[NewPull, StreamOfPull]), o.Forwards.(*relays[NewForward, StreamOfForward])
	var log strings.Builder
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	h := New(o)
	post(h, "/api/v1/pulls", `{"stream": "cam/{x}", "sources": ["rtsp://u:planted@h/{x}"], "mode": "always", "retry": 2}`)
	post(h, "/api/v1/pulls/stop", `{"stream": "cam/1"}`)
	post(h, "/api/v1/forwards/start", `{"stream": "a", "target": "rtmp://h/a"}`)
	ask(h, "DELETE", "/api/v1/forwards/live/%7Bx%7D/*")
	if p := pulls.asked[0].(NewPull); p.Stream != "cam/{x}" || p.Sources[0] != "rtsp://u:planted@h/{x}" || p.Mode != "always" || p.Retry != 2 || pulls.asked[1] != (StreamOfPull{"cam/1"}) {
		t.Errorf("%v", pulls.asked)
	}
	if forwards.asked[0] != (StreamOfForward{"a", "rtmp://h/a"}) || forwards.asked[1] != "live/{x}/*" {
		t.Errorf("%v", forwards.asked)
	}
	if text := log.String(); strings.Count(text, "API request") != 4 || strings.Contains(text, "planted") || !strings.Contains(text, "path=/api/v1/pulls/stop status=204") {
		t.Error(text)
	}
	if w := post(h, "/api/v1/pulls/stop", `{"stream": "none"}`); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), `"code":"rule_not_found"`) || !strings.Contains(w.Body.String(), `"field":"stream"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	n := len(pulls.asked)
	for _, body := range []string{"", "[]", `{"stream": 7}`, `{"stream": "a", "target": "b"}`, `{"stream": "` + strings.Repeat("x", maxBody) + `"}`} {
		if w := post(h, "/api/v1/pulls/stop", body); w.Code != http.StatusBadRequest {
			t.Errorf("%.40s: %d %s", body, w.Code, w.Body)
		}
	}
	if len(pulls.asked) != n {
		t.Error("a body that makes no sense was obeyed")
	}
}

// TestRelayAccess: who may not use the API changes nothing, nor does a page of
// another origin.
func TestRelayAccess(t *testing.T) {
	o := fixture(t)
	pulls := o.Pulls.(*relays[NewPull, StreamOfPull])
	h := New(o)
	elsewhere := func(r *http.Request) { r.RemoteAddr, r.Host = "192.0.2.1:9", "weir.example" }
	foreign := func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }
	token := func(r *http.Request) { r.Header.Set("Authorization", "Bearer good") }
	const body = `{"stream": "cam/1"}`
	for _, target := range []string{"/api/v1/pulls", "/api/v1/pulls/stop", "/api/v1/pulls/start"} {
		if w := post(h, target, body, elsewhere); w.Code != http.StatusUnauthorized {
			t.Errorf("%s from elsewhere: %d", target, w.Code)
		}
		if w := post(h, target, body, foreign); w.Code != http.StatusForbidden {
			t.Errorf("%s by a foreign page: %d", target, w.Code)
		}
	}
	if w := ask(h, "DELETE", "/api/v1/pulls/cam/1", elsewhere); w.Code != http.StatusUnauthorized {
		t.Errorf("%d", w.Code)
	}
	if len(pulls.asked) != 0 {
		t.Errorf("%v", pulls.asked)
	}
	if w := post(h, "/api/v1/pulls/stop", body, elsewhere, token); w.Code != http.StatusNoContent {
		t.Errorf("with a token: %d %s", w.Code, w.Body)
	}
	for _, r := range o.Authorizer.(*authorizer).asked {
		if r.Action != auth.API {
			t.Errorf("asked for %s", r.Action)
		}
	}
}
