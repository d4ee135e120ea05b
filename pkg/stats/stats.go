// Package stats remembers how the server has fared in the last ten minutes: a
// sample every two seconds of what it serves and what that costs, for charts that
// begin with a past. It reads counters that are there anyway.
package stats

import (
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/fanout"
	"github.com/weirmedia/weir/pkg/session"
)

const (
	// Interval is the time between two samples. With 1,000 sessions a sample takes
	// 0.04 ms, which is 0.002 % of a core (BenchmarkSample).
	Interval = 2 * time.Second
	// Kept is how many samples are remembered.
	Kept = 300
)

// Sample is the state of the server at one moment, and what happened in the
// interval before.
type Sample struct {
	At         time.Time      `json:"at"` // UTC, whole milliseconds
	Streams    int            `json:"streams"`
	Publishers int            `json:"publishers"`
	Viewers    map[string]int `json:"viewers"`     // by protocol; those that wait are left out
	BitrateIn  int64          `json:"bitrate_in"`  // bit/s, without TLS and TCP
	BitrateOut int64          `json:"bitrate_out"` // likewise
	CPU        float64        `json:"cpu"`         // processors: 1 is one whole core
	Memory     int64          `json:"memory_bytes"`
	Goroutines int            `json:"goroutines"`
	OpenFiles  int            `json:"open_files"`
	Lag        *Lag           `json:"lag_ms"` // nil if nothing was delivered
	Skips      uint64         `json:"skips"`
	Refused    uint64         `json:"refused"`
}

// Lag is how late viewers got frames, in milliseconds: the delivery lag, as far as
// the bounds of its histogram tell.
type Lag struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// Options say what is sampled. All are needed.
type Options struct {
	Bus      *bus.Bus
	Delivery *fanout.Delivery
	Sessions *session.Registry
}

// Sampler takes samples until it is closed. Since is safe for concurrent use.
type Sampler struct {
	options Options
	last    reading // of the goroutine
	stop    chan struct{}
	done    chan struct{}

	mu      sync.Mutex
	samples []Sample
	next    int // index of the oldest, once there are Kept
}

// Start begins to take samples, the first after an Interval.
func Start(o Options) *Sampler {
	s := &Sampler{options: o, stop: make(chan struct{}), done: make(chan struct{})}
	_, s.last = s.sample(time.Now())
	go s.run()
	return s
}

// Close ends it and returns when nothing runs any more.
func (s *Sampler) Close() {
	close(s.stop)
	<-s.done
}

func (s *Sampler) run() {
	defer close(s.done)
	ticker := time.NewTicker(Interval)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
			var sample Sample
			sample, s.last = s.sample(time.Now())
			s.keep(sample)
		}
	}
}

func (s *Sampler) keep(sample Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.samples) < Kept {
		s.samples = append(s.samples, sample)
		return
	}
	s.samples[s.next] = sample
	s.next = (s.next + 1) % Kept
}

// Since returns the samples after a moment, oldest first; the caller does not
// change them.
func (s *Sampler) Since(t time.Time) []Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Sample, 0, len(s.samples))
	for i := range s.samples {
		if sample := s.samples[(s.next+i)%len(s.samples)]; sample.At.After(t) {
			out = append(out, sample)
		}
	}
	return out
}

// reading is what samples are the differences of.
type reading struct {
	at                time.Time // monotonic
	cpu               time.Duration
	bytesIn, bytesOut uint64
	skips, refused    uint64
	lag               buckets
}

// sample returns the sample of now, and what the next one is compared with.
func (s *Sampler) sample(now time.Time) (Sample, reading) {
	out := Sample{
		At: now.UTC().Truncate(time.Millisecond), Streams: s.options.Bus.Len(), Viewers: map[string]int{},
		Memory: Memory(), Goroutines: runtime.NumGoroutine(), OpenFiles: OpenFiles(),
	}
	next := reading{at: now, cpu: cpuTime()}
	totals := s.options.Sessions.Totals()
	for _, g := range totals.Groups {
		next.bytesIn += g.BytesIn
		next.bytesOut += g.BytesOut
		next.skips += g.Counts.Skips
		switch n := g.Open - g.Waiting; {
		case g.Action == session.Publish:
			out.Publishers += n
		case g.Action == session.Play && n > 0:
			out.Viewers[g.Protocol] += n
		}
	}
	for _, r := range totals.Refusals {
		next.refused += r.Count
	}
	counts := s.options.Delivery.Stats()
	for _, kind := range []av.Kind{av.Video, av.Audio} {
		next.lag.add(counts.Lag(kind))
	}
	last := &s.last
	elapsed := max(now.Sub(last.at).Seconds(), math.SmallestNonzeroFloat64)
	out.BitrateIn = int64(8 * float64(next.bytesIn-last.bytesIn) / elapsed)
	out.BitrateOut = int64(8 * float64(next.bytesOut-last.bytesOut) / elapsed)
	out.CPU = math.Round(1e4*(next.cpu-last.cpu).Seconds()/elapsed) / 1e4
	out.Skips, out.Refused = next.skips-last.skips, next.refused-last.refused
	out.Lag = next.lag.since(&last.lag)
	return out, next
}
