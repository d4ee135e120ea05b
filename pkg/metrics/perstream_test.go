package metrics

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

func TestPerStream(t *testing.T) {
	s := newServer(t)
	s.write(false) // before the key frame
	s.write(true)
	publisher, viewer, other := s.open("rtsp", session.Publish), s.open("rtmp", session.Play), s.open("hls", session.Play)
	publisher.Counters().Network.PacketsIn.Add(50)
	publisher.Counters().Network.PacketsLost.Add(3)
	viewer.Counters().BytesOut.Add(1000)
	viewer.Counters().FramesOut.Add(9)
	viewer.Skipped(reason.LagTime, 40)
	other.Counters().BytesOut.Add(500)
	if err := s.open("rtmp", session.Play).Wait(); err != nil {
		t.Fatal(err)
	}
	other.Close(reason.ClientClosed, nil) // what it moved still counts
	r := New(s.Options)
	scrape(t, r).expect(t, samples{
		`weir_per_stream_publishers{stream="live/test"}`:                    1,
		`weir_per_stream_viewers{stream="live/test"}`:                       1,
		`weir_per_stream_bytes_total{stream="live/test"}`:                   100,
		`weir_per_stream_frames_total{kind="video",stream="live/test"}`:     1,
		`weir_per_stream_frames_early_total{stream="live/test"}`:            1,
		`weir_per_stream_bytes_sent_total{stream="live/test"}`:              1500,
		`weir_per_stream_frames_sent_total{stream="live/test"}`:             9,
		`weir_per_stream_skips_total{reason="lag_time",stream="live/test"}`: 1,
		`weir_per_stream_frames_skipped_total{stream="live/test"}`:          40,
		`weir_per_stream_packets_lost_total{stream="live/test"}`:            3,
		`weir_per_stream_left_out`:                                          0,
	})
	s.pub.Close()
	scrape(t, r).expect(t, samples{`weir_per_stream_publishers{stream="live/test"}`: 0})
}

// Names come from peers: only so many become labels, those of the oldest streams,
// and they go when their streams go.
func TestPerStreamIsBounded(t *testing.T) {
	s := newServer(t)
	s.Streams = 3
	var pubs []*bus.Publisher
	for i := range 5 {
		time.Sleep(time.Millisecond) // the clock may be coarse, and who is older counts
		p, err := s.Bus.Publish(fmt.Sprintf("many/%d", i), bus.Claim{Owner: "me", Kill: func(reason.Reason) {}})
		if err != nil {
			t.Fatal(err)
		}
		pubs = append(pubs, p)
	}
	shown := func() (names []string) {
		t.Helper()
		got := scrape(t, New(s.Options))
		for _, name := range []string{"live/test", "many/0", "many/1", "many/2", "many/3", "many/4"} {
			if _, there := got[`weir_per_stream_publishers{stream="`+name+`"}`]; there {
				names = append(names, name)
			}
		}
		if left := got["weir_per_stream_left_out"]; int(left) != s.Bus.Len()-len(names) {
			t.Errorf("%v are said to be left out of %d, %d are shown", left, s.Bus.Len(), len(names))
		}
		return names
	}
	if got := fmt.Sprint(shown()); got != "[live/test many/0 many/1]" {
		t.Errorf("shown are %s, want the oldest", got)
	}
	pubs[4].Close()
	if got := fmt.Sprint(shown()); got != "[live/test many/0 many/1]" {
		t.Errorf("shown are %s although only a younger one lost its publisher", got)
	}
	s.Streams = 0
	if got := shown(); len(got) > 0 {
		t.Errorf("shown are %v, want none", got)
	}
	s.Streams = 3
	s.Bus.Close(reason.Shutdown)
	if got := shown(); len(got) > 0 {
		t.Errorf("shown are %v, want none of streams that are gone", got)
	}
}

// A name that cannot be a label must not cost the scrape; only a library could
// publish one.
func TestPerStreamBadNames(t *testing.T) {
	s := newServer(t)
	for _, name := range []string{"a\xff", strings.Repeat("x", 300)} {
		if _, err := s.Bus.Publish(name, bus.Claim{Owner: "me", Kill: func(reason.Reason) {}}); err != nil {
			t.Fatal(err)
		}
	}
	scrape(t, New(s.Options)).expect(t, samples{
		`weir_per_stream_left_out`:                       2,
		`weir_per_stream_publishers{stream="live/test"}`: 1,
	})
}

func TestRoundTrip(t *testing.T) {
	s := newServer(t)
	n := &s.open("webrtc", session.Play).Counters().Network
	n.PacketsOut.Add(1)
	n.ObserveRoundTrip(30 * time.Millisecond)
	n.ObserveRoundTrip(3 * time.Second)
	scrape(t, New(s.Options)).expect(t, samples{
		`weir_round_trip_seconds_bucket{protocol="webrtc",le="0.02"}`: 0,
		`weir_round_trip_seconds_bucket{protocol="webrtc",le="0.05"}`: 1,
		`weir_round_trip_seconds_bucket{protocol="webrtc",le="+Inf"}`: 2,
		`weir_round_trip_seconds_sum{protocol="webrtc"}`:              3.03,
	})
}

func TestTranscoding(t *testing.T) {
	s := newServer(t)
	work := s.Bus.Work().Of(av.AAC, av.Opus)
	work.Add(2 * time.Millisecond)
	work.Add(3 * time.Millisecond)
	scrape(t, New(s.Options)).expect(t, samples{
		`weir_transcoded_frames_total{from="AAC",to="Opus"}`: 2,
		`weir_transcode_seconds_total{from="AAC",to="Opus"}`: .005,
	})
}

// BenchmarkScrape is what a scrape of 1,000 streams costs that have 10,000 viewers.
func BenchmarkScrape(b *testing.B) {
	for _, own := range []int{0, 100, 1000} {
		b.Run(fmt.Sprintf("own=%d", own), func(b *testing.B) {
			s := newServer(b)
			s.Streams = own
			for i := range 1000 {
				name := fmt.Sprintf("live/%d", i)
				if _, err := s.Bus.Publish(name, bus.Claim{Owner: "me", Kill: func(reason.Reason) {}}); err != nil {
					b.Fatal(err)
				}
				for range 10 {
					if _, err := s.Sessions.Open(session.Info{Protocol: "rtmp", Action: session.Play, Stream: name}, func(reason.Reason) {}); err != nil {
						b.Fatal(err)
					}
				}
			}
			var g prometheus.Gatherer = New(s.Options)
			h := Handler(g, nil)
			b.ReportAllocs()
			for b.Loop() {
				get(h)
			}
		})
	}
}
