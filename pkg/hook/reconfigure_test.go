package hook

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/event"
)

// streams returns of which streams the events are that came.
func (s *service) streams() (out []string) {
	for _, e := range s.events() {
		out = append(out, e.Stream)
	}
	return out
}

// TestReconfigure: who stays gets all in order, what waited as well and at another place
// of the list; who goes gets no more, who comes what happens from then on.
func TestReconfigure(t *testing.T) {
	var down atomic.Bool
	down.Store(true)
	stays := serve(t, &service{answer: func(w http.ResponseWriter, _ *http.Request, _ int32) bool {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return down.Load()
	}})
	goes, comes := serve(t, &service{}), serve(t, &service{})
	r := newRig(t, testConfig(goes.url, stays.url))
	publish := func(streams ...string) {
		for _, s := range streams {
			r.Publish(event.StreamPublished, s, "", nil)
		}
	}
	publish("live/1", "live/2")
	eventually(t, "the first gets them", func() bool { return len(goes.events()) == 2 })

	c := testConfig(stays.url, comes.url)
	c.Receivers[1].Events = []event.Selector{"stream.published"}
	r.hooks.Reconfigure(c)
	publish("live/2", "live/3")
	eventually(t, "the new one gets what is new", func() bool { return len(comes.events()) == 2 })
	down.Store(false)
	eventually(t, "who was down gets all", func() bool { return len(stays.events()) == 4 })
	if got := stays.streams(); slices.Index(got, "live/2") < 0 || len(goes.events()) != 2 {
		t.Errorf("%q, and %q for who went", got, goes.streams())
	}

	c = testConfig(stays.url)
	c.Receivers[0].Events = []event.Selector{"session.*"}
	r.hooks.Reconfigure(c)
	publish("live/4")
	r.Publish(event.SessionOpened, "live/5", "", nil)
	eventually(t, "by the new filter", func() bool { return slices.Contains(stays.streams(), "live/5") })
	if slices.Contains(stays.streams(), "live/4") || len(comes.events()) != 2 {
		t.Errorf("%q %q", stays.streams(), comes.streams())
	}
	for name, n := range r.series(t) {
		if n != 1 {
			t.Errorf("%s has %d series, want that of hooks.receivers[0]", name, n)
		}
	}
	r.hooks.Reconfigure(testConfig())
	if n := len(r.hooks.list()); n != 0 {
		t.Errorf("%d receivers are left", n)
	}
}

// TestReconfigureAbandons: a receiver that goes while it does not answer leaves nothing
// behind, and the log tells what it did not get.
func TestReconfigureAbandons(t *testing.T) {
	held := make(chan struct{})
	asked := make(chan struct{}, 100)
	stuck := serve(t, &service{answer: func(http.ResponseWriter, *http.Request, int32) bool {
		asked <- struct{}{}
		<-held
		return true
	}})
	t.Cleanup(func() { close(held) }) // before the service waits for its requests
	r := newRig(t, testConfig(stuck.url))
	for range 5 {
		r.Publish(event.StreamPublished, "live/1", "", nil)
	}
	<-asked
	r.hooks.Reconfigure(testConfig())
	r.Publish(event.StreamPublished, "live/2", "", nil)
	r.close(time.Minute)
	if log := r.log.String(); !strings.Contains(log, "events were not sent") || !strings.Contains(log, "events=5") {
		t.Error(log)
	}
	if log := r.log.String(); strings.Contains(log, "does not accept") {
		t.Errorf("an attempt that weir itself cut off counts as the receiver's: %s", log)
	}
	if left := r.series(t); len(left) != 1 { // weir_events_lost_total
		t.Errorf("metrics are left of who is gone: %v", left)
	}
}

// series returns how many series each metric of hooks has.
func (r *rig) series(t *testing.T) map[string]int {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.hooks.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, f := range families {
		out[f.GetName()] = len(f.GetMetric())
	}
	return out
}
