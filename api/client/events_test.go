package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/event"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/session"
)

// writing is an answer that tells when it begins.
type writing struct {
	http.ResponseWriter
	begins func()
}

func (w *writing) Write(b []byte) (int, error) {
	w.begins()
	return w.ResponseWriter.Write(b)
}

// Flush implements http.Flusher, which Gin asks for.
func (w *writing) Flush() { w.ResponseWriter.(http.Flusher).Flush() }

func (w *writing) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// serveEvents returns a server, which before sees each request of, and its events.
// Those that are published once begins has been called reach a client.
func serveEvents(t *testing.T, begins func(), before func(w http.ResponseWriter, r *http.Request) (answered bool)) (*httptest.Server, *event.Hub) {
	t.Helper()
	authorizer, err := auth.NewChain(auth.Config{}, auth.Options{ConsoleToken: "the token"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(authorizer.Close)
	hub := event.NewHub("node", nil)
	handler := api.New(api.Options{
		Loopback: func() bool { return true },
		Sessions: session.NewRegistry(session.Options{}), Authorizer: authorizer, Events: hub, Remote: httpserver.New(httpserver.Options{}).Remote,
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !before(w, r) {
			handler.ServeHTTP(&writing{w, begins}, r)
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(hub.Close)
	return server, hub
}

// TestEvents: a connection that breaks again and again, and a server that is away for
// a while, cost no event.
func TestEvents(t *testing.T) {
	var requests atomic.Int64
	began := make(chan struct{})
	server, hub := serveEvents(t, sync.OnceFunc(func() { close(began) }), func(w http.ResponseWriter, r *http.Request) bool {
		switch requests.Add(1) {
		case 3:
			w.WriteHeader(http.StatusBadGateway) // a proxy's answer
			return true
		case 4:
			httpserver.WriteError(w, http.StatusServiceUnavailable, httpserver.Error{Code: "limit_reached", Message: "too many"})
			return true
		}
		if r.URL.Query().Get("types") != "session.*" {
			t.Errorf("asks for %s", r.URL)
		}
		return false
	})
	c, err := New(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	hub.Publish(event.SessionOpened, "before", "", nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const most = 30
	n := 0
	publish := func() {
		hub.Publish(event.ServerHeartbeat, "", "", nil)
		hub.Publish(event.SessionOpened, fmt.Sprint("live/", n), "", nil)
	}
	go func() {
		<-began
		publish()
	}()
	for e, err := range c.Events(ctx, url.Values{"types": {"session.*"}}) {
		if n == most {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%+v %v", e, err)
			}
			n++
			continue
		}
		if err != nil {
			t.Fatal(n, err)
		}
		if want := fmt.Sprint("live/", n); e.Stream != want {
			t.Fatalf("%s %s, want %s", e.Type, e.Stream, want)
		}
		if n++; n == most {
			cancel()
			continue
		}
		if n%10 == 0 {
			server.CloseClientConnections()
		}
		publish()
	}
	if n != most+1 || requests.Load() < 5 {
		t.Errorf("%d events by %d requests", n, requests.Load())
	}
}

// TestEventsEnd: what is no use to ask for again ends the events with the error.
func TestEventsEnd(t *testing.T) {
	server, _ := serveEvents(t, func() {}, func(w http.ResponseWriter, r *http.Request) bool {
		odd := r.Header.Get("Authorization") == "Bearer odd"
		if odd {
			_, _ = w.Write([]byte("id: 1\ndata: <html>\n\n"))
		}
		return odd
	})
	first := func(token, types string) error {
		c, err := New(server.URL, token)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, err := range c.Events(t.Context(), url.Values{"types": {types}}) {
			return err
		}
		return nil
	}
	var no *Error
	if err := first("", "nonsense"); !errors.As(err, &no) || no.Status != http.StatusBadRequest || no.Field != "types" || no.RequestID == "" {
		t.Errorf("%v", err)
	}
	if err := first("odd", ""); err == nil || !strings.Contains(err.Error(), "no event of a weir") {
		t.Errorf("%v", err)
	}
	server.Close()
	if err := first("", ""); err == nil {
		t.Error("a server that is not there is no error")
	}
}

// TestEventsRevoked: who may not read events any more is told so when the client
// comes back.
func TestEventsRevoked(t *testing.T) {
	var revoked atomic.Bool
	began := make(chan struct{})
	server, hub := serveEvents(t, sync.OnceFunc(func() { close(began) }), func(w http.ResponseWriter, _ *http.Request) bool {
		if revoked.Load() {
			httpserver.WriteError(w, http.StatusUnauthorized, httpserver.Error{Code: "unauthorized", Message: "not any more"})
		}
		return revoked.Load()
	})
	c, err := New(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		<-began
		hub.Publish(event.ServerHeartbeat, "", "", nil)
	}()
	n := 0
	var last error
	for e, err := range c.Events(t.Context(), nil) {
		if last = err; err != nil {
			continue
		}
		if n++; e.Type != event.ServerHeartbeat {
			t.Errorf("%+v", e)
		}
		revoked.Store(true)
		server.CloseClientConnections()
	}
	var no *Error
	if !errors.As(last, &no) || no.Status != http.StatusUnauthorized || n != 1 {
		t.Errorf("%d events, %v", n, last)
	}
}
