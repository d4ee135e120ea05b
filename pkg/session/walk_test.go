package session_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// many is more than are looked at in one step.
const many = 1000

func TestAll(t *testing.T) {
	r := session.NewRegistry(session.Options{})
	var all []*session.Session
	for i := range many {
		all = append(all, open(t, r, viewer(fmt.Sprint(i)), ignore))
	}
	seen := 0
	for s := range r.All() {
		switch {
		case s.ID != all[seen].ID():
			t.Fatalf("number %d is %s, want %s: oldest first", seen, s.Stream, all[seen].Info().Stream)
		case seen == 10: // in the middle of a walk everything may go on
			all[many-1].Close(reason.ClientClosed, nil)
			open(t, r, viewer("late"), ignore)
		}
		seen++
	}
	if seen != many-1 {
		t.Errorf("%d were seen, want all %d but the one that ended before its turn", seen, many)
	}
	for range r.All() {
		break // must not block the next
	}
	if n := len(r.List()); n != many {
		t.Errorf("%d are listed, want %d", n, many)
	}
}

// Counters do not go back, and count each session once, whoever comes and goes
// meanwhile and whatever an owner adds late.
func TestTotalsGrowWhileSessionsEnd(t *testing.T) {
	r := session.NewRegistry(session.Options{})
	var all []*session.Session
	for range many {
		s := open(t, r, viewer("live/test"), ignore)
		s.Counters().BytesOut.Add(1)
		all = append(all, s)
	}
	stay := open(t, r, viewer("live/test"), ignore) // or the stream's count begins anew
	defer stay.Close(reason.ClientClosed, nil)
	var ending sync.WaitGroup
	ending.Go(func() {
		for _, s := range all {
			s.Close(reason.ClientClosed, nil)
			s.Counters().BytesOut.Add(1) // does not count any more
		}
	})
	for range 200 {
		if n := r.Totals().Groups[0].BytesOut; n != many {
			t.Fatalf("%d bytes in all, want %d", n, many)
		}
		if n := r.StreamTotals([]string{"live/test"})["live/test"].BytesOut; n != many {
			t.Fatalf("%d bytes of the stream, want %d", n, many)
		}
	}
	ending.Wait()
	if n := r.Totals().Groups[0].BytesOut; n != many {
		t.Errorf("%d bytes at the end, want %d", n, many)
	}
}

func TestStreamTotals(t *testing.T) {
	r := session.NewRegistry(session.Options{})
	publisher := viewer("a")
	publisher.Action = session.Publish
	open(t, r, publisher, ignore).Counters().BytesIn.Add(5)
	first, second := open(t, r, viewer("a"), ignore), open(t, r, viewer("a"), ignore)
	second.Counters().BytesOut.Add(7)
	second.Skipped(reason.LagBytes, 3)
	if err := first.Wait(); err != nil {
		t.Fatal(err)
	}
	other := open(t, r, viewer("b"), ignore)
	other.Counters().BytesOut.Add(100)
	second.Close(reason.ClientClosed, nil)

	got := r.StreamTotals([]string{"a", "none"})
	a := got["a"]
	if len(got) != 1 || a == nil {
		t.Fatalf("got %v, want a alone", got)
	}
	if a.Publishers != 1 || len(a.Viewers) != 0 || a.BytesIn != 5 || a.BytesOut != 7 || a.FramesSkipped != 3 || a.Skips[reason.LagBytes] != 1 {
		t.Errorf("got %+v", a)
	}
	first.Activate()
	for _, action := range []session.Action{session.Record, session.Forward} { // they are no viewers
		open(t, r, session.Info{Protocol: "record", Action: action, Stream: "a"}, ignore)
	}
	if a = r.StreamTotals([]string{"a"})["a"]; len(a.Viewers) != 1 || a.Viewers["rtmp"] != 1 {
		t.Errorf("got %+v, want one viewer", a)
	}
	other.Close(reason.ClientClosed, nil)
	if got := r.StreamTotals([]string{"b"}); len(got) != 0 {
		t.Errorf("a stream without sessions has totals: %v", got)
	}
	open(t, r, viewer("b"), ignore)
	if b := r.StreamTotals([]string{"b"})["b"]; b.BytesOut != 0 {
		t.Errorf("a stream that had nobody begins with %d bytes", b.BytesOut)
	}
}

// BenchmarkAll10000 is what looking at each of many sessions costs.
func BenchmarkAll10000(b *testing.B) {
	for r := full(b); b.Loop(); {
		for range r.All() { // looks at each
		}
	}
}

func BenchmarkLacks10000(b *testing.B) {
	for r := full(b); b.Loop(); {
		r.Lacks()
	}
}

func BenchmarkStreamTotals10000(b *testing.B) {
	r := full(b)
	streams := make([]string, 100)
	for i := range streams {
		streams[i] = fmt.Sprint("live/", i)
	}
	for b.Loop() {
		r.StreamTotals(streams)
	}
}
