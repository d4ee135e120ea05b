package hls

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/weirmedia/weir/protocols/hls/hlstest"
	"github.com/weirmedia/weir/protocols/hls/segment"
)

// TestValidated runs validators beside a publisher that jitters, loses pictures,
// changes its tracks, leaves and returns.
func TestValidated(t *testing.T) {
	for name, formats := range map[bool][]string{true: {"fmp4", "ts"}, false: {"fmp4"}} {
		t.Run(fmt.Sprintf("low latency %v", name), func(t *testing.T) {
			t.Parallel()
			c := defaults()
			c.LowLatency = name
			c.SegmentDuration, c.MaxSegmentDuration, c.Window = seconds(1), seconds(2), 3
			r := newRig(t, options{config: c, grace: 3500 * time.Millisecond})
			s := r.publish(25)
			reports := make(chan hlstest.Report, len(formats))
			for _, format := range formats {
				go func() {
					v := hlstest.Validator{Client: r.client, Slack: 300 * time.Millisecond} // the longest loss
					reports <- v.Run(context.Background(), r.url+"/live/test/index.m3u8?format="+format)
				}()
			}
			disturb(r, s)
			for range formats {
				report := <-reports
				for _, p := range report.Problems {
					t.Error(p)
				}
				if !report.Ended || report.Segments < 6 || report.Gaps < 1 || report.Discontinuities < 2 || c.LowLatency && report.Independent < 5 {
					t.Errorf("report %+v", report)
				}
			}
		})
	}
}

// disturb publishes for some seconds, as badly as it gets.
func disturb(r *rig, s *source) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 6 {
		s.pace(10, time.Duration(30+random.IntN(20))*time.Millisecond)
		s.n += random.IntN(8) // pictures that are lost
	}
	other := *s.tracks[0]
	other.Width = 128
	s.tracks[0] = &other
	if err := s.pub.SetTrack(&other); err != nil {
		r.t.Error(err)
	}
	s.n = (s.n/s.gop + 1) * s.gop
	s.pace(40, picture)
	s.pub.Close()
	time.Sleep(3200 * time.Millisecond)
	s = r.publish(25)
	s.pace(60, picture)
	s.pub.Close()
}

// TestRestart: another server's names and numbers do not clash with the first's.
func TestRestart(t *testing.T) {
	open := func() (*rig, *hlstest.Playlist) {
		r := newRig(t, options{})
		s := r.publish(50)
		r.warm(s, segment.FMP4)
		s.play(330)
		return r, r.playlist(r.open(""))
	}
	_, before := open()
	// Numbers go on from the clock, by the shortest segments; the first server's segments are
	// ahead of it, since the test is faster than real time.
	after, l := open()
	for _, s := range before.Segments {
		if slices.ContainsFunc(l.Segments, func(o hlstest.Segment) bool { return o.URI == s.URI }) {
			t.Errorf("both have %s", s.URI)
		}
		after.get("/live/test/~hls/"+s.URI, http.StatusNotFound)
	}
	if l.Sequence < before.Sequence {
		t.Errorf("the sequence number fell from %d to %d", before.Sequence, l.Sequence)
	}
}
