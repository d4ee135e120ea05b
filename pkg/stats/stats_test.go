package stats

import (
	"fmt"
	"os"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newOptions(t testing.TB) Options {
	o := Options{Bus: bus.New(bus.DefaultLimits()), Delivery: fanout.New(fanout.DefaultLimits()), Sessions: session.NewRegistry(session.Options{})}
	t.Cleanup(func() {
		o.Bus.Close(reason.Shutdown)
		o.Delivery.Close()
	})
	return o
}

func open(t testing.TB, o Options, protocol string, action session.Action) *session.Session {
	t.Helper()
	s, err := o.Sessions.Open(session.Info{Protocol: protocol, Action: action, Stream: "live/test"}, func(reason.Reason) {})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// withoutProcess leaves out what is of this process.
func withoutProcess(s Sample) Sample {
	s.CPU, s.Memory, s.Goroutines, s.OpenFiles = 0, 0, 0, 0
	return s
}

func TestSamples(t *testing.T) {
	o := newOptions(t)
	synctest.Test(t, func(t *testing.T) {
		if _, err := o.Bus.Publish("live/test", bus.Claim{Owner: "me", Kill: func(reason.Reason) {}}); err != nil {
			t.Fatal(err)
		}
		defer o.Bus.Close(reason.Shutdown) // its timers are of the bubble
		publisher, viewer := open(t, o, "rtmp", session.Publish), open(t, o, "rtmp", session.Play)
		if err := open(t, o, "rtmp", session.Play).Wait(); err != nil {
			t.Fatal(err)
		}
		publisher.Counters().BytesIn.Add(1 << 20) // before the first: no rate
		begin := time.Now().UTC().Truncate(time.Millisecond)
		s := Start(o)
		defer s.Close()
		if got := s.Since(time.Time{}); len(got) != 0 {
			t.Errorf("%d samples are there at once", len(got))
		}
		publisher.Counters().BytesIn.Add(1000)
		viewer.Counters().BytesOut.Add(5000)
		viewer.Skipped(reason.LagTime, 4)
		o.Sessions.Refuse(session.Info{Protocol: "rtsp"}, reason.BadRequest, nil)
		time.Sleep(Interval)
		synctest.Wait()
		viewer.Close(reason.ClientClosed, nil)
		open(t, o, "hls", session.Play)
		open(t, o, "record", session.Record) // which is no viewer
		open(t, o, "relay", session.Forward)
		time.Sleep(Interval)
		synctest.Wait()

		got := s.Since(time.Time{})
		want := []Sample{
			{
				At: begin.Add(Interval), Streams: 1, Publishers: 1, Viewers: map[string]int{"rtmp": 1},
				BitrateIn: 4000, BitrateOut: 20000, Skips: 1, Refused: 1,
			},
			{At: begin.Add(2 * Interval), Streams: 1, Publishers: 1, Viewers: map[string]int{"hls": 1}},
		}
		if len(got) != len(want) {
			t.Fatalf("%d samples, want %d", len(got), len(want))
		}
		for i := range want {
			if one := withoutProcess(got[i]); !reflect.DeepEqual(one, want[i]) {
				t.Errorf("sample %d is\n%+v, want\n%+v", i, one, want[i])
			}
			if got[i].Memory < 1<<20 || got[i].Goroutines < 2 {
				t.Errorf("sample %d has %d bytes, %d goroutines", i, got[i].Memory, got[i].Goroutines)
			}
		}
		if later := s.Since(got[0].At); len(later) != 1 || !later[0].At.Equal(got[1].At) {
			t.Errorf("%d samples are later than the first, want the second alone", len(later))
		}
	})
}

// Samples of the last ten minutes are kept, in order.
func TestSamplesAreBounded(t *testing.T) {
	o := newOptions(t)
	synctest.Test(t, func(t *testing.T) {
		s := Start(o)
		defer s.Close()
		begin := time.Now()
		time.Sleep((Kept + 7) * Interval)
		synctest.Wait()
		got := s.Since(time.Time{})
		if len(got) != Kept {
			t.Fatalf("%d samples, want %d", len(got), Kept)
		}
		for i, one := range got {
			if want := begin.Add(time.Duration(i+8) * Interval).Truncate(time.Millisecond); !one.At.Equal(want) {
				t.Fatalf("sample %d is of %v, want %v", i, one.At, want)
			}
		}
	})
}

func TestQuantile(t *testing.T) {
	var first, second buckets
	first[0], first[13] = 7, 1 // are not of the interval
	second = first
	if got := second.since(&first); got != nil {
		t.Errorf("nothing was delivered, but the lag is %+v", got)
	}
	for _, c := range []struct {
		name     string
		add      map[int]uint64 // by bucket
		p50, p99 float64
	}{
		{"one bucket", map[int]uint64{3: 100}, 3.5, 4.97},
		{"two", map[int]uint64{1: 50, 6: 50}, 1, 49.4},
		{"few late ones", map[int]uint64{0: 990, 5: 10}, .253, .5},
		{"beyond all", map[int]uint64{14: 5}, 10000, 10000},
		{"half beyond", map[int]uint64{13: 5, 14: 5}, 10000, 10000},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := first
			for i, n := range c.add {
				b[i] += n
			}
			if got := b.since(&first); *got != (Lag{c.p50, c.p99}) {
				t.Errorf("%+v, want %v and %v", *got, c.p50, c.p99)
			}
		})
	}
}

// What the system tells is what it tells others.
func TestUsage(t *testing.T) {
	before := OpenFiles()
	var files []*os.File
	for range 10 {
		f, err := os.Open("stats_test.go")
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if after := OpenFiles(); after != before+10 {
		t.Errorf("%d descriptors, then %d although 10 more are open", before, after)
	}
	for _, f := range files {
		f.Close()
	}
	start := cpuTime()
	for sum := 0; cpuTime() < start+20*time.Millisecond; sum++ { // works until it is noticed
	}
}

// BenchmarkSample is what a sample costs with so many sessions.
func BenchmarkSample(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			o := newOptions(b)
			for range n {
				open(b, o, "rtmp", session.Play)
			}
			s := &Sampler{options: o}
			b.ReportAllocs()
			for b.Loop() {
				_, s.last = s.sample(time.Now())
			}
		})
	}
}
