package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/protocols/hls"
	"github.com/weirmedia/weir/protocols/relay"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/remux/flv"
)

func (s *settings) relay() *relay.Config { return section[*relay.Config](s) }

// scope is for the streams that a pattern matches.
func scope(t testing.TB, pattern string) streamname.Scope {
	t.Helper()
	p, err := streamname.ParsePattern(pattern)
	must(t, err)
	return streamname.Scope{Streams: []streamname.Pattern{p}}
}

// pulling starts a server that fetches pulled/NAME from source.
func pulling(t testing.TB, source string) *testServer {
	t.Helper()
	return startServer(t, func(s *settings) {
		c := s.relay()
		c.CloseAfter, c.MinDelay = config.Duration(100*time.Millisecond), config.Duration(50*time.Millisecond)
		c.Pulls = []relay.Pull{{Scope: scope(t, "pulled/{x}"), Sources: []relay.URL{relay.URL(source)}}}
		must(t, c.Validate())
	})
}

func (s *testServer) sessionsOf(protocol string) (n int) {
	for _, o := range s.sessions.List() {
		if o.Protocol == protocol {
			n++
		}
	}
	return n
}

// TestPull: a stream is fetched while somebody watches, each frame of it, by one
// connection whoever comes and goes.
func TestPull(t *testing.T) {
	for _, via := range []string{"rtmp", "httpflv"} {
		t.Run(via, func(t *testing.T) {
			up := startServer(t, nil)
			src := up.publish(t, "live/a", sourceOptions{})
			url := fmt.Sprintf("rtmp://%s/live/{x}", up.app.rtmp)
			if via == "httpflv" {
				url = fmt.Sprintf("http://%s/live/{x}.flv", up.http.Addr())
			}
			down := pulling(t, url)
			for range 3 {
				stop := src.run()
				viewers := down.watchBoth(t, "pulled/a", 10)
				for _, v := range viewers[:5] {
					v.leave()
				}
				if n := len(up.sessions.List()); n != 2 {
					t.Errorf("%d sessions at the source, want its publisher and the relay", n)
				}
				viewers[9].reach(position{})
				last := stop()
				for _, v := range viewers[5:] {
					v.expectAll(last)
				}
				eventually(t, "the relay leaves", func() bool { return len(up.sessions.List()) == 1 && len(down.bus.Streams()) == 0 })
			}
			if n := up.opened(via, session.Play); n != 3 {
				t.Errorf("%d connections were made, want 3", n)
			}
		})
	}
}

// TestPullGoesOn: viewers stay while the source is away for a moment, and time does
// not run backwards for them, although a source begins with its newest key frame.
func TestPullGoesOn(t *testing.T) {
	up := startServer(t, nil)
	stop := up.publish(t, "live/a", sourceOptions{}).run()
	down := pulling(t, fmt.Sprintf("rtmp://%s/live/{x}", up.app.rtmp))
	tags := down.openFLV(t, "pulled/a")
	defer tags.Close()
	var newest uint32
	read := func(until func() bool) {
		t.Helper()
		for !until() {
			tag, err := tags.ReadTag()
			must(t, err)
			if tag.Type != flv.ScriptTag && tag.Timestamp < newest {
				t.Fatalf("a tag at %d ms after %d", tag.Timestamp, newest)
			}
			newest = max(newest, tag.Timestamp)
		}
	}
	read(func() bool { return newest > 500 })
	for _, o := range up.sessions.List() {
		if o.Action == session.Play {
			up.sessions.Kill(o.ID, reason.Kicked)
		}
	}
	read(func() bool { return up.opened("rtmp", session.Play) == 2 })
	after := newest + 1000
	read(func() bool { return newest > after })
	stop()
}

// TestPullForHLS: a stream is fetched for viewers of HLS, whether they are sessions or
// not.
func TestPullForHLS(t *testing.T) {
	for _, sessions := range []hls.Sessions{hls.SessionsOn, hls.SessionsOff} {
		t.Run(string(sessions), func(t *testing.T) {
			up := startServer(t, nil)
			up.publish(t, "live/a", sourceOptions{}).run()
			down := startServer(t, func(s *settings) {
				section[*hls.Config](s).Sessions = sessions
				s.stream.Wait = config.Duration(patience)
				s.relay().Pulls = []relay.Pull{{Scope: scope(t, "pulled/{x}"), Sources: []relay.URL{relay.URL("rtmp://" + up.app.rtmp.String() + "/live/{x}")}}}
			})
			resp, err := http.Get("http://" + down.http.Addr().String() + "/pulled/a/index.m3u8")
			must(t, err)
			resp.Body.Close()
			http.DefaultClient.CloseIdleConnections()
			if resp.StatusCode != http.StatusOK || up.opened("rtmp", session.Play) != 1 {
				t.Errorf("%s", resp.Status)
			}
		})
	}
}

// TestForwardToAServer: each frame arrives, by every way in.
func TestForwardToAServer(t *testing.T) {
	down := startServer(t, nil)
	up := startServer(t, func(s *settings) {
		c := s.relay()
		c.Forwards = []relay.Forward{{Scope: scope(t, "live/{x}"), Targets: []relay.URL{
			relay.URL(fmt.Sprintf("rtmp://%s/rtmp/{x}", down.app.rtmp)), relay.URL(fmt.Sprintf("rtsp://%s/rtsp/{x}", down.app.rtsp)),
		}}}
		must(t, c.Validate())
	})
	src := up.publish(t, "live/a", sourceOptions{})
	stop := src.run()
	v := down.watch(t, "rtmp", "rtmp/a")
	v.reach(position{0, 100})
	eventually(t, "the stream comes by RTSP", func() bool {
		s := down.bus.Stream("rtsp/a")
		return s != nil && s.Info().FramesIn > 100
	})
	last := stop()
	v.expectAll(last)
	src.unpublish()
	eventually(t, "the forwards end", func() bool { return up.sessionsOf("relay") == 0 && len(down.sessions.List()) == 0 })
}

// TestRelayLoop: a stream that leads back to the server where somebody asks for it
// is refused there, over one, two and three servers.
func TestRelayLoop(t *testing.T) {
	for hops := 1; hops <= 3; hops++ {
		t.Run(fmt.Sprint(hops), func(t *testing.T) {
			// Each server needs the address of the next, the last that of the first.
			first := reserve(t)
			next := first
			var servers []*testServer
			for i := range hops {
				listen := config.Listen("127.0.0.1:0")
				if i == hops-1 {
					listen = config.Listen(first)
				}
				s := startServer(t, func(s *settings) {
					s.rtmp().Listen = listen
					s.stream.Wait = config.Duration(patience)
					s.relay().CloseAfter = config.Duration(10 * time.Millisecond)
					s.relay().Pulls = []relay.Pull{{Scope: scope(t, "ring/{x}"), Sources: []relay.URL{relay.URL("rtmp://" + next + "/ring/{x}")}}}
				})
				next = s.app.rtmp.String()
				servers = append(servers, s)
			}
			_, err := rtmp.Play(t.Context(), servers[hops-1].url("ring/a"), rtmp.ClientOptions{})
			if err == nil || !strings.Contains(err.Error(), "stream_not_found") {
				t.Errorf("the player is told %v", err)
			}
			if n := servers[hops-1].refusals(reason.Loop); n == 0 {
				t.Error("the loop was not refused where it began")
			}
		})
	}
}

// TestRelayOfOwnStream: another stream of the same server is a source like any other.
func TestRelayOfOwnStream(t *testing.T) {
	address := reserve(t)
	s := startServer(t, func(s *settings) {
		s.rtmp().Listen = config.Listen(address)
		s.relay().CloseAfter = config.Duration(10 * time.Millisecond)
		s.relay().Pulls = []relay.Pull{{Scope: scope(t, "alias/{x}"), Sources: []relay.URL{relay.URL("rtmp://" + address + "/live/{x}")}}}
	})
	stop := s.publish(t, "live/a", sourceOptions{}).run()
	v := s.watch(t, "rtmp", "alias/a")
	v.reach(position{})
	v.expectAll(stop())
	eventually(t, "the relay leaves", func() bool { return len(s.bus.Streams()) == 1 })
}

// TestForwardToItself: a rule that would send every stream on to the same server makes
// none there.
func TestForwardToItself(t *testing.T) {
	address := reserve(t)
	s := startServer(t, func(s *settings) {
		s.rtmp().Listen = config.Listen(address)
		s.relay().Forwards = []relay.Forward{{Scope: scope(t, "**"), Targets: []relay.URL{relay.URL("rtmp://" + address + "/copy/{name}")}}}
	})
	src := s.publish(t, "live/a", sourceOptions{})
	stop := src.run()
	eventually(t, "it is refused", func() bool { return s.refusals(reason.Loop) > 0 })
	if n := len(s.bus.Streams()); n != 1 {
		t.Errorf("%d streams", n)
	}
	stop()
	src.unpublish()
	eventually(t, "it ends", func() bool { return len(s.relay.Forwards()) == 0 })
}

// reserve returns an address that is free.
func reserve(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// refusals returns how often somebody was refused for that reason.
func (s *testServer) refusals(why reason.Reason) (n uint64) {
	for _, r := range s.sessions.Totals().Refusals {
		if r.Reason == why {
			n += r.Count
		}
	}
	return n
}
