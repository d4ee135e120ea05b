package api

import (
	"compress/gzip"
	"io"
	"strings"
	"sync"
	"testing"
)

// Mutexes are profiled while their profile is asked for.
func TestMutexProfile(t *testing.T) {
	var mu sync.Mutex
	var running sync.WaitGroup
	over := make(chan struct{})
	for range 4 {
		running.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				mu.Lock()
				for range 100_000 { // long enough for others to wait
				}
				mu.Unlock()
			}
		})
	}
	w := ask(Profiles(), "GET", "/debug/pprof/mutex?seconds=1")
	close(over)
	running.Wait()
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	unzipped, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	profile, err := io.ReadAll(unzipped)
	if err != nil || !strings.Contains(string(profile), "TestMutexProfile") { // among its names of functions
		t.Errorf("%d bytes without this test, %v", len(profile), err)
	}
}
