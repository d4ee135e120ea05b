package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/auth/servicetest"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/event"
	"github.com/weirmedia/weir/pkg/hook"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// openRules let everybody do everything.
func openRules() auth.Config { return *auth.NewConfig() }

// TestEventsOfClients: a publisher and a player of every protocol, and one that finds
// nothing, make the same events, in pairs and with what the API shows.
func TestEventsOfClients(t *testing.T) {
	hooks := newReceiver(t, nil)
	m := newMatrix(t, openRules(), func(s *settings) { s.hooks.URL = hooks.url })
	t.Run("together", func(t *testing.T) {
		for _, i := range inlets() {
			t.Run("publish by "+i.name, func(t *testing.T) {
				t.Parallel()
				stream := "live/by-" + strings.ToLower(i.name)
				out := m.feed(t, i, stream, proof{}, 1)
				hooks.has(t, event.StreamPublished, stream)
				v := m.watch(t, outlets()[2], stream, proof{})
				m.expectShown(t, hooks.has(t, event.StreamLayoutChanged, stream), "/api/v1/streams/"+stream)
				v.leave()
				hooks.has(t, event.StreamNoViewers, stream)
				out.leave()
				hooks.has(t, event.StreamUnpublished, stream)
			})
		}
		feed := m.feed(t, inlets()[0], accessStream, proof{}, 1)
		t.Cleanup(feed.leave)
		for n, o := range outlets() {
			t.Run(o.name, func(t *testing.T) {
				t.Parallel()
				m.watch(t, o, accessStream, proof{})
				missing := fmt.Sprintf("live/missing-%d", n)
				if _, err := m.play(t, o, missing, proof{}); err == nil && !strings.HasPrefix(o.name, "WS") {
					t.Error("it plays what is not there")
				}
				var client api.ClientInfo
				e := hooks.has(t, event.StreamNotFound, missing)
				must(t, json.Unmarshal(e.Data, &client))
				if client.Protocol != o.protocol || client.Remote == "" {
					t.Errorf("stream.not_found of %+v, want %s", client, o.protocol)
				}
				closed := hooks.has(t, event.SessionClosed, missing)
				if !strings.Contains(string(closed.Data), `"reason":"stream_not_found"`) || closed.Session != e.Session {
					t.Errorf("its end: %s %s", closed.Session, closed.Data)
				}
			})
		}
	})
	for _, s := range m.sessions.List() {
		e := hooks.opened(t, s.ID)
		m.expectShown(t, e, "/api/v1/sessions/"+s.ID)
	}
	m.sessions.KillAll(reason.Kicked)
	m.idle(t)
	must(t, m.stop())
	got := hooks.events()
	expectPairs(t, got)
	for _, o := range outlets() {
		expectEvents(t, got, o.protocol, session.Play)
	}
	for _, i := range inlets() {
		expectEvents(t, got, i.protocol, session.Publish)
	}
}

// opened waits for the event with which a session began.
func (r *receiver) opened(t *testing.T, id string) (found event.Event) {
	t.Helper()
	eventually(t, "session.opened of "+id, func() bool {
		all := r.events()
		i := slices.IndexFunc(all, func(e event.Event) bool { return e.Type == event.SessionOpened && e.Session == id })
		if i >= 0 {
			found = all[i]
		}
		return i >= 0
	})
	return found
}

// expectShown fails unless the API shows what the data of an event tell, and more at
// most. What is over already it does not show.
func (m *matrix) expectShown(t *testing.T, e event.Event, path string) {
	t.Helper()
	response, body, err := m.ask("", http.MethodGet, path, "", "")
	must(t, err)
	if response.StatusCode == http.StatusNotFound {
		return
	}
	var told, shown map[string]any
	must(t, json.Unmarshal(e.Data, &told))
	must(t, json.Unmarshal([]byte(body), &shown))
	for key := range told {
		if _, ok := shown[key]; !ok {
			t.Errorf("%s tells %q, which the API does not show", e.Type, key)
		}
	}
	for _, key := range []string{"name", "id", "protocol", "action", "stream", "remote", "agent"} {
		if !reflect.DeepEqual(told[key], shown[key]) {
			t.Errorf("%s has %s %v, the API %v", e.Type, key, told[key], shown[key])
		}
	}
}

// expectEvents fails unless a session of a protocol was opened and closed.
func expectEvents(t *testing.T, all []event.Event, protocol string, action session.Action) {
	t.Helper()
	for _, what := range []event.Type{event.SessionOpened, event.SessionClosed} {
		if !slices.ContainsFunc(all, func(e event.Event) bool {
			var s api.SessionInfo
			return e.Type == what && json.Unmarshal(e.Data, &s) == nil && s.Protocol == protocol && s.Action == action
		}) {
			t.Errorf("there is no %s to %s by %s", what, action, protocol)
		}
	}
}

// TestBadReceivers: while every receiver but one behaves badly, clients come, are
// served and go, that one is told of all of them in order, and the server stops.
func TestBadReceivers(t *testing.T) {
	const players = 50
	hooks := newReceiver(t, nil)
	var bad []hook.Receiver
	for n, b := range servicetest.All(t) {
		if n%2 == 0 && b.Name != "never reads" { // there may be 16; and that one does not see that we are gone
			bad = append(bad, hook.Receiver{URL: config.WebURL(b.URL)})
		}
	}
	m := newMatrix(t, openRules(), func(s *settings) {
		s.hooks.URL, s.hooks.Queue, s.hooks.Timeout = hooks.url, 64, config.Duration(200*time.Millisecond)
		s.hooks.Receivers = bad
		s.shutdown.Timeout = config.Duration(2 * time.Second)
	})
	feed := m.feed(t, inlets()[0], accessStream, proof{}, 1)
	byFLV := outlets()[2]
	witness := m.watch(t, byFLV, accessStream, proof{})
	for range players { // their events are more than the bad ones' queues hold
		m.watch(t, byFLV, accessStream, proof{}).leave()
	}
	feed.goesOn()
	witness.more()
	witness.leave()
	feed.leave()
	m.idle(t)
	if lost := m.metric(t, `weir_hook_lost_total{receiver="hooks.receivers[0]"}`); lost == 0 {
		t.Error("the queue of a bad receiver has no end")
	}
	if lost := m.metric(t, `weir_hook_lost_total{receiver="hooks"}`); lost != 0 {
		t.Errorf("the good receiver lost %v events", lost)
	}
	must(t, m.stop())
	got := hooks.events()
	expectPairs(t, got)
	sessions := slices.DeleteFunc(got, func(e event.Event) bool { return e.Type != event.SessionClosed })
	if len(sessions) != 1+1+players {
		t.Errorf("%d sessions have ended, want the publisher, the witness and %d players", len(sessions), players)
	}
}
