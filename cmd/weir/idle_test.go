package main

import (
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
)

// TestIdleClose: a publisher whom nobody watches is closed and told why, one who is
// watched is not, and neither are streams without the setting.
func TestIdleClose(t *testing.T) {
	s := startServer(t, func(s *settings) {
		s.stream.Streams = []streamRule{{Scope: scope(t, "idle/*"), IdleClose: new(config.Duration(300 * time.Millisecond))}}
	})
	other := s.publish(t, "live/a", sourceOptions{})
	watched := s.publish(t, "idle/watched", sourceOptions{})
	stop := watched.run()
	v := s.watch(t, "rtmp", "idle/watched")
	v.reach(position{})
	release := s.sessions.Want("idle/wanted") // as HLS without sessions does
	wanted := s.publish(t, "idle/wanted", sourceOptions{})
	stopWanted := wanted.run()
	alone := s.publish(t, "idle/alone", sourceOptions{})
	<-alone.drained
	if why := s.closes(reason.NoViewers); why != 1 {
		t.Errorf("%d sessions were closed", why)
	}
	if len(alone.codes) == 0 {
		t.Error("the publisher was told nothing")
	}
	if s.bus.Stream("live/a") == nil || s.bus.Stream("idle/watched") == nil || s.bus.Stream("idle/wanted") == nil {
		t.Error("another stream is gone")
	}
	v.leave()
	release()
	<-watched.drained
	<-wanted.drained
	stop()
	stopWanted()
	other.unpublish()
}

// closes returns how many sessions ended for that reason.
func (s *testServer) closes(why reason.Reason) (n uint64) {
	for _, g := range s.sessions.Totals().Groups {
		n += g.Closes[why]
	}
	return n
}
