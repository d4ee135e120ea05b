package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// TestObserver: 200 sessions come and go at once. Each is opened before it is closed,
// once, with what it moved, and Shutdown waits until the last was told of.
func TestObserver(t *testing.T) {
	const sessions = 200
	var mu sync.Mutex
	opened, closed := map[string]bool{}, map[string]End{}
	r := NewRegistry(Options{})
	r.Observe(Observer{
		Opened: func(s Snapshot) {
			if _, ok := r.Get(s.ID); !ok { // also: no lock is held
				t.Errorf("%s is not there", s.ID)
			}
			mu.Lock()
			defer mu.Unlock()
			opened[s.ID] = true
		},
		Closed: func(e End) {
			time.Sleep(time.Millisecond) // Shutdown would not see the last
			if _, ok := r.Get(e.ID); ok {
				t.Errorf("%s is still there", e.ID)
			}
			mu.Lock()
			defer mu.Unlock()
			if _, twice := closed[e.ID]; !opened[e.ID] || twice {
				t.Errorf("%s: opened %v, closed before %v", e.ID, opened[e.ID], twice)
			}
			closed[e.ID] = e
		},
	})
	var all sync.WaitGroup
	var ids sync.Map
	for i := range sessions {
		all.Go(func() {
			stop := make(chan struct{})
			var once sync.Once
			s, err := r.Open(Info{Protocol: "rtmp", Action: Play, Stream: fmt.Sprint(i % 5)}, func(reason.Reason) { once.Do(func() { close(stop) }) })
			if err != nil {
				t.Error(err)
				return
			}
			ids.Store(s.ID(), i)
			s.Counters().BytesOut.Add(uint64(i))
			if i%2 == 0 {
				s.Close(reason.ClientClosed, errors.New("reset"))
			} else {
				all.Go(func() {
					<-stop
					s.Close(reason.NetworkError, nil)
				})
			}
		})
	}
	gone := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(closed)
	}
	for r.Totals().opened() < sessions || gone() < sessions/2 { // else Shutdown refuses some, or ends them
		time.Sleep(time.Millisecond)
	}
	if err := r.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	if len(opened) != sessions || len(closed) != sessions {
		t.Errorf("%d opened, %d closed", len(opened), len(closed))
	}
	mu.Unlock()
	all.Wait()
	for id, e := range closed {
		i, _ := ids.Load(id)
		want := reason.ClientClosed
		if i.(int)%2 == 1 {
			want = reason.Shutdown
		}
		if e.Reason != want || e.BytesOut != uint64(i.(int)) || e.Protocol != "rtmp" || e.Duration < 0 {
			t.Errorf("session %d: %+v", i, e)
		}
	}
}

func (t Totals) opened() (n uint64) {
	for _, g := range t.Groups {
		n += g.Opened
	}
	return n
}

// TestObserverOfRefusals: they are told of as often as they are logged.
func TestObserverOfRefusals(t *testing.T) {
	told := 0
	r := NewRegistry(Options{})
	r.Observe(Observer{Refused: func(i Info, why reason.Reason) {
		if told++; i.Stream != "live/a" || why != reason.StreamNotFound {
			t.Errorf("%+v %s", i, why)
		}
	}})
	for range 10 * linesPerSecond {
		r.Refuse(Info{Protocol: "hls", Stream: "live/a"}, reason.StreamNotFound, nil)
	}
	if told == 0 || told >= 10*linesPerSecond {
		t.Errorf("told %d times", told)
	}
}
