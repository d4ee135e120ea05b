package hook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/event"
	"github.com/weirmedia/weir/pkg/streamname"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waits that end soon unless something is broken.
const patience = 30 * time.Second

// service is an operator's, which remembers the events that it accepts.
type service struct {
	url string
	// answer, if not nil, may answer a request in place of the service: then it
	// returns true.
	answer func(w http.ResponseWriter, r *http.Request, attempt int32) bool
	tries  atomic.Int32

	mu  sync.Mutex
	got []event.Event
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if n := s.tries.Add(1); s.answer != nil && s.answer(w, r, n) {
		return
	}
	var e event.Event
	if err := json.Unmarshal(body, &e); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.got = append(s.got, e)
	s.mu.Unlock()
	_, _ = w.Write(make([]byte, 2*maxAnswer)) // more than anybody reads
}

// events returns those that came, each where it came first: what takes too long to be
// answered is sent again.
func (s *service) events() (out []event.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]bool{}
	for _, e := range s.got {
		if !seen[e.ID] {
			out = append(out, e)
		}
		seen[e.ID] = true
	}
	return out
}

// serve starts s.
func serve(t *testing.T, s *service) *service {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// rig is a hub with hooks.
type rig struct {
	*event.Hub
	hooks *Hooks
	log   *bytes.Buffer // read it after close
}

func newRig(t *testing.T, c *Config) *rig {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	r := &rig{Hub: event.NewHub("node", nil), log: &bytes.Buffer{}}
	r.hooks = New(c, r.Hub, slog.New(slog.NewTextHandler(r.log, nil)))
	r.hooks.Start()
	t.Cleanup(func() { r.close(0) })
	return r
}

// close sends what waits for so long.
func (r *rig) close(limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	r.Hub.Close()
	r.hooks.Close(ctx)
}

// config returns the configuration of one receiver for each URL.
func testConfig(urls ...string) *Config {
	c := NewConfig()
	for _, u := range urls {
		c.Receivers = append(c.Receivers, Receiver{URL: config.WebURL(u)})
	}
	return c
}

// comeAndGo publishes what sessions do that play one of some streams: each opens and
// closes, all at once.
func (r *rig) comeAndGo(sessions int) {
	var all sync.WaitGroup
	for i := range sessions {
		all.Go(func() {
			stream, id := fmt.Sprintf("live/%d", i%7), fmt.Sprint(i)
			r.Publish(event.SessionOpened, stream, id, nil)
			r.Publish(event.SessionClosed, stream, id, nil)
		})
	}
	all.Wait()
}

// expectPairs fails unless got holds each of the sessions once opened and then once
// closed, in order in each stream, repeated at most.
func expectPairs(t *testing.T, got []event.Event, sessions int) {
	t.Helper()
	newest, state := map[string]string{}, map[string]event.Type{}
	seen := map[string]bool{}
	for _, e := range got {
		if seen[e.ID] {
			continue // at least once
		}
		seen[e.ID] = true
		if e.ID < newest[e.Stream] {
			t.Fatalf("%s of %s comes after %s", e.ID, e.Stream, newest[e.Stream])
		}
		newest[e.Stream] = e.ID
		want := event.Type("")
		if e.Type == event.SessionClosed {
			want = event.SessionOpened
		}
		if state[e.Session] != want {
			t.Fatalf("%s of session %s, which is %q", e.Type, e.Session, state[e.Session])
		}
		state[e.Session] = e.Type
	}
	for id, last := range state {
		if last != event.SessionClosed {
			t.Errorf("session %s is %s", id, last)
		}
	}
	if len(state) != sessions || len(seen) != 2*sessions {
		t.Errorf("%d sessions, %d events, want %d sessions", len(state), len(seen), sessions)
	}
}

// TestReceivers: 200 sessions come and go while a receiver behaves badly. It gets all
// pairs in order in the end, and one that behaves well gets them meanwhile.
func TestReceivers(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request, attempt int32) bool
	}{
		{"slow", func(http.ResponseWriter, *http.Request, int32) bool {
			time.Sleep(2 * time.Millisecond)
			return false
		}},
		{"dead for a while", func(_ http.ResponseWriter, _ *http.Request, n int32) bool {
			if n <= 20 {
				panic(http.ErrAbortHandler)
			}
			return false
		}},
		{"silent for a while", func(_ http.ResponseWriter, r *http.Request, n int32) bool {
			if n <= 3 {
				<-r.Context().Done() // the time limit
			}
			return n <= 3
		}},
		{"just in time", func(_ http.ResponseWriter, _ *http.Request, n int32) bool {
			if n%20 == 0 {
				time.Sleep(time.Duration(minTimeout) * 8 / 10)
			}
			return false
		}},
		{"too late, having accepted", func(_ http.ResponseWriter, r *http.Request, n int32) bool {
			if n%100 == 50 {
				<-r.Context().Done() // which the time limit ends
			}
			return false
		}},
		{"flapping", func(w http.ResponseWriter, _ *http.Request, n int32) bool {
			if n%20 < 2 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return n%20 < 2
		}},
		{"a redirect", func(w http.ResponseWriter, r *http.Request, n int32) bool {
			if n == 1 {
				http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
			}
			return n == 1
		}},
		{"garbage", func(w http.ResponseWriter, _ *http.Request, n int32) bool {
			if n%25 != 1 {
				return false
			}
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 2x0 \x00\xff\r\nContent-Length: -4\r\n\r\n\x16\x03\x01")
				conn.Close()
			}
			return true
		}},
		{"much to say", nil}, // as every service here
	} {
		t.Run(c.name, func(t *testing.T) {
			const sessions = 200
			bad, good := serve(t, &service{answer: c.answer}), serve(t, &service{})
			config := testConfig(bad.url, good.url)
			config.Timeout = minTimeout
			r := newRig(t, config)
			r.comeAndGo(sessions)
			eventually(t, "the good receiver has all", func() bool { return len(good.events()) == 2*sessions })
			expectPairs(t, good.events(), sessions)
			r.close(patience)
			expectPairs(t, bad.events(), sessions)
		})
	}
}

// TestCrash: a receiver dies with events that it has accepted but not answered, and
// starts again on the same address.
func TestCrash(t *testing.T) {
	const sessions = 200
	s := &service{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	s.url = "http://" + address
	half := make(chan struct{})
	accepted := &service{answer: func(_ http.ResponseWriter, _ *http.Request, n int32) bool {
		if n == sessions {
			close(half)
		}
		return false
	}}
	first := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accepted.ServeHTTP(httptest.NewRecorder(), r)
		if accepted.tries.Load() >= sessions {
			panic(http.ErrAbortHandler) // no answer any more
		}
		w.WriteHeader(http.StatusOK)
	}), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = first.Serve(listener)
	}()
	r := newRig(t, testConfig(s.url))
	r.comeAndGo(sessions)
	<-half
	first.Close()
	<-done
	if listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	second := httptest.NewUnstartedServer(s)
	second.Listener.Close()
	second.Listener = listener
	second.Start()
	defer second.Close()
	r.close(patience)
	expectPairs(t, append(accepted.events(), s.events()...), sessions)
	repeated := 0
	for _, e := range s.events() {
		if slices.ContainsFunc(accepted.events(), func(other event.Event) bool { return other.ID == e.ID }) {
			repeated++
		}
	}
	if repeated == 0 {
		t.Error("the second was told of nothing that the first had accepted but not answered")
	}
}

// TestFullQueue: what a dead receiver misses is told of once it is back, by one event
// in the right place, and counted.
func TestFullQueue(t *testing.T) {
	const queue, published = 32, 500
	gate := make(chan struct{})
	s := serve(t, &service{answer: func(http.ResponseWriter, *http.Request, int32) bool {
		<-gate
		return false
	}})
	c := testConfig(s.url)
	c.Queue = queue
	r := newRig(t, c)
	for i := range published {
		if i == inFlight+1 { // one more than can be on its way
			eventually(t, "the queue is empty", func() bool { return r.hooks.receivers[0].reader.Waiting() == 0 })
		}
		r.Publish(event.SessionOpened, "live/a", fmt.Sprint(i), nil)
	}
	lost := r.Lost()
	close(gate)
	eventually(t, "it has what there is", func() bool { return len(s.events()) == int(published-lost)+1 })
	r.Publish(event.SessionOpened, "live/a", "after", nil)
	r.close(patience)
	newest := ""
	var gaps []event.Event
	for i, e := range s.events() {
		if e.ID <= newest {
			t.Errorf("event %d has %s, before it was %s", i, e.ID, newest)
		}
		newest = e.ID
		if e.Type == event.EventsLost {
			gaps = append(gaps, e)
		}
	}
	all := s.events()
	if want := fmt.Sprintf(`{"lost":%d}`, lost); len(gaps) != 1 || string(gaps[0].Data) != want || all[len(all)-2].ID != gaps[0].ID || lost != published-inFlight-1-queue {
		t.Errorf("%d gaps, %+v, want one with %s before the last event", len(gaps), gaps, want)
	}
	if n := sample(t, r.hooks, "weir_hook_lost_total"); n != float64(lost) {
		t.Errorf("%v are counted as lost, want %d", n, lost)
	}
}

// TestStop: what there was to say when the server stopped is said, to a receiver that
// was dead until then too; one that stays dead is given up.
func TestStop(t *testing.T) {
	good, dead := serve(t, &service{}), serve(t, &service{answer: func(w http.ResponseWriter, _ *http.Request, _ int32) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	}})
	r := newRig(t, testConfig(good.url, dead.url))
	r.Publish(event.ServerStarted, "", "", nil)
	r.comeAndGo(20)
	r.Publish(event.ServerStopping, "", "", nil)
	r.Publish(event.SessionClosed, "live/a", "last", nil)
	r.Hub.Close()
	eventually(t, "all was sent", func() bool { return len(good.events()) == 43 })
	r.close(0)
	got := good.events()
	if got[0].Type != event.ServerStarted || got[41].Type != event.ServerStopping || got[42].Session != "last" {
		t.Errorf("%s first, %s and %s last", got[0].Type, got[41].Type, got[42].Type)
	}
	if n := len(dead.events()); n != 0 || !strings.Contains(r.log.String(), `msg="events were not sent" receiver=hooks.receivers[1] events=43`) {
		t.Errorf("the dead receiver got %d events; log:\n%s", n, r.log)
	}
}

// TestNotStarted: a server that could not start tells nobody.
func TestNotStarted(t *testing.T) {
	s := serve(t, &service{})
	hub := event.NewHub("n", nil)
	h := New(testConfig(s.url), hub, nil)
	hub.Publish(event.ServerStarted, "", "", nil)
	hub.Close()
	h.Close(t.Context())
	if s.tries.Load() != 0 {
		t.Error("something was sent")
	}
}

func TestRequest(t *testing.T) {
	type request struct {
		header http.Header
		body   []byte
	}
	got := make(chan request, 8)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Header, body}
	}))
	defer server.Close()
	c := NewConfig()
	c.URL, c.Secret, c.Events = config.WebURL(server.URL), "shared secret", []event.Selector{"stream.*"}
	live, err := streamname.ParsePattern("live/**")
	if err != nil {
		t.Fatal(err)
	}
	c.Streams = []streamname.Pattern{live}
	r := newRig(t, c)
	r.Publish(event.SessionOpened, "live/a", "s", nil)
	r.Publish(event.StreamPublished, "cam/a", "s", nil)
	r.Publish(event.StreamPublished, "live/a", "s", map[string]int{"x": 1})
	r.close(patience)
	if len(got) != 1 {
		t.Fatalf("%d requests", len(got))
	}
	q := <-got
	sum := hmac.New(sha256.New, []byte("shared secret"))
	sum.Write(q.body)
	if want := "sha256=" + hex.EncodeToString(sum.Sum(nil)); q.header.Get(auth.SignatureHeader) != want {
		t.Errorf("signed %q, want %q", q.header.Get(auth.SignatureHeader), want)
	}
	var e event.Event
	if err := json.Unmarshal(q.body, &e); err != nil || e.Stream != "live/a" || e.Node != "node" || string(e.Data) != `{"x":1}` {
		t.Errorf("%s %v", q.body, err)
	}
	if q.header.Get("Content-Type") != "application/json" {
		t.Errorf("%v", q.header)
	}
}

// TestSecretsAreNotLogged: neither the URL, which may hold a password, nor the secret.
func TestSecretsAreNotLogged(t *testing.T) {
	c := testConfig("http://ann:planted1@127.0.0.1:1/x?token=planted2")
	c.Receivers[0].Secret = "planted3"
	r := newRig(t, c)
	r.Publish(event.ServerStarted, "", "", nil)
	eventually(t, "an attempt fails", func() bool { return sample(t, r.hooks, "weir_hook_failed_total") > 0 })
	r.close(0)
	if text := r.log.String(); !strings.Contains(text, "hooks.receivers[0]") || strings.Contains(text, "planted") {
		t.Error(text)
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string // "" for none
	}{
		{"defaults", func(*Config) {}, ""},
		{"a receiver", func(c *Config) { c.URL = "https://example.org/x" }, ""},
		{"no URL", func(c *Config) { c.Receivers = []Receiver{{}} }, "receivers[0].url: must be"},
		{"a file", func(c *Config) { c.URL = "file:///planted" }, "url: must be"},
		{"no time", func(c *Config) { c.Timeout = 0 }, "timeout: must be"},
		{"too much time", func(c *Config) { c.Receivers = []Receiver{{URL: "http://a", Timeout: config.Duration(time.Hour)}} }, "receivers[0].timeout: must be"},
		{"no queue", func(c *Config) { c.Queue = 0 }, "queue: must be"},
		{"too many", func(c *Config) { c.Receivers = make([]Receiver, maxReceivers+1) }, "receivers: must be at most"},
		{"a hectic heart", func(c *Config) { c.Heartbeat = 1 }, "heartbeat: must be"},
		{"no heart", func(c *Config) { c.Heartbeat = 0 }, ""},
		{"a line break", func(c *Config) { c.Node = "a\nb" }, "node: must"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := NewConfig()
			c.change(config)
			err := config.Validate()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "planted")) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	c := NewConfig()
	c.Secret = "x"
	if len(c.Warnings()) != 1 {
		t.Error("no warning of a secret without a URL")
	}
}

// sample returns the value of a metric that has one sample.
func sample(t *testing.T, h *Hooks, name string) float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(h.Collectors()...)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited for %v: %s", patience, what)
		}
	}
}

// TestDocumentation: the table of docs/hooks.md has each metric with its labels, and no
// other.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(weir_[a-z_]+)` \\| (?:`([a-z]+)`)? ?\\|").FindAllStringSubmatch(string(text), -1) {
		documented[row[1]] = row[2]
	}
	r := newRig(t, testConfig("http://127.0.0.1:1"))
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r.hooks.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		label := ""
		for _, l := range f.GetMetric()[0].GetLabel() {
			label = l.GetName()
		}
		if got, ok := documented[f.GetName()]; !ok || got != label {
			t.Errorf("%s with the label %q is documented with %q", f.GetName(), label, got)
		}
		delete(documented, f.GetName())
	}
	if len(documented) > 0 {
		t.Errorf("there are no %v", documented)
	}
}
