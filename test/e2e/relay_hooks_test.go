//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// hookEvent is what the tests read of an event that a receiver gets.
type hookEvent struct {
	ID, Type, Stream, Session string
	Time                      time.Time
	Data                      struct {
		Protocol, Action, Agent, Reason string
	}
}

// hookReceiver is a service that gets the events of a weir, and accepts them all.
type hookReceiver struct {
	*httptest.Server

	mu   sync.Mutex
	seen map[string]bool // events, by id
	all  []hookEvent     // in the order in which they came, each once
}

func startReceiver(t *testing.T) *hookReceiver {
	t.Helper()
	r := &hookReceiver{seen: make(map[string]bool)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var e hookEvent
		if err := json.NewDecoder(req.Body).Decode(&e); err != nil {
			t.Errorf("a hook: %v", err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.seen[e.ID] {
			r.seen[e.ID] = true
			r.all = append(r.all, e)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.Close)
	return r
}

// events returns what came so far of one stream.
func (r *hookReceiver) events(stream string) []hookEvent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.all), func(e hookEvent) bool { return e.Stream != stream })
}

// counts returns how many events of a stream came so far, by type.
func (r *hookReceiver) counts(stream string) map[string]int {
	counts := make(map[string]int)
	for _, e := range r.events(stream) {
		counts[e.Type]++
	}
	return counts
}

// span is a time in which something was there. Its end is zero while it goes on.
type span struct{ from, to time.Time }

func (s span) has(at time.Time) bool { return !at.Before(s.from) && (s.to.IsZero() || at.Before(s.to)) }

func (s span) String() string {
	return s.from.Format(time.StampMilli) + " to " + s.to.Format(time.StampMilli)
}

// plays returns when somebody played.
func plays(events []hookEvent) (all []span) {
	place := make(map[string]int)
	for _, e := range events {
		switch {
		case e.Data.Action != "play":
		case e.Type == "session.opened":
			place[e.Session] = len(all)
			all = append(all, span{from: e.Time})
		case e.Type == "session.closed":
			all[place[e.Session]].to = e.Time
		}
	}
	return all
}

// gaps returns the times between the first and the last of some spans, and after
// these, in which there was none of them.
func gaps(spans []span) (all []span) {
	sorted := slices.SortedFunc(slices.Values(spans), func(a, b span) int { return a.from.Compare(b.from) })
	var end time.Time
	for i, s := range sorted {
		if i > 0 && s.from.After(end) {
			all = append(all, span{end, s.from})
		}
		if s.to.IsZero() {
			return all
		}
		if s.to.After(end) {
			end = s.to
		}
	}
	return append(all, span{from: end})
}

// most returns how many of some spans there were at once.
func most(spans []span) (n int) {
	for _, s := range spans {
		at := 0
		for _, other := range spans {
			if other.has(s.from) {
				at++
			}
		}
		n = max(n, at)
	}
	return n
}

// requirePaired checks that the events of a stream came in their order, and that
// each begin has its end; it returns when the stream was published. What happens to
// the stream may be told after the end of its publisher's session.
func requirePaired(t *testing.T, events []hookEvent) (published []span) {
	t.Helper()
	open := make(map[string]bool)
	known := make(map[string]bool)
	publisher, last := "", ""
	for _, e := range events {
		if e.ID <= last {
			t.Errorf("event %s came after %s", e.ID, last)
		}
		last = e.ID
		switch e.Type {
		case "session.opened":
			if open[e.Session] {
				t.Errorf("session %s opened twice", e.Session)
			}
			open[e.Session], known[e.Session] = true, true
		case "session.closed":
			if !open[e.Session] {
				t.Errorf("session %s closed and not open", e.Session)
			}
			delete(open, e.Session)
		case "stream.published":
			if publisher != "" || !known[e.Session] {
				t.Errorf("published by %s, publisher was %q; session opened: %t", e.Session, publisher, known[e.Session])
			}
			publisher = e.Session
			published = append(published, span{from: e.Time})
		case "stream.unpublished":
			if publisher == "" || publisher != e.Session {
				t.Errorf("unpublished by %s, publisher was %q", e.Session, publisher)
				continue
			}
			publisher = ""
			published[len(published)-1].to = e.Time
		case "stream.layout_changed":
			if publisher == "" {
				t.Error("a layout without a publisher")
			}
		case "stream.no_viewers":
		default:
			t.Errorf("%s %+v", e.Type, e)
		}
	}
	if publisher != "" || len(open) > 0 {
		t.Errorf("publisher %q and sessions %v have no end", publisher, open)
	}
	return published
}

// nginxHooks get what nginx-rtmp tells of connections.
type nginxHooks struct {
	*httptest.Server

	mu  sync.Mutex
	all []span
}

// startNginxHooks gets notifications of clients who call themselves weir. The one
// that comes is not named, but when one goes it is the oldest, if there are never two.
func startNginxHooks(t *testing.T) *nginxHooks {
	t.Helper()
	h := &nginxHooks{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		at := time.Now()
		if !strings.Contains(r.FormValue("flashver"), "weir") {
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		switch r.FormValue("call") {
		case "connect":
			h.all = append(h.all, span{from: at})
		case "disconnect":
			if i := slices.IndexFunc(h.all, func(s span) bool { return s.to.IsZero() }); i >= 0 {
				h.all[i].to = at
			}
		}
	}))
	t.Cleanup(h.Close)
	return h
}

// directives are those of the server in nginx's configuration.
func (h *nginxHooks) directives() string {
	return "on_connect " + h.URL + "/; on_disconnect " + h.URL + "/;"
}

func (h *nginxHooks) spans() []span {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.all)
}
