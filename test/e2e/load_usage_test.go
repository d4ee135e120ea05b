//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
)

// end is how a connection ended: a session to play or publish, or without
// action a peer that was refused.
type end struct{ protocol, action, reason string }

// usage is what a server has counted and holds, by its metrics.
type usage struct {
	ends                    map[end]int
	skips                   int
	parked                  int     // viewers
	goroutines, descriptors int     // of the process
	memory, heap            float64 // bytes that are resident, and of Go's objects, dead ones included
	rings, logs             float64 // bytes of all
}

func (u usage) String() string {
	const mega = 1e6
	return fmt.Sprintf("%d goroutines, %d descriptors, %.1f MB resident, %.1f MB heap, %.2f MB in rings, %.2f MB in logs",
		u.goroutines, u.descriptors, u.memory/mega, u.heap/mega, u.rings/mega, u.logs/mega)
}

var (
	endSample = regexp.MustCompile(`^weir_(?:sessions_closed|refused)_total\{(.*)\}$`)
	label     = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

func (s *server) usage(t *testing.T) usage {
	t.Helper()
	u := usage{ends: make(map[end]int)}
	for sample, value := range s.metrics(t) {
		if m := endSample.FindStringSubmatch(sample); m != nil {
			labels := make(map[string]string)
			for _, l := range label.FindAllStringSubmatch(m[1], -1) {
				labels[l[1]] = l[2]
			}
			u.ends[end{labels["protocol"], labels["action"], labels["reason"]}] = int(value)
			continue
		}
		switch name, _, _ := strings.Cut(sample, "{"); name {
		case "weir_skips_total":
			u.skips += int(value)
		case "weir_delivery_parked":
			u.parked += int(value)
		case "go_goroutines":
			u.goroutines = int(value)
		case "process_open_fds":
			u.descriptors = int(value)
		case "process_resident_memory_bytes":
			u.memory = value
		case "go_memstats_heap_alloc_bytes":
			u.heap = value
		case "weir_ring_bytes":
			u.rings = value
		case "weir_log_bytes":
			u.logs += value
		}
	}
	return u
}

// look returns what the server uses now and keeps the most that it used.
func (r *loadRun) look(t *testing.T) usage {
	t.Helper()
	u := r.usage(t)
	r.peak = usage{
		goroutines: max(u.goroutines, r.peak.goroutines), descriptors: max(u.descriptors, r.peak.descriptors),
		memory: max(u.memory, r.peak.memory), heap: max(u.heap, r.peak.heap), rings: max(u.rings, r.peak.rings), logs: max(u.logs, r.peak.logs),
	}
	return u
}

// requireEnds waits until connections have ended as they must, and no others.
func (r *loadRun) requireEnds(t *testing.T) {
	t.Helper()
	var got usage
	defer func() {
		if t.Failed() {
			t.Logf("ends by reason:\ngot  %v\nwant %v", got.ends, r.want)
		}
	}()
	eventually(t, patience, "everybody who must end has ended, for the right reason, and nobody else", func() bool {
		got = r.look(t)
		return maps.Equal(got.ends, r.want)
	})
	if got.skips > 0 {
		t.Errorf("%d times a viewer was moved on", got.skips)
	}
}

// requireBounds fails the test if the server ever held more than it may.
func (r *loadRun) requireBounds(t *testing.T, usual usage) {
	t.Helper()
	const (
		streams       = 2 // besides those of slow publishers, which hold a frame each
		rings         = streams*loadRing + 1<<20
		logs          = loadLog * streams * 2 // one for each protocol
		perConnection = 32 << 10              // that has no session
	)
	// The collector may let as much garbage be as there are objects.
	memory := usual.memory + float64(2*(rings+logs+r.room*perConnection))
	for _, held := range []struct {
		what      string
		got, most float64
	}{
		{"rings", r.peak.rings, rings},
		{"logs", r.peak.logs, logs},
		{"resident", r.peak.memory, memory},
	} {
		if held.got > held.most && (held.what != "resident" || !raceBuilt(t)) {
			t.Errorf("%s: %.0f bytes at worst, want at most %.0f", held.what, held.got, held.most)
		}
	}
}

// requireBack waits until the server holds no more than it did.
func (r *loadRun) requireBack(t *testing.T, before usage) {
	t.Helper()
	const slack = 5 // goroutines or descriptors: delivery loops, this test's own requests
	var now usage
	defer func() {
		if t.Failed() {
			t.Logf("before %v\nnow    %v, %d parked\n%s", before, now, now.parked, r.get(t, "debug/pprof/goroutine?debug=1"))
		}
	}()
	eventually(t, patience, "nothing is left of those who have gone", func() bool {
		now = r.look(t)
		return now.goroutines <= before.goroutines+slack && now.descriptors <= before.descriptors+slack && now.parked == 0
	})
}

// requireEmpty waits until the server holds no memory for those who have gone.
// What the race detector needs is never given back.
func (r *loadRun) requireEmpty(t *testing.T, empty usage) {
	t.Helper()
	const (
		heapSlack   = 4 << 20  // buffers that are kept for the next one
		memorySlack = 32 << 20 // pages of the program that were used; what the runtime gives back later
	)
	raced := raceBuilt(t)
	var now usage
	defer func() { t.Logf("left      %v", now) }()
	eventually(t, patience, "memory is back at the baseline", func() bool {
		now = r.collected(t)
		return now.rings == 0 && now.logs == 0 && now.heap <= empty.heap+heapSlack && (raced || now.memory <= empty.memory+memorySlack)
	})
}

// collected returns what the server holds after it has collected its garbage.
func (s *server) collected(t *testing.T) usage {
	t.Helper()
	s.get(t, "debug/pprof/heap?gc=1")
	return s.usage(t)
}
