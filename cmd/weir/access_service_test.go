package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
)

// decider is a service that decides by the parameter "ticket" of the URL.
type decider struct {
	mu    sync.Mutex
	asked map[auth.Question]int
}

func newDecider(t *testing.T) (d *decider, rules auth.Config) {
	t.Helper()
	d = &decider{asked: map[auth.Question]int{}}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	rules = *auth.NewConfig()
	rules.HTTPURL, rules.HTTPTimeout, rules.HTTPCache = config.WebURL(server.URL), config.Duration(3*time.Second), 0
	return d, rules
}

func (d *decider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q auth.Question
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	d.asked[q]++
	n := d.asked[q]
	d.mu.Unlock()
	query, _ := url.ParseQuery(q.Query)
	answer := func(text string) { _, _ = w.Write([]byte(text)) }
	kind, rest, _ := strings.Cut(query.Get("ticket"), " ")
	switch {
	case q.User == "ann" && q.Password == "service" || kind == "yes":
		w.WriteHeader(http.StatusNoContent)
	case kind == "named":
		answer(fmt.Sprintf(`{"allow": true, "user": %q}`, rest))
	case kind == "plays":
		answer(`{"permissions": [{"actions": ["play"], "streams": ["live/*"]}]}`)
	case kind == "changes" && n <= 2: // of its mind
		answer(`{"allow": true, "ttl": 1}`)
	case kind == "falters" && n == 1:
		answer(`{"allow": true, "ttl": 1}`)
	case kind == "falters" && n == 2 || kind == "fails":
		w.WriteHeader(http.StatusInternalServerError)
	case kind == "sleeps":
		<-r.Context().Done()
	case kind == "falters" && n == 3:
		answer(`<html>`)
	default:
		w.WriteHeader(http.StatusForbidden)
		answer(`{"why": "not with this ticket"}`)
	}
}

// times returns how often it was asked about a ticket.
func (d *decider) times(ticket string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for q, times := range d.asked {
		if query, _ := url.ParseQuery(q.Query); query.Get("ticket") == ticket {
			n += times
		}
	}
	return n
}

func byTicket(ticket string) proof {
	return proof{name: "ticket", query: url.Values{"ticket": {ticket}}}
}

// TestAccessByService: for every protocol alike, a service lets in, refuses, and cuts
// off who plays or publishes when it has changed its mind; while it gives no answer
// nobody new comes in and everybody else goes on.
func TestAccessByService(t *testing.T) {
	d, rules := newDecider(t)
	m := newMatrix(t, rules)
	feed := m.feed(t, inlets()[0], accessStream, byTicket("yes"), 1)
	t.Run("together", func(t *testing.T) {
		for _, o := range outlets() {
			t.Run(o.name, func(t *testing.T) {
				t.Parallel()
				m.testOutletByService(t, d, o)
			})
		}
		for _, i := range inlets() {
			t.Run("publish by "+i.name, func(t *testing.T) {
				t.Parallel()
				m.testInletByService(t, d, i)
			})
		}
	})
	feed.goesOn()
	m.sessions.KillAll(reason.Kicked)
	m.idle(t)
}

// noAnswer is what clients hear while the service gives none.
var noAnswer = []string{"500", "500 internal_error", "NetStream.Play.Failed", "NetStream.Publish.BadName"}

func (m *matrix) testOutletByService(t *testing.T, d *decider, o outlet) {
	witness := m.watch(t, o, accessStream, byTicket("yes witness"))
	letIn := []proof{byTicket("yes"), byTicket("named " + o.name), byTicket("plays"), byUser("ann", "service")}
	if slices.Contains(o.proofs, "userinfo") {
		letIn = append(letIn, byUserinfo("ann", "service"))
	}
	t.Run("with", func(t *testing.T) {
		for n, p := range letIn {
			t.Run(fmt.Sprintf("%d %s", n, p.query), func(t *testing.T) {
				t.Parallel()
				m.watch(t, o, accessStream, p).leave()
			})
		}
		for ticket, want := range map[string][]string{
			"no": o.denied, "fails": noAnswer, "sleeps": noAnswer,
		} {
			t.Run(ticket, func(t *testing.T) {
				t.Parallel()
				if _, err := m.play(t, o, accessStream, byTicket(ticket+" "+o.name)); !slices.Contains(want, heard(err)) {
					t.Errorf("%v, want one of %q", err, want)
				}
			})
		}
		for _, kind := range []string{"changes", "falters"} {
			t.Run(kind, func(t *testing.T) {
				t.Parallel()
				ticket := kind + " " + o.name
				v := m.watch(t, o, accessStream, byTicket(ticket))
				if got := v.ends(); !slices.Contains(strings.Split(o.revoked, ", "), got) {
					t.Errorf("%v, want %s", v.err, o.revoked)
				}
				if n := d.times(ticket); kind == "changes" && n < 3 || kind == "falters" && n < 4 {
					t.Errorf("it ended after %d answers", n)
				}
			})
		}
	})
	witness.more()
	witness.leave()
}

func (m *matrix) testInletByService(t *testing.T, d *decider, i inlet) {
	name := func(what string) string {
		return "live/" + strings.ReplaceAll(strings.ToLower(i.name+"-"+what), " ", "-")
	}
	watch := outlets()[2] // HTTP-FLV
	for ticket, want := range map[string][]string{
		"no": i.denied, "plays": i.denied, "fails": noAnswer, "sleeps": noAnswer,
	} {
		t.Run(ticket, func(t *testing.T) {
			t.Parallel()
			if _, err := m.publish(t, i, name(ticket), byTicket(ticket+" "+i.name), 2); !slices.Contains(want, heard(err)) {
				t.Errorf("%v, want one of %q", err, want)
			}
		})
	}
	for _, kind := range []string{"changes", "falters"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			ticket := kind + " " + i.name
			out := m.feed(t, i, name(kind), byTicket(ticket), 2)
			m.watch(t, watch, name(kind), byTicket("yes")).sees(2)
			if got := out.ends(); got != i.revoked {
				t.Errorf("%v, want %s", out.err, i.revoked)
			}
			if n := d.times(ticket); kind == "changes" && n < 3 || kind == "falters" && n < 4 {
				t.Errorf("it ended after %d answers", n)
			}
		})
	}
	t.Run("takeover", func(t *testing.T) {
		t.Parallel()
		stream := name("takeover")
		first := m.feed(t, inlets()[0], stream, byTicket("named ann"), 1)
		v := m.watch(t, watch, stream, byTicket("yes"))
		if _, err := m.publish(t, i, stream, byTicket("named bob"), 2); heard(err) != i.busy {
			t.Errorf("another hears %v, want %s", err, i.busy)
		}
		if _, err := m.publish(t, i, stream, byTicket("yes"), 2); heard(err) != i.busy {
			t.Errorf("one without a name hears %v, want %s", err, i.busy)
		}
		v.more()
		v.sees(1)
		second := m.feed(t, i, stream, proof{query: url.Values{"ticket": {"named ann"}, "other": {"1"}}}, 3)
		v.sees(3)
		if got := first.ends(); got != inlets()[0].ended {
			t.Errorf("the first hears %v", first.err)
		}
		second.goesOn()
	})
}
