//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// metrics returns the values of all metrics, by name with labels.
func (s *server) metrics(t *testing.T) map[string]float64 {
	t.Helper()
	all := make(map[string]float64)
	for _, line := range strings.Split(s.get(t, "metrics"), "\n") {
		space := strings.LastIndexByte(line, ' ')
		if space < 0 || line[0] == '#' {
			continue
		}
		value, err := strconv.ParseFloat(line[space+1:], 64)
		if err != nil {
			t.Fatalf("metric %q: %v", line, err)
		}
		all[line[:space]] = value
	}
	return all
}

// gauge returns the value of a metric without labels.
func (s *server) gauge(t *testing.T, name string) float64 {
	t.Helper()
	value, ok := s.metrics(t)[name]
	if !ok {
		t.Fatalf("no metric %s", name)
	}
	return value
}

// TestFullLeaks: 200 rounds of publish, play and disconnect at random moments
// leave no goroutine, descriptor or stream behind.
func TestFullLeaks(t *testing.T) {
	t.Parallel()
	const (
		workers = 8
		rounds  = 25
		seed    = 1
	)
	s := startServer(t, settings{"stream.grace": "1s", "stream.wait": "1s"})
	tags := fileTags(t, simpleClip)
	round := func(r *rand.Rand, name string) {
		publisher, err := dialPublisher(s.rtmp, name)
		if err != nil {
			t.Error(err)
			return
		}
		defer publisher.conn.Close()
		viewers := 0
		for _, tag := range tags[:r.IntN(300)+1] {
			if publisher.send(tag) != nil {
				return // the server may refuse a name that is still busy
			}
			if viewers < 3 && r.IntN(20) == 0 {
				viewers++
				go leave(s.http, name, r.IntN(100_000))
			}
		}
	}
	// What a server that did nothing yet has. Delivery loops that start with the
	// first viewer and this test's own requests come on top.
	goroutines, descriptors := s.gauge(t, "go_goroutines"), s.gauge(t, "process_open_fds")
	const slack = 5

	var wg sync.WaitGroup
	for worker := range workers {
		r := rand.New(rand.NewPCG(seed, uint64(worker)))
		wg.Go(func() {
			for n := range rounds {
				round(r, fmt.Sprintf("live/%d-%d", worker, n%5))
			}
		})
	}
	wg.Wait()
	eventually(t, 30*time.Second, "all streams and sessions are gone", func() bool {
		return len(s.streams(t)) == 0 && !strings.Contains(s.get(t, "api/v1/sessions"), `"id"`)
	})
	var g, d float64
	t.Cleanup(func() { t.Logf("goroutines %v, then %v; descriptors %v, then %v", goroutines, g, descriptors, d) })
	eventually(t, 30*time.Second, "goroutines and descriptors are back at the baseline", func() bool {
		g, d = s.gauge(t, "go_goroutines"), s.gauge(t, "process_open_fds")
		return g <= goroutines+slack && d <= descriptors+slack
	})
}
