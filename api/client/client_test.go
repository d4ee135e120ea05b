package client

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/stats"
)

// TestClient: what the client asks for is what the API does.
func TestClient(t *testing.T) {
	sessions := session.NewRegistry(session.Options{})
	killed := map[string]bool{}
	open := func(action session.Action) string {
		var s *session.Session
		s, err := sessions.Open(session.Info{Protocol: "rtmp", Action: action, Stream: "live/a b"}, func(reason.Reason) { killed[string(action)] = true })
		if err != nil {
			t.Fatal(err)
		}
		return s.ID()
	}
	publisher, player := open(session.Publish), open(session.Play)
	authorizer, err := auth.NewChain(auth.Config{}, auth.Options{ConsoleToken: "the token"})
	if err != nil {
		t.Fatal(err)
	}
	defer authorizer.Close()
	server := httptest.NewServer(api.New(api.Options{Loopback: func() bool { return true },
		Version: "v9", Sessions: sessions, Authorizer: authorizer, Remote: httpserver.New(httpserver.Options{}).Remote,
		Configuration: configuration{},
		Stats:         func(since time.Time) []stats.Sample { return []stats.Sample{{At: since.Add(time.Second)}} },
		Streams: func() []api.StreamInfo {
			return []api.StreamInfo{{Name: "live/a b", Publisher: &api.PublisherInfo{Session: publisher}}}
		},
	}))
	defer server.Close()
	c, err := New(server.URL+"/", "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := t.Context()
	if info, err := c.Info(ctx); err != nil || info.Version != "v9" {
		t.Errorf("%+v %v", info, err)
	}
	if streams, err := c.Streams(ctx); err != nil || len(streams) != 1 || streams[0].ViewersTotal != 1 {
		t.Errorf("%+v %v", streams, err)
	}
	if list, total, err := c.Sessions(ctx, url.Values{"action": {"play"}}); err != nil || total != 1 || len(list) != 1 || list[0].ID != player {
		t.Errorf("%+v %d %v", list, total, err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	for _, since := range []time.Time{at, {}} {
		if s, err := c.Stats(ctx, since); err != nil || len(s.Samples) != 1 || !s.Samples[0].At.Equal(since.Add(time.Second)) {
			t.Errorf("%+v %v", s, err)
		}
	}
	if err := c.Release(ctx, "live/a b"); err != nil || !killed["publish"] {
		t.Errorf("%v %v", err, killed)
	}
	if err := c.Kick(ctx, player); err != nil || !killed["play"] {
		t.Errorf("%v %v", err, killed)
	}
	if answer, err := c.Explain(ctx, api.Question{Stream: "live/test"}); err != nil || !answer.Allowed {
		t.Errorf("%+v %v", answer, err)
	}
	if keys, err := c.ConfigKeys(ctx); err != nil || keys.ETag != `"one"` || len(keys.Keys) != 1 || keys.Keys[0].Key != "log.level" {
		t.Errorf("%+v %v", keys, err)
	}
	var no *Error
	if err := c.Kick(ctx, "x/../y"); !errors.As(err, &no) || no.Status != http.StatusNotFound {
		t.Errorf("%v", err)
	}
}

// configuration is one with one key.
type configuration struct{ api.Configuration }

// Keys implements api.Configuration.
func (configuration) Keys() ([]config.Key, string, error) {
	return []config.Key{{Key: "log.level", Type: config.TypeText}}, `"one"`, nil
}

// TestToken: a client that is not on the machine sends its token.
func TestToken(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Authorization") {
		case "Bearer good":
			_ = json.NewEncoder(w).Encode(api.Info{Version: "v9"})
		case "Bearer odd":
			_, _ = w.Write([]byte("<html>"))
		case "Bearer proxy":
			w.WriteHeader(http.StatusBadGateway)
		default:
			httpserver.WriteError(w, http.StatusUnauthorized, httpserver.Error{Code: "unauthorized", Message: "not you"})
		}
	}))
	defer server.Close()
	for token, want := range map[string]string{"good": "", "bad": "not you", "odd": "cannot be read", "proxy": "no answer of a weir"} {
		c, err := New(server.URL, token)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Info(t.Context())
		c.Close()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", token, err)
		}
	}
	for _, bad := range []string{"", "127.0.0.1:8080", "ftp://host", "http://"} {
		if _, err := New(bad, ""); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
