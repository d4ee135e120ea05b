package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/event"
	"github.com/weirmedia/weir/pkg/hook"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/record"
	"github.com/weirmedia/weir/protocols/record/library"
)

// receiver is a service that gets events.
type receiver struct {
	url config.WebURL

	mu   sync.Mutex
	got  []event.Event
	text strings.Builder // of all of them
}

// newReceiver starts a receiver; before, which may be nil, may answer in its place.
func newReceiver(t *testing.T, before func(w http.ResponseWriter) bool) *receiver {
	t.Helper()
	r := &receiver{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		var e event.Event
		if err != nil || json.Unmarshal(body, &e) != nil || before != nil && before(w) {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, e)
		r.text.Write(body)
	}))
	t.Cleanup(server.Close)
	r.url = config.WebURL(server.URL)
	return r
}

// events returns those that came, each once.
func (r *receiver) events() []event.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	out, seen := []event.Event(nil), map[string]bool{}
	for _, e := range r.got {
		if !seen[e.ID] {
			out = append(out, e)
		}
		seen[e.ID] = true
	}
	return out
}

// has waits until an event of that type about the stream has come, and returns it.
func (r *receiver) has(t *testing.T, what event.Type, stream string) (found event.Event) {
	t.Helper()
	eventually(t, string(what)+" of "+stream, func() bool {
		all := r.events()
		i := slices.IndexFunc(all, func(e event.Event) bool { return e.Type == what && e.Stream == stream })
		if i >= 0 {
			found = all[i]
		}
		return i >= 0
	})
	return found
}

// expectPairs fails unless whatever begins in events ends too, in this order, and the
// events of each stream are in theirs.
func expectPairs(t *testing.T, events []event.Event) {
	t.Helper()
	begins := map[event.Type]event.Type{event.SessionClosed: event.SessionOpened, event.StreamUnpublished: event.StreamPublished}
	open, newest := map[string]bool{}, map[string]string{}
	for _, e := range events {
		if e.ID < newest[e.Stream] {
			t.Errorf("%s of %q comes too late", e.Type, e.Stream)
		}
		newest[e.Stream] = e.ID
		begin, ends := begins[e.Type]
		if ends {
			key := string(begin) + e.Session
			if !open[key] {
				t.Errorf("%s of %s without %s", e.Type, e.Session, begin)
			}
			delete(open, key)
		}
		if e.Type == event.SessionOpened || e.Type == event.StreamPublished {
			open[string(e.Type)+e.Session] = true
		}
	}
	for key := range open {
		t.Errorf("%s has no end", key)
	}
}

// TestHooks: a real publisher, a viewer and one that finds nothing, as a receiver is
// told of them; and the documents show each event as it is.
func TestHooks(t *testing.T) {
	all, published := newReceiver(t, nil), newReceiver(t, nil)
	s := startServer(t, func(s *settings) {
		s.stream.Wait = config.Duration(10 * time.Millisecond)
		s.auth.Users = []auth.User{{Allow: mediaRule(t, "live/**")}}
		s.hooks.URL, s.hooks.Secret, s.hooks.Node = all.url, "planted secret of hooks", "edge-1"
		s.hooks.Heartbeat = config.Duration(time.Second)
		s.hooks.Receivers = []hook.Receiver{{URL: published.url, Events: []event.Selector{"stream.published"}}}
	})
	src := s.publish(t, "live/test?token=planted", sourceOptions{})
	all.has(t, event.StreamPublished, "live/test") // before there is a viewer
	viewer := s.openFLV(t, "live/test")
	eventually(t, "the viewer is there", func() bool { return s.opened("httpflv", session.Play) == 1 })
	quiet := src.run()
	all.has(t, event.StreamLayoutChanged, "live/test")
	answer, err := http.Get("http://" + s.http.Addr().String() + "/live/none.flv?token=planted")
	must(t, err)
	answer.Body.Close()
	all.has(t, event.StreamNotFound, "live/none")
	answer, err = http.Get("http://" + s.http.Addr().String() + "/secret/test.flv?token=planted&pass=planted")
	must(t, err)
	answer.Body.Close()
	all.has(t, event.SessionRefused, "secret/test")
	s.configuration.tell("test", config.Change{Changed: []string{"log.level"}})
	recordings := s.events.recordings()
	recordings.Ended(library.Segment{Stream: "live/test", Tracks: []string{"H264 320x180"}})
	recordings.Failed(record.Failure{Stream: "live/test", Reason: reason.DiskFull})
	recordings.Recovered(record.Failure{Stream: "live/test", Reason: reason.DiskFull})
	viewer.Close()
	all.has(t, event.StreamNoViewers, "live/test")
	all.has(t, event.ServerHeartbeat, "")
	quiet()
	must(t, s.stop())

	got := all.events()
	expectPairs(t, got)
	if got[0].Type != event.ServerStarted || got[0].Node != "edge-1" {
		t.Errorf("begins with %+v", got[0])
	}
	stopping := slices.IndexFunc(got, func(e event.Event) bool { return e.Type == event.ServerStopping })
	closed := slices.IndexFunc(got, func(e event.Event) bool {
		return e.Type == event.SessionClosed && strings.Contains(string(e.Data), `"shutdown"`)
	})
	if stopping < 0 || closed < stopping {
		t.Errorf("server.stopping is event %d, the publisher's end %d of %d", stopping, closed, len(got))
	}
	if one := published.events(); len(one) != 1 || one[0].Type != event.StreamPublished {
		t.Errorf("the other receiver got %+v", one)
	}
	if strings.Contains(all.text.String(), "planted") {
		t.Error("an event holds a secret")
	}
	compareSamples(t, append(got, lostEvent(t, s.events.hub)))
}

// lostEvent returns the event that a reader gets that comes back after a restart.
func lostEvent(t *testing.T, hub *event.Hub) event.Event {
	t.Helper()
	reader := hub.Subscribe(event.ReaderOptions{Queue: 1, After: "of another run"})
	defer reader.Close()
	e, err := reader.Next(t.Context())
	must(t, err)
	return e
}

// compareSamples fails unless docs/hooks.md shows an event of each type that looks like
// the last one that came.
func compareSamples(t *testing.T, got []event.Event) {
	t.Helper()
	real := map[event.Type]any{}
	for _, e := range got {
		real[e.Type] = shapeOf(t, e)
	}
	samples := map[event.Type]bool{}
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(readText(t, "../../docs/hooks.md"), -1) {
		var e event.Event
		must(t, json.Unmarshal([]byte(block[1]), &e))
		if samples[e.Type] {
			t.Errorf("%s is shown twice", e.Type)
		}
		samples[e.Type] = true
		if shown := shapeOf(t, e); !reflect.DeepEqual(shown, real[e.Type]) {
			t.Errorf("docs/hooks.md shows %s as\n%v\nit is\n%v", e.Type, shown, real[e.Type])
		}
	}
	for _, want := range event.Types() {
		if !samples[want] {
			t.Errorf("docs/hooks.md does not show %s", want)
			for _, e := range got {
				if e.Type == want {
					text, _ := json.Marshal(e)
					t.Logf("%s", text)
				}
			}
		}
	}
}

// shapeOf returns an event with the kinds of its values in their place.
func shapeOf(t *testing.T, e event.Event) any {
	t.Helper()
	text, err := json.Marshal(e)
	must(t, err)
	var v any
	must(t, json.Unmarshal(text, &v))
	return shape(v)
}

func shape(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, x := range v {
			out[key] = shape(x)
		}
		return out
	case []any:
		out := []any{}
		for _, x := range v { // how many there are is no matter
			if s := shape(x); !slices.ContainsFunc(out, func(o any) bool { return reflect.DeepEqual(o, s) }) {
				out = append(out, s)
			}
		}
		return out
	}
	return fmt.Sprintf("%T", v)
}

// TestHooksPairs: 200 sessions come and go while the receiver does not always listen;
// the last of them ends with the server.
func TestHooksPairs(t *testing.T) {
	const sessions = 200
	var mu sync.Mutex
	requests := 0
	r := newReceiver(t, func(w http.ResponseWriter) bool {
		mu.Lock()
		defer mu.Unlock()
		if requests++; requests%30 < 2 {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return false
	})
	s := startServer(t, func(s *settings) { s.hooks.URL = r.url })
	var all sync.WaitGroup
	for i := range sessions {
		all.Go(func() {
			killed := make(chan reason.Reason, 2)
			x, err := s.sessions.Open(session.Info{Protocol: "rtmp", Action: session.Play, Stream: fmt.Sprint("live/", i%9)}, func(why reason.Reason) { killed <- why })
			if err != nil {
				t.Error(err)
				return
			}
			why := reason.ClientClosed
			if i%4 == 0 {
				why = <-killed
			}
			x.Close(why, nil)
		})
	}
	eventually(t, "all have come", func() bool { return s.opened("rtmp", session.Play) == sessions })
	must(t, s.stop())
	all.Wait()
	got := r.events()
	expectPairs(t, got)
	if len(got) != 2*sessions+2 {
		t.Errorf("%d events, want a pair for each session, server.started and server.stopping", len(got))
	}
}

// TestStopWithBadReaders: neither a receiver that takes nothing nor a client that does
// not read its events keeps the server from stopping without an error.
func TestStopWithBadReaders(t *testing.T) {
	stuck := make(chan struct{})
	r := newReceiver(t, func(http.ResponseWriter) bool {
		<-stuck
		return true
	})
	defer close(stuck)
	s := startServer(t, func(s *settings) {
		s.hooks.URL = r.url
		s.shutdown.Timeout = config.Duration(5 * time.Second)
	})
	conn := dialTCP(t, s.http.Addr())
	_, err := io.WriteString(conn, "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
	must(t, err)
	answer, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil)
	must(t, err)
	defer answer.Body.Close()
	for s.events.hub.Lost() == 0 { // its socket and its queue are full
		s.events.hub.Publish(event.ServerHeartbeat, "", "", strings.Repeat("x", 64<<10))
	}
	must(t, s.stop())
}
