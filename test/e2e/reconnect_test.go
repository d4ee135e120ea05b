//go:build e2e

package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// watcher reads HTTP-FLV and keeps what it saw.
type watcher struct {
	mu     sync.Mutex
	media  int
	last   map[byte]uint32 // newest timestamp by kind
	maxGap uint32          // largest step between pictures in ms
	err    error
}

// watch reads until the connection ends or a timestamp runs backwards.
func watch(f *flvReader) *watcher {
	w := &watcher{last: map[byte]uint32{}}
	go func() {
		for {
			tag, err := f.next()
			w.mu.Lock()
			if err == nil {
				err = w.see(tag)
			}
			w.err = err
			w.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return w
}

func (w *watcher) see(tag flvTag) error {
	if !tag.media() {
		return nil
	}
	w.media++
	last, seen := w.last[tag.kind]
	if seen && int32(tag.timestamp-last) < 0 {
		return fmt.Errorf("tag type %d: timestamp %d after %d", tag.kind, tag.timestamp, last)
	}
	if seen && tag.kind == tagVideo {
		w.maxGap = max(w.maxGap, tag.timestamp-last)
	}
	w.last[tag.kind] = tag.timestamp
	return nil
}

func (w *watcher) progress() (media int, maxGap uint32, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.media, w.maxGap, w.err
}

// TestFullReconnect: the publisher is killed and comes back within the grace
// period. Nobody's connection closes, timestamps rise, and the hole is no longer
// than the outage and one group of pictures.
func TestFullReconnect(t *testing.T) {
	t.Parallel()
	const viewers = 20
	s := startServer(t, settings{"stream.grace": "15s"})
	publisher := s.publish(t, hardClip, "live/test", publishOptions{loop: true})
	player := start(t, time.Minute, nil, "ffmpeg", "-nostdin", "-v", "warning", "-i", s.rtmpURL("live/test"), "-c", "copy", "-f", "null", "-")
	var all []*watcher
	for range viewers {
		all = append(all, watch(openFLV(t, s.httpURL("live/test.flv"))))
	}
	everyone := func(what string, ok func(*watcher) bool) {
		t.Helper()
		eventually(t, 30*time.Second, what, func() bool {
			for i, w := range all {
				if _, _, err := w.progress(); err != nil {
					t.Fatalf("viewer %d: %v", i, err)
				}
				if !ok(w) {
					return false
				}
			}
			return true
		})
	}
	everyone("all viewers have a hundred packets", func(w *watcher) bool { n, _, _ := w.progress(); return n > 100 })

	outage := time.Now()
	publisher.kill()
	eventually(t, 10*time.Second, "the stream is in its grace period", func() bool {
		st, ok := s.stream(t, "live/test")
		return ok && st.State == "grace"
	})
	seen := map[*watcher]int{}
	for _, w := range all {
		seen[w], _, _ = w.progress()
	}
	s.publish(t, hardClip, "live/test", publishOptions{loop: true})
	everyone("all viewers go on", func(w *watcher) bool { n, _, _ := w.progress(); return n > seen[w] })
	const group = 2 * time.Second
	longest := uint32((time.Since(outage) + group).Milliseconds())
	everyone("all viewers have hundreds of packets more", func(w *watcher) bool { n, _, _ := w.progress(); return n > seen[w]+300 })

	for i, w := range all {
		if _, gap, _ := w.progress(); gap > longest {
			t.Errorf("viewer %d: a hole of %d ms, the outage and a group of pictures took %d ms", i, gap, longest)
		}
	}
	if !player.running() {
		t.Errorf("the RTMP player ended: %v", player.wait())
	}
}

// TestFullGraceOver: a publisher who does not come back ends the stream for its
// viewers.
func TestFullGraceOver(t *testing.T) {
	t.Parallel()
	s := startServer(t, settings{"stream.grace": "1s"})
	publisher := s.publish(t, simpleClip, "live/test", publishOptions{loop: true})
	player := start(t, time.Minute, nil, "ffmpeg", "-nostdin", "-v", "warning", "-i", s.rtmpURL("live/test"), "-c", "copy", "-f", "null", "-")
	w := watch(openFLV(t, s.httpURL("live/test.flv")))
	eventually(t, 20*time.Second, "both viewers are there", func() bool {
		st, _ := s.stream(t, "live/test")
		return st.ViewersTotal == 2
	})
	publisher.kill()
	player.mustSucceed(t)
	eventually(t, 20*time.Second, "HTTP-FLV ends", func() bool { _, _, err := w.progress(); return err != nil })
	if _, ok := s.stream(t, "live/test"); ok {
		t.Error("the stream is still listed")
	}
}
