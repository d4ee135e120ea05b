package fanout

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/av"
)

// LagBounds are the upper bounds of the delivery lag histogram: from a frame
// alone on an idle server (below 1 ms) to the lag bound.
var LagBounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second,
	5 * time.Second, 10 * time.Second,
}

// LagCounts counts delivery lag: from a frame's arrival until the kernel took
// its last byte for one viewer, catch-up at a join or skip excluded.
type LagCounts struct {
	kinds [2]struct {
		buckets [len(LagBounds) + 1]atomic.Uint64
		sum     atomic.Uint64 // ns
	}
}

func (c *LagCounts) observe(k av.Kind, lag int64) {
	i := 0
	for i < len(LagBounds) && lag > int64(LagBounds[i]) {
		i++
	}
	c.kinds[k].buckets[i].Add(1)
	c.kinds[k].sum.Add(uint64(max(lag, 0)))
}

// Lag is a snapshot of the delivery lag of one kind of media.
type Lag struct {
	// Buckets has the observations up to each of LagBounds, not cumulative, and
	// those beyond the last.
	Buckets [len(LagBounds) + 1]uint64
	Sum     time.Duration
}

// LoopCounts are the counters of one delivery loop; the last one of a Stats is
// that of all viewers with a goroutine of their own.
type LoopCounts struct {
	Busy   atomic.Uint64 // ns spent working
	Passes atomic.Uint64 // of a log's viewers
	Served atomic.Uint64 // viewers in these passes, parked ones left out
	Sends  atomic.Uint64 // system calls
	Bytes  atomic.Uint64
	Parks  atomic.Uint64
	Parked atomic.Int64 // viewers parked now
	Lag    LagCounts
}

// FormatCounts are the counters of all logs of one format.
type FormatCounts struct {
	Logs     atomic.Int64  // now
	Frames   atomic.Uint64 // serialised
	LeftOut  atomic.Uint64 // frames of tracks that are carried, which the format cannot express
	Bytes    atomic.Uint64
	Overruns atomic.Uint64 // times a log was too slow for its view's ring

	mu   sync.Mutex
	live map[*Log]struct{}
}

// Stats are the counters of a delivery. They may be read at any time.
type Stats struct {
	Loops []LoopCounts

	mu      sync.Mutex
	formats map[string]*FormatCounts
}

func newStats(loops int) *Stats {
	return &Stats{Loops: make([]LoopCounts, loops), formats: make(map[string]*FormatCounts)}
}

// Lag returns the delivery lag of kind, av.Video or av.Audio, of all viewers.
func (s *Stats) Lag(kind av.Kind) Lag {
	var out Lag
	for i := range s.Loops {
		c := &s.Loops[i].Lag.kinds[kind]
		for b := range out.Buckets {
			out.Buckets[b] += c.buckets[b].Load()
		}
		out.Sum += time.Duration(c.sum.Load())
	}
	return out
}

// Formats returns the counters by format.
func (s *Stats) Formats() map[string]*FormatCounts {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]*FormatCounts, len(s.formats))
	for name, f := range s.formats {
		out[name] = f
	}
	return out
}

func (s *Stats) format(name string) *FormatCounts {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.formats[name]
	if f == nil {
		f = &FormatCounts{live: make(map[*Log]struct{})}
		s.formats[name] = f
	}
	return f
}

func (f *FormatCounts) opened(l *Log) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live[l] = struct{}{}
	f.Logs.Add(1)
}

func (f *FormatCounts) closed(l *Log) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.live, l)
	f.Logs.Add(-1)
}

// Held returns the bytes that the format's logs hold now.
func (f *FormatCounts) Held() int64 {
	f.mu.Lock()
	logs := make([]*Log, 0, len(f.live))
	for l := range f.live {
		logs = append(logs, l)
	}
	f.mu.Unlock()
	var n int64
	for _, l := range logs {
		n += l.size()
	}
	return n
}
