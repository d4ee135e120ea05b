package session

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// Rates are those of the last seconds, whatever came before.
func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{})
		s, err := r.Open(Info{Protocol: "rtmp", Action: Publish, Stream: "live/a"}, func(reason.Reason) {})
		if err != nil {
			t.Fatal(err)
		}
		rates := func() string {
			snapshot, _ := r.Get(s.ID())
			in, out := snapshot.Rates()
			return fmt.Sprintf("%.0f %.0f", in, out)
		}
		s.Counters().BytesIn.Add(1000)
		if got := rates(); got != "8000 0" {
			t.Errorf("at once: %s", got)
		}
		for n := range 3000 { // of 10 ms
			s.Counters().BytesIn.Add(20)
			s.Counters().BytesOut.Add(200)
			time.Sleep(10 * time.Millisecond)
			snapshot, _ := r.Get(s.ID())
			if in, out := snapshot.Rates(); n > 500 && (in < 15_800 || in > 16_200 || out < 158_000 || out > 162_000) {
				t.Fatalf("after %d ms: %g %g", 10*n, in, out)
			}
		}
		time.Sleep(2*sampleEvery + time.Second)
		if got := rates(); got != "0 0" {
			t.Errorf("when nothing came any more: %s", got)
		}
		live, _ := r.Get(s.ID())
		s.Counters().BytesIn.Add(1000)
		s.Close(reason.Unpublished, nil)
		end := r.Ended()[0]
		if in, out := end.Rates(); in != 0 || out != 0 {
			t.Errorf("ended: %g %g", in, out)
		}
		if in, _ := live.Rates(); in == 0 {
			t.Error("a snapshot does not look any more")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if r.looks() {
			t.Error("sessions are looked at that are not there")
		}
		if _, err := r.Open(Info{Protocol: "rtmp", Action: Publish, Stream: "live/a"}, func(reason.Reason) {}); err != nil || !r.looks() {
			t.Error("they are not looked at again", err)
		}
	})
}

func (r *Registry) looks() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.measuring
}

type lagger time.Duration

func (l lagger) Lag() (time.Duration, bool) { return time.Duration(l), l >= 0 }

func TestLag(t *testing.T) {
	r := NewRegistry(Options{})
	s, err := r.Open(Info{Protocol: "rtmp", Action: Play, Stream: "live/a"}, func(reason.Reason) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		lagger Lagger
		lag    time.Duration
		ok     bool
	}{{nil, 0, false}, {lagger(7), 7, true}, {lagger(-1), -1, false}, {nil, 0, false}} {
		s.LagOf(test.lagger)
		snapshot, _ := r.Get(s.ID())
		if lag, ok := snapshot.Lag(); lag != test.lag || ok != test.ok {
			t.Errorf("%v: %v %v", test.lagger, lag, ok)
		}
	}
	s.LagOf(lagger(7))
	s.Close(reason.ClientClosed, nil)
	end := r.Ended()[0]
	if _, ok := end.Lag(); ok {
		t.Error("one that has ended lags")
	}
}

func BenchmarkSample10000(b *testing.B) {
	r := NewRegistry(Options{})
	for i := range 10_000 {
		if _, err := r.Open(Info{Protocol: "rtmp", Action: Play, Stream: fmt.Sprint("live/", i%100)}, func(reason.Reason) {}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		r.look()
	}
}

func BenchmarkSkipped(b *testing.B) {
	r := NewRegistry(Options{})
	s, err := r.Open(Info{Protocol: "rtmp", Action: Play, Stream: "live/a"}, func(reason.Reason) {})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Skipped(reason.LagTime, 40)
	}
}
