package hls

import (
	"net/http"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/hls/segment"
)

// TestOpenSegmentIsBounded: a segment that would take more than its share of
// max_bytes is broken off, with and without parts.
func TestOpenSegmentIsBounded(t *testing.T) {
	for name, parts := range map[string]bool{"parts": true, "whole segments": false} {
		t.Run(name, func(t *testing.T) {
			c := defaults()
			c.MaxBytes, c.LowLatency = 1<<20, parts
			r := newRig(t, options{config: c})
			s := r.publish(50)
			s.size = 30 << 10 // a group of pictures has 1.5 MB
			r.warm(s, segment.FMP4)
			for range 10 {
				s.play(20)
				if _, n := r.service.held(); n > int64(c.MaxBytes) {
					t.Fatalf("%d bytes are held", n)
				}
			}
			if a := r.get(r.open(""), http.StatusOK); !strings.Contains(a.body, "#EXT-X-DISCONTINUITY\n") {
				t.Errorf("no segment was broken off:\n%s", a.body)
			}
		})
	}
}

// TestOversizedAAC: a frame that ADTS cannot express is left out of MPEG-TS, and
// all else goes on.
func TestOversizedAAC(t *testing.T) {
	r := newRig(t, options{})
	s := r.publish(50)
	r.warm(s, segment.TS)
	s.play(60)
	at := s.newest + 1
	if err := s.pub.Write(&av.Frame{Track: s.tracks[1], DTS: at, PTS: at, Arrival: av.Now(), Payload: make([]byte, 1<<13)}); err != nil {
		t.Fatal(err)
	}
	path := r.open("?format=ts")
	before := r.playlist(path)
	s.play(150)
	if after := r.playlist(path); len(after.Segments) <= len(before.Segments) {
		t.Errorf("%d segments, %d before", len(after.Segments), len(before.Segments))
	}
	if n := r.count("weir_hls_frames_left_out_total"); n != 1 {
		t.Errorf("%v frames are counted", n)
	}
}
