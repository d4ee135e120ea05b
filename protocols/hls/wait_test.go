package hls

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/protocols/hls/hlstest"
	"github.com/weirmedia/weir/protocols/hls/segment"
)

// next returns the segment and the part that come next.
func next(l *hlstest.Playlist) (number uint64, part int) {
	number = l.Sequence + uint64(len(l.Segments))
	if l.Open != nil {
		part = len(l.Open.Parts)
	}
	return number, part
}

// waiting waits until so many requests do.
func (r *rig) waiting(n int64) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%d requests to wait", n), func() bool { return r.service.blocked.Load() == n })
}

func TestBlockedReload(t *testing.T) {
	r := newRig(t, options{})
	s := r.publish(50)
	r.warm(s, segment.FMP4)
	s.play(330)
	path := r.open("")
	l := r.playlist(path)
	number, part := next(l)
	at := func(n uint64, p int) string { return fmt.Sprintf("%s&_HLS_msn=%d&_HLS_part=%d", path, n, p) }

	// What is there is answered at once, also a part beyond a segment's last.
	r.get(at(number-1, 0), http.StatusOK)
	r.get(at(number-1, 99), http.StatusOK)
	r.get(fmt.Sprintf("%s&_HLS_msn=%d", path, number-1), http.StatusOK)
	// What nobody can know of is refused.
	r.get(at(number+2, 0), http.StatusBadRequest)
	r.get(at(number, part+15), http.StatusBadRequest)
	r.get(fmt.Sprintf("%s&_HLS_msn=%d", path, number+2), http.StatusBadRequest)

	answers := make(map[string]chan answer)
	for name, address := range map[string]string{
		"part": at(number, part), "segment": fmt.Sprintf("%s&_HLS_msn=%d", path, number), "next": at(number+1, 0),
		"hint": "/live/test/~hls/" + l.Hint,
	} {
		c := make(chan answer, 1)
		answers[name] = c
		go func() {
			a, err := r.try(http.MethodGet, address)
			if err != nil {
				t.Error(err)
			}
			c <- a
		}()
	}
	r.waiting(4)
	s.play(6) // a part
	hinted := <-answers["hint"]
	if hinted.status != http.StatusOK || hinted.body == "" {
		t.Errorf("the hinted part: %d", hinted.status)
	}
	got, err := hlstest.Parse((<-answers["part"]).body)
	if err != nil {
		t.Fatal(err)
	}
	if n, p := next(got); n != number || p != part+1 {
		t.Errorf("asked for part %d of %d, got up to part %d of %d", part, number, p-1, n)
	}
	if got.Open.Parts[part].URI != l.Hint {
		t.Errorf("part %s was hinted at as %s", got.Open.Parts[part].URI, l.Hint)
	}
	r.waiting(2)
	s.play(60)
	for _, name := range []string{"segment", "next"} {
		got, err := hlstest.Parse((<-answers[name]).body)
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := next(got); n != number+1 {
			t.Errorf("%s: asked for segment %d, got up to %d", name, number, n-1)
		}
	}
}

// TestNothingComes: a publisher that is silent lets playlists time out; one that
// leaves ends the segment, and what was hinted at never comes.
func TestNothingComes(t *testing.T) {
	c := defaults()
	c.SegmentDuration, c.MaxSegmentDuration = seconds(1), seconds(1)
	r := newRig(t, options{config: c})
	s := r.publish(25)
	r.warm(s, segment.FMP4)
	s.play(180)
	path := r.open("")
	l := r.playlist(path)
	number, part := next(l)
	if part == 0 {
		t.Fatal("no part is open")
	}
	hint := "/live/test/~hls/" + l.Hint
	done := make(chan answer, 1)
	go func() { // beside the other: both wait for seconds
		a, _ := r.try(http.MethodGet, hint)
		done <- a
	}()
	a := r.get(fmt.Sprintf("%s&_HLS_msn=%d&_HLS_part=%d", path, number+1, 0), http.StatusServiceUnavailable)
	if !strings.Contains(a.body, "three target durations") {
		t.Errorf("body %s", a.body)
	}
	if a := <-done; a.status != http.StatusNotFound {
		t.Errorf("the hinted part: %d", a.status)
	}

	r.get(path, http.StatusOK) // the viewer goes on
	go func() {
		a, _ := r.try(http.MethodGet, "/live/test/~hls/"+strings.Replace(l.Hint, fmt.Sprintf(".%d.", part), fmt.Sprintf(".%d.", part+1), 1))
		done <- a
	}()
	if a := <-done; a.status != http.StatusNotFound {
		t.Errorf("a part beyond the hinted one: %d", a.status)
	}
	go func() {
		a, _ := r.try(http.MethodGet, fmt.Sprintf("%s&_HLS_msn=%d&_HLS_part=%d", path, number+1, 0))
		done <- a
	}()
	r.waiting(1)
	s.pub.Close()
	after, err := hlstest.Parse((<-done).body) // the first gap
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range after.Segments {
		if s.Gap != (s.Number > number) {
			t.Errorf("after the end: %+v", s)
		}
	}
	if n, _ := next(after); n < number+2 {
		t.Errorf("the playlist ends before segment %d", n)
	}
}

func TestTooManyWait(t *testing.T) {
	c := defaults()
	c.MaxBlocked = 1
	r := newRig(t, options{config: c})
	s := r.publish(50)
	r.warm(s, segment.FMP4)
	s.play(330)
	path := r.open("")
	number, part := next(r.playlist(path))
	address := fmt.Sprintf("%s&_HLS_msn=%d&_HLS_part=%d", path, number, part)
	done := make(chan error, 1)
	go func() {
		_, err := r.try(http.MethodGet, address)
		done <- err
	}()
	r.waiting(1)
	r.get(address, http.StatusServiceUnavailable)
	s.play(6)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestCrowd: a thousand players wait for the same part. All get the same bytes,
// and nothing of them is left.
func TestCrowd(t *testing.T) {
	const players = 1000
	r := newRig(t, options{})
	r.client.Transport.(*http.Transport).MaxIdleConnsPerHost = players
	s := r.publish(50)
	r.warm(s, segment.FMP4)
	s.play(330)
	path := r.open("")
	number, part := next(r.playlist(path))
	before := runtime.NumGoroutine()
	var all sync.WaitGroup
	bodies := make([]string, players)
	for i := range bodies {
		all.Go(func() {
			a, err := r.try(http.MethodGet, fmt.Sprintf("%s&_HLS_msn=%d&_HLS_part=%d", path, number, part))
			if err != nil || a.status != http.StatusOK {
				t.Errorf("player %d: %d %v", i, a.status, err)
			}
			bodies[i] = a.body
		})
	}
	r.waiting(players)
	s.play(6)
	all.Wait()
	for i, body := range bodies {
		if body != bodies[0] || body == "" {
			t.Fatalf("player %d got\n%s", i, body)
		}
	}
	r.client.CloseIdleConnections()
	eventually(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before+5 })
}

// TestStartsWithRing: the first viewer of a running stream gets a playlist with
// the key frame that the ring has, as soon as its segment is complete.
func TestStartsWithRing(t *testing.T) {
	r := newRig(t, options{})
	s := r.publish(50)
	s.play(325) // half of the seventh GOP
	done := make(chan answer, 1)
	go func() {
		a, _ := r.try(http.MethodGet, "/live/test/index.m3u8")
		done <- a
	}()
	r.waiting(1)
	s.play(26)
	a := <-done
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	l := r.playlist("/live/test/" + mediaLine.FindString(a.body))
	if len(l.Segments) != 1 || l.Segments[0].Duration != 2*time.Second {
		t.Errorf("%d segments, the first of %v", len(l.Segments), l.Segments[0].Duration)
	}
}
