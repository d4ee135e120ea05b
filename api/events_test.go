package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/event"
)

// listener reads server-sent events.
type listener struct {
	t    *testing.T
	body *bufio.Reader
}

// listen asks for events and returns when the answer has begun: what is published from
// then on is in it. The answer ends with the test.
func listen(t *testing.T, base, query, last string) *listener {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", base+"/api/v1/events"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/event-stream" || answer.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", answer.StatusCode, answer.Header)
	}
	l := &listener{t, bufio.NewReader(answer.Body)}
	if line := l.line(); line != ": events of weir" {
		t.Fatalf("begins with %q", line)
	}
	return l
}

func (l *listener) line() string {
	l.t.Helper()
	text, err := l.body.ReadString('\n')
	if err != nil {
		l.t.Fatal(err)
	}
	return strings.TrimSuffix(text, "\n")
}

// next returns the next event.
func (l *listener) next() (e event.Event) {
	l.t.Helper()
	id := ""
	for {
		name, value, _ := strings.Cut(l.line(), ": ")
		switch name {
		case "id":
			id = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e); err != nil || e.ID != id {
				l.t.Fatalf("%s: %s %v", id, value, err)
			}
			return e
		}
	}
}

func serveAPI(t *testing.T, o Options) string {
	server := httptest.NewServer(New(o))
	t.Cleanup(server.Close)
	return server.URL
}

func TestEvents(t *testing.T) {
	o := fixture(t)
	base := serveAPI(t, o)
	all := listen(t, base, "", "")
	some := listen(t, base, "?types=stream.*,session.closed&stream=live/**,cam/a", "")
	o.Events.Publish(event.ServerStarted, "", "", ServerInfo{Version: "v1"})
	o.Events.Publish(event.SessionOpened, "live/a", "1", nil)
	o.Events.Publish(event.SessionClosed, "cam/a", "2", nil)
	o.Events.Publish(event.StreamPublished, "cam/b", "3", nil)
	o.Events.Publish(event.StreamPublished, "live/a/b", "4", nil)
	var seen []event.Event
	for range 5 {
		seen = append(seen, all.next())
	}
	if seen[0].Type != event.ServerStarted || seen[0].Node != "node" || seen[4].Session != "4" {
		t.Errorf("%+v", seen)
	}
	if a, b := some.next(), some.next(); a.Session != "2" || b.Session != "4" {
		t.Errorf("%+v %+v", a, b)
	}
	if back := listen(t, base, "", seen[2].ID); back.next().Session != "3" {
		t.Error("a client that comes back does not get what it missed")
	}
	old := listen(t, base, "", "another-run")
	if lost, first := old.next(), old.next(); lost.Type != event.EventsLost || first.Type != event.ServerStarted {
		t.Errorf("%+v %+v", lost, first)
	}

	o.Events.Publish(event.ServerStopping, "", "", nil)
	o.Events.Close()
	if e := all.next(); e.Type != event.ServerStopping {
		t.Errorf("%+v", e)
	}
	if text, err := io.ReadAll(all.body); err != nil || strings.TrimSpace(string(text)) != "" {
		t.Errorf("after the end: %q %v", text, err)
	}
}

func TestEventsAreRefused(t *testing.T) {
	o := fixture(t)
	o.Events.Close()
	h := New(o)
	many := strings.TrimSuffix(strings.Repeat("a,", maxFilters+1), ",")
	for _, c := range []struct {
		name, query, field string
	}{
		{"no type", "?types=stream", "types"},
		{"a type of readers", "?types=events_lost", "types"},
		{"an empty type", "?types=session.closed,", "types"},
		{"no pattern", "?stream=a/**/b", "stream"},
		{"too many", "?stream=" + many, "types"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(h, "GET", "/api/v1/events"+c.query)
			if w.Code != 400 || !strings.Contains(w.Body.String(), `"field":"`+c.field+`"`) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	if w := ask(h, "GET", "/api/v1/events", func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1" }); w.Code != 401 {
		t.Errorf("without a credential: %d", w.Code)
	}
	if w := ask(h, "HEAD", "/api/v1/events"); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d %q", w.Code, w.Body)
	}
}

// TestEventReadersAreBounded: one too many is refused, and once another has gone one
// more is let in.
func TestEventReadersAreBounded(t *testing.T) {
	o := fixture(t)
	base := serveAPI(t, o)
	ctx, leave := context.WithCancel(t.Context())
	var one io.Closer
	for i := range maxEventReaders {
		r, err := http.NewRequestWithContext(ctx, "GET", base+"/api/v1/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil || answer.StatusCode != 200 {
			t.Fatal(i, err)
		}
		defer answer.Body.Close()
		one = answer.Body
	}
	get := func() int {
		r, err := http.NewRequestWithContext(ctx, "HEAD", base+"/api/v1/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if status := get(); status != 503 {
		t.Errorf("one too many gets %d", status)
	}
	one.Close()
	for get() != 200 { // until the server has noticed, or the test's time is over
	}
	leave()
}

// TestSlowEventReader: one that does not read costs a bounded queue, is told of the
// gap when it does, and does not hold the end up.
func TestSlowEventReader(t *testing.T) {
	o := fixture(t)
	base := serveAPI(t, o)
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil)
	if err != nil {
		t.Fatal(err)
	}
	slow := &listener{t, bufio.NewReader(answer.Body)}
	slow.line() // it is there
	quick := listen(t, base, "?types=server.stopping", "")
	long := strings.Repeat("x", 16<<10)
	published := 0
	for o.Events.Lost() < 3 {
		published++
		o.Events.Publish(event.SessionOpened, "live/a", fmt.Sprint(published), long)
	}
	o.Events.Publish(event.ServerStopping, "", "", nil)
	if e := quick.next(); e.Type != event.ServerStopping {
		t.Errorf("%+v", e)
	}
	var lost uint64
	got := 0
	for newest := ""; ; got++ {
		e := slow.next()
		if e.ID <= newest {
			t.Fatalf("%s after %s", e.ID, newest)
		}
		if newest = e.ID; e.Type == event.EventsLost {
			var data event.Lost
			if err := json.Unmarshal(e.Data, &data); err != nil {
				t.Fatal(err)
			}
			lost = data.Lost
			break
		}
	}
	if lost < 3 || uint64(got)+lost > uint64(published)+1 {
		t.Errorf("got %d, lost %d of %d", got, lost, published)
	}
	for range 2 * eventQueue { // it does not read again
		o.Events.Publish(event.SessionOpened, "live/a", "", long)
	}
	o.Events.Close() // the server's end waits for the answer's
}
