package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/event"
	"github.com/weirmedia/weir/pkg/reason"
)

// answerer is a receiver of events that answers some.
type answerer struct {
	*httptest.Server

	mu      sync.Mutex
	answers map[event.Type]string
	got     map[event.Type]int
}

func newAnswerer(t *testing.T, answers map[event.Type]string) *answerer {
	d := &answerer{answers: answers, got: map[event.Type]int{}}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e event.Event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.got[e.Type]++
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, d.answers[e.Type])
	}))
	t.Cleanup(d.Close)
	return d
}

func (d *answerer) count(t event.Type) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.got[t]
}

// TestNotFoundIsFetched: a receiver says where a stream comes from that somebody
// wants, which is fetched for as long as somebody watches, and asked for anew then.
func TestNotFoundIsFetched(t *testing.T) {
	up := startServer(t, nil)
	src := up.publish(t, "live/a", sourceOptions{})
	d := newAnswerer(t, map[event.Type]string{
		event.StreamNotFound: fmt.Sprintf(`{"pull": {"sources": ["rtmp://%s/live/a"], "close_after": "50ms"}}`, up.app.rtmp),
	})
	down := startServer(t, func(s *settings) {
		s.hooks.URL, s.stream.Wait = config.WebURL(d.URL), config.Duration(patience)
	})
	for round := 1; round <= 2; round++ {
		stop := src.run()
		viewers := down.watchBoth(t, "anything/x", 4)
		viewers[3].reach(position{})
		last := stop()
		for _, v := range viewers {
			v.expectAll(last)
		}
		eventually(t, "the relay leaves", func() bool { return len(up.sessions.List()) == 1 && len(down.bus.Streams()) == 0 })
		if n := d.count(event.StreamNotFound); n != round {
			t.Errorf("round %d: the event came %d times", round, n)
		}
	}
}

// TestNoViewersCloses: a receiver lets a publisher be closed that nobody watches.
func TestNoViewersCloses(t *testing.T) {
	d := newAnswerer(t, map[event.Type]string{event.StreamNoViewers: `{"close": true}`})
	s := startServer(t, func(s *settings) { s.hooks.URL = config.WebURL(d.URL) })
	src := s.publish(t, "live/a", sourceOptions{})
	stop := src.run()
	v := s.watch(t, "rtmp", "live/a")
	v.reach(position{})
	v.leave()
	<-src.drained
	stop()
	if n := s.closes(reason.NoViewers); n != 1 {
		t.Errorf("%d sessions were closed", n)
	}
}

// TestNoViewersLeavesHLS: who plays HLS without a session keeps the publisher, as long as
// anybody else would.
func TestNoViewersLeavesHLS(t *testing.T) {
	d := newAnswerer(t, map[event.Type]string{event.StreamNoViewers: `{"close": true}`})
	s := startServer(t, func(s *settings) { s.hooks.URL = config.WebURL(d.URL) })
	src := s.publish(t, "live/a", sourceOptions{})
	stop := src.run()
	release := s.sessions.Want("live/a") // as HLS does
	v := s.watch(t, "rtmp", "live/a")
	v.reach(position{})
	v.leave()
	last := s.watch(t, "rtmp", "live/a") // whose events come after those that v has caused
	eventually(t, "the events", func() bool { return d.count(event.SessionOpened) == 3 })
	if n := d.count(event.StreamNoViewers); n != 0 {
		t.Errorf("nobody is said to watch, %d times", n)
	}
	last.reach(position{0, 1})
	last.leave()
	eventually(t, "the events", func() bool { return d.count(event.SessionClosed) == 2 })
	release()
	<-src.drained
	stop()
	if n := d.count(event.StreamNoViewers); n != 1 || s.closes(reason.NoViewers) != 1 {
		t.Errorf("nobody is said to watch, %d times", n)
	}
}

// TestUselessAnswers: what makes no sense changes nothing, and the event is accepted.
func TestUselessAnswers(t *testing.T) {
	for _, answer := range []string{
		"", "null", "{}", "[]", "{", `{"pull": 7}`, `{"pull": {}}`, `{"close": true}`, `{"pull": {"sources": []}}`,
		`{"pull": {"sources": ["gopher://planted@h/x"]}}`, `{"pull": {"sources": ["rtmp://h/{x}"]}}`,
		`{"pull": {"sources": ["rtmp://127.0.0.1:1/x"], "close_after": "planted"}}`,
	} {
		t.Run(answer, func(t *testing.T) {
			d := newAnswerer(t, map[event.Type]string{event.StreamNotFound: answer})
			s := startServer(t, func(s *settings) { s.hooks.URL, s.stream.Wait = config.WebURL(d.URL), 0 })
			response, err := http.Get("http://" + s.http.Addr().String() + "/live/none.flv")
			must(t, err)
			response.Body.Close()
			if response.StatusCode != http.StatusNotFound {
				t.Error(response.Status)
			}
			eventually(t, "the event", func() bool { return d.count(event.StreamNotFound) == 1 })
			if pulls := s.relay.Pulls(); len(pulls) != 0 {
				t.Errorf("%+v", pulls)
			}
		})
	}
}
