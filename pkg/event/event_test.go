package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/streamname"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pattern(t testing.TB, text string) streamname.Pattern {
	t.Helper()
	p, err := streamname.ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// rest returns what waits for r, which must end with ErrClosed.
func rest(t testing.TB, r *Reader) (out []Event) {
	t.Helper()
	for {
		e, err := r.Next(context.Background())
		if errors.Is(err, ErrClosed) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
}

// words returns the streams of events, and "lost N" in the place of a gap.
func words(t testing.TB, events []Event) (out []string) {
	t.Helper()
	for _, e := range events {
		if e.Type != EventsLost {
			out = append(out, e.Stream)
			continue
		}
		var lost Lost
		if err := json.Unmarshal(e.Data, &lost); err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("lost %d", lost.Lost))
	}
	return out
}

func publish(h *Hub, streams ...string) {
	for _, s := range streams {
		h.Publish(StreamPublished, s, "", nil)
	}
}

func TestSelectors(t *testing.T) {
	for _, c := range []struct {
		text string
		want []Type // nil if it is refused
	}{
		{"session.closed", []Type{SessionClosed}},
		{"session.*", []Type{SessionOpened, SessionClosed, SessionRefused}},
		{"server.*", []Type{ServerStarted, ServerReloaded, ServerHeartbeat, ServerStopping}},
		{"", nil}, {"*", nil}, {"s*", nil}, {"stream", nil}, {"stream.none", nil}, {"events_lost", nil},
	} {
		var s Selector
		err := s.UnmarshalText([]byte(c.text))
		var got []Type
		for _, e := range Types() {
			if s.matches(e) {
				got = append(got, e)
			}
		}
		if (err == nil) != (c.want != nil) || !slices.Equal(got, c.want) {
			t.Errorf("%q matches %v, %v", c.text, got, err)
		}
	}
}

func TestFilter(t *testing.T) {
	h := NewHub("n", nil)
	r := h.Subscribe(ReaderOptions{Queue: 10, Filter: Filter{
		Types: []Selector{"stream.*", "server.*"}, Streams: []streamname.Pattern{pattern(t, "live/*"), pattern(t, "cam/a")},
	}})
	h.Publish(ServerStarted, "", "", nil)
	publish(h, "live/a", "live/a/b", "cam/a", "cam/b")
	h.Publish(SessionOpened, "live/a", "", nil)
	h.Close()
	if got := words(t, rest(t, r)); !slices.Equal(got, []string{"", "live/a", "cam/a"}) {
		t.Errorf("%q", got)
	}
	r.Close()
}

// TestGap: what a full queue has no place for is told of by one event, in its place.
func TestGap(t *testing.T) {
	h := NewHub("n", nil)
	r := h.Subscribe(ReaderOptions{Queue: 4})
	all := h.Subscribe(ReaderOptions{Queue: 100})
	publish(h, "1", "2", "3", "4", "5", "6")
	next := func() Event {
		e, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	got := []Event{next()}
	publish(h, "7") // more than half the queue is still taken
	got = append(got, next())
	publish(h, "8", "9", "10")
	h.Close()
	got = append(got, rest(t, r)...)
	if w := words(t, got); !slices.Equal(w, []string{"1", "2", "3", "4", "lost 3", "8", "lost 2"}) {
		t.Errorf("%q", w)
	}
	if r.Lost() != 5 || h.Lost() != 5 || all.Lost() != 0 {
		t.Errorf("lost %d, %d in all", r.Lost(), h.Lost())
	}
	if !slices.IsSortedFunc(got, func(a, b Event) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("the identities do not rise")
	}
	if w := rest(t, all); len(w) != 10 || got[4].ID != w[6].ID {
		t.Errorf("%d events, the gap ends at %s", len(w), got[4].ID)
	}
}

func TestResume(t *testing.T) {
	h := NewHub("n", nil)
	all := h.Subscribe(ReaderOptions{Queue: 2 * History})
	for i := range History + 10 {
		publish(h, fmt.Sprint(i+1))
	}
	other := NewHub("n", nil)
	publish(other, "x")
	old := other.Subscribe(ReaderOptions{Queue: 1, After: "x"})
	var readers []*Reader
	cases := []struct {
		name, after string
		first       []string
		count       int
	}{
		{"the newest", h.id(History + 10), nil, 0},
		{"one before", h.id(History + 9), []string{fmt.Sprint(History + 10)}, 1},
		{"the last that is forgotten", h.id(10), []string{"11", "12"}, History},
		{"long ago", h.id(7), []string{"lost 3", "11"}, History + 1},
		{"another run", other.id(1), []string{"lost 0", "11"}, History + 1},
		{"none of ours", "x", []string{"lost 0", "11"}, History + 1},
		{"not yet there", h.id(History + 11), []string{"lost 0", "11"}, History + 1},
	}
	for _, c := range cases {
		readers = append(readers, h.Subscribe(ReaderOptions{Queue: History, After: c.after}))
	}
	h.Close()
	other.Close()
	for i, c := range cases {
		got := words(t, rest(t, readers[i]))
		if len(got) != c.count || len(got) > 0 && !slices.Equal(got[:len(c.first)], c.first) {
			t.Errorf("%s: %d events, first %q", c.name, len(got), got[:min(2, len(got))])
		}
	}
	if got := words(t, rest(t, old)); !slices.Equal(got, []string{"lost 0", "lost 1"}) {
		t.Errorf("a reader with a short queue: %q", got)
	}
	if n := len(rest(t, all)); n != History+10 {
		t.Errorf("%d events", n)
	}
}

// TestConcurrency: every reader gets all events, in the same order, from publishers
// at once; nobody is left behind.
// TestChange: another filter and another length of the queue count from now on.
func TestChange(t *testing.T) {
	h := NewHub("node", nil)
	r := h.Subscribe(ReaderOptions{Queue: 2})
	publish(h, "a", "b")
	r.Change(Filter{Streams: []streamname.Pattern{pattern(t, "c")}}, 4)
	publish(h, "d", "c", "e", "c")
	h.Close()
	if got := words(t, rest(t, r)); !slices.Equal(got, []string{"a", "b", "c", "c"}) {
		t.Errorf("got %q", got)
	}
}

func TestConcurrency(t *testing.T) {
	const publishers, each = 8, 500
	h := NewHub("n", nil)
	readers := []*Reader{h.Subscribe(ReaderOptions{Queue: publishers * each}), h.Subscribe(ReaderOptions{Queue: publishers * each})}
	var read, published sync.WaitGroup
	got := make([][]Event, len(readers))
	for i, r := range readers {
		read.Go(func() { got[i] = rest(t, r) })
	}
	for p := range publishers {
		published.Go(func() {
			for i := range each {
				h.Publish(SessionOpened, fmt.Sprint(p), fmt.Sprint(i), i)
			}
		})
	}
	published.Wait()
	h.Close()
	h.Publish(ServerStopping, "", "", nil) // too late
	read.Wait()
	seen := map[string]int{}
	for i, e := range got[0] {
		if e.ID != got[1][i].ID || fmt.Sprint(seen[e.Stream]) != e.Session {
			t.Fatalf("event %d is %+v", i, e)
		}
		seen[e.Stream]++
	}
	if len(got[0]) != publishers*each || len(got[1]) != publishers*each {
		t.Errorf("%d and %d events", len(got[0]), len(got[1]))
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	h := NewHub("n", nil)
	r := h.Subscribe(ReaderOptions{Queue: 1})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	r.Close()
	publish(h, "a")
	if r.Waiting() != 0 {
		t.Error("a closed reader gets events")
	}
}

func TestDataThatCannotBeWritten(t *testing.T) {
	h := NewHub("n", nil)
	r := h.Subscribe(ReaderOptions{Queue: 1})
	h.Publish(StreamPublished, "a", "s", func() {})
	h.Close()
	if got := rest(t, r); len(got) != 1 || string(got[0].Data) != "null" || got[0].Session != "s" || got[0].Node != "n" {
		t.Errorf("%+v", got)
	}
}

// FuzzResume: whatever a client says that it has seen, it gets events in order and
// the newest last, unless it has seen that.
func FuzzResume(f *testing.F) {
	h := NewHub("n", nil)
	for i := range History + 3 {
		publish(h, fmt.Sprint(i+1))
	}
	h.Close()
	newest := h.id(h.newest)
	f.Add(h.id(2))
	f.Add(newest)
	f.Fuzz(func(t *testing.T, after string) {
		r := h.Subscribe(ReaderOptions{Queue: History, After: after})
		defer r.Close()
		got := rest(t, r)
		if !slices.IsSortedFunc(got, func(a, b Event) int { return strings.Compare(a.ID, b.ID) }) {
			t.Error("the order is wrong")
		}
		if n := len(got); n > History+1 || n > 0 && got[n-1].ID != newest {
			t.Errorf("%d events", n)
		}
	})
}

// FuzzSelector: what is accepted matches something and is written as it was read.
func FuzzSelector(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		var s Selector
		if s.UnmarshalText([]byte(text)) != nil {
			return
		}
		if out, err := s.MarshalText(); err != nil || string(out) != text || !slices.ContainsFunc(Types(), s.matches) {
			t.Errorf("%q became %q, %v", text, out, err)
		}
	})
}
