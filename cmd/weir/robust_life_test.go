package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/rtmp/message"
)

// TestPublisherReturns: when a publisher is killed and comes back within the
// grace period, 20 viewers go on with no closed connection. Every viewer checks
// that DTS rises and that the second part begins with a key frame.
func TestPublisherReturns(t *testing.T) {
	s := startServer(t, roomy)
	first := s.publish(t, "live/test", sourceOptions{generation: 1})
	first.tick()
	viewers := s.watchBoth(t, "live/test", 20)
	for range usualGOP / 2 {
		first.tick()
	}
	for _, v := range viewers {
		v.reach(first.last())
	}
	gone := time.Now()
	reset(first.TCPConn)
	s.expectEnd(t, first.LocalAddr(), reason.ClientClosed)

	// Another clock, as a restarted encoder has.
	second := s.publish(t, "live/test", sourceOptions{generation: 2, start: 3_600_000})
	second.tick()
	for _, v := range viewers {
		v.reach(second.last())
	}
	outage := time.Since(gone)
	for range usualGOP {
		second.tick()
	}
	for _, v := range viewers {
		v.expectAll(second.last())
		if v.generations != 2 {
			t.Errorf("a viewer saw %d publishers, want 2", v.generations)
		}
		if most := (outage + usualGOP*tick).Milliseconds(); int64(v.longest) > most {
			t.Errorf("DTS steps by %d ms, want at most %d: the outage and one GOP", v.longest, most)
		}
	}
	for _, protocol := range []string{"rtmp", "httpflv"} {
		if n := s.opened(protocol, session.Play); n != 10 {
			t.Errorf("%d viewers connected by %s, want 10", n, protocol)
		}
	}
}

// opened returns how many sessions ever began.
func (s *testServer) opened(protocol string, action session.Action) uint64 {
	for _, g := range s.sessions.Totals().Groups {
		if g.Protocol == protocol && g.Action == action {
			return g.Opened
		}
	}
	return 0
}

// TestWrittenOnce: frames are serialised once for each format, however many
// viewers there are.
func TestWrittenOnce(t *testing.T) {
	const ticks = 50
	for _, viewers := range []int{2, 60} {
		t.Run(fmt.Sprintf("%d viewers", viewers), func(t *testing.T) {
			s := startServer(t, roomy)
			src := s.publish(t, "live/test", sourceOptions{})
			src.tick()
			all := s.watchBoth(t, "live/test", viewers)
			for _, v := range all {
				v.reach(src.last())
			}
			for range ticks - 1 {
				src.tick()
			}
			for _, v := range all {
				v.expectAll(src.last())
			}
			for name, format := range s.delivery.Stats().Formats() {
				if n := format.Frames.Load(); n != 2*ticks {
					t.Errorf("%d frames were written as %s, want the %d that were published", n, name, 2*ticks)
				}
				if n := format.Logs.Load(); n != 1 {
					t.Errorf("there are %d logs of %s, want 1", n, name)
				}
			}
			if n := len(s.delivery.Stats().Formats()); n != 2 {
				t.Errorf("%d formats were written, want 2", n)
			}
		})
	}
}

// TestShutdown: whoever is connected when the server stops is told and ends with
// that reason, in time.
func TestShutdown(t *testing.T) {
	const publishers, players, waiting = 5, 50, 5
	s := startServer(t, nil)
	sources := make([]*source, publishers)
	for i := range sources {
		sources[i] = s.publish(t, fmt.Sprintf("live/%d", i), sourceOptions{})
		sources[i].tick()
	}
	byRTMP := make([]*peer, players/2+waiting)
	for i := range byRTMP {
		byRTMP[i] = s.dial(t)
		must(t, byRTMP[i].open("live"))
		if i < players/2 {
			must(t, byRTMP[i].begin(message.NamePlay, fmt.Sprint(i%publishers), message.CodePlayStart))
		} else {
			byRTMP[i].send(playCommand("nowhere"))
		}
	}
	byHTTP := make([]*flvReader, players/2)
	for i := range byHTTP {
		byHTTP[i] = s.openFLV(t, fmt.Sprintf("live/%d", i%publishers))
		if _, err := byHTTP[i].ReadTag(); err != nil {
			t.Fatal(err)
		}
	}
	waitingHTTP := s.openFLV(t, "live/nowhere")
	eventually(t, "players wait", func() bool { return s.waiting() == waiting+1 })

	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()
	for i, p := range byRTMP {
		if codes := p.farewell(); !slices.Contains(codes, message.CodePlayUnpublishNotify) {
			t.Errorf("RTMP player %d was told %q, want %s", i, codes, message.CodePlayUnpublishNotify)
		}
		p.Close()
	}
	for _, r := range byHTTP {
		expectEOF(t, r)
	}
	response, err := http.ReadResponse(bufio.NewReader(waitingHTTP), nil)
	if err != nil {
		t.Error(err)
	} else if response.Body.Close(); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the waiting HTTP player got %s, want 503", response.Status)
	}
	for _, src := range sources {
		<-src.drained
		src.Close()
	}
	if err := <-ended; err != nil {
		t.Errorf("stopping failed: %v", err)
	}
	for _, tt := range []struct {
		protocol string
		action   session.Action
		want     uint64
	}{
		{"rtmp", session.Publish, publishers},
		{"rtmp", session.Play, players/2 + waiting},
		{"httpflv", session.Play, players/2 + 1},
	} {
		if n := s.ends(tt.protocol, tt.action, reason.Shutdown); n != tt.want {
			t.Errorf("%d sessions to %s by %s ended because of %s, want %d", n, tt.action, tt.protocol, reason.Shutdown, tt.want)
		}
	}
	if _, err := net.Dial("tcp", s.app.rtmp.String()); err == nil {
		t.Error("the RTMP port still accepts")
	}
}

func (s *testServer) waiting() (n int) {
	for _, g := range s.sessions.Totals().Groups {
		n += g.Waiting
	}
	return n
}

// expectEOF fails unless the stream ends between two tags.
func expectEOF(t testing.TB, r *flvReader) {
	t.Helper()
	r.SetReadDeadline(time.Now().Add(patience))
	for {
		if _, err := r.ReadTag(); err != nil {
			if err != io.EOF {
				t.Errorf("an HTTP-FLV stream ends with %v, want a clean end", err)
			}
			r.Close()
			return
		}
	}
}
