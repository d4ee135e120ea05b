package rtmp

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/flv"
)

// TestTakeover: who comes with the same query takes the stream over, and
// players go on.
func TestTakeover(t *testing.T) {
	s := startServer(t, nil)
	first := s.publishMedia(t, "live/test?key=1")
	player := s.play(t, "live/test")
	_, before := frames(t, player, 10)
	second := s.publish(t, "live/test?key=1")
	wantStatus(t, first.Wait(), message.CodePublishBadName)
	writeTags(t, second, sequenceHeaders(t, 0)...)
	writeTags(t, second, gop(0, 5)...)
	_, after := frames(t, player, 10)
	wantContinued(t, before, after)
}

// TestReturnWithinGrace: a publisher that went without a word comes back.
func TestReturnWithinGrace(t *testing.T) {
	s := startServer(t, nil)
	first := s.publishMedia(t, "live/test")
	player := s.play(t, "live/test")
	_, before := frames(t, player, 10)
	if err := first.net.Close(); err != nil {
		t.Fatal(err)
	}
	second := s.publish(t, "live/test")
	writeTags(t, second, sequenceHeaders(t, 1000)...)
	writeTags(t, second, gop(1000, 5)...)
	_, after := frames(t, player, 10)
	wantContinued(t, before, after)
}

// TestLivePlayersDoNotWait: those who wait for streams that are not there take no
// place of players of one that is.
func TestLivePlayersDoNotWait(t *testing.T) {
	limits := bus.DefaultLimits()
	limits.Wait = patience
	s := startServerWith(t, limits, nil)
	s.host.Sessions.SetLimits(0, 1)
	s.publishMedia(t, "live/test")
	waited := make(chan error)
	go func() {
		_, err := Play(testContext(t), s.url("live/absent"), ClientOptions{})
		waited <- err
	}()
	s.waiting(t, 1)
	waiting := s.sessionOf(t, session.Play)
	_, err := Play(testContext(t), s.url("live/other"), ClientOptions{})
	wantStatus(t, err, message.CodePlayFailed)
	frames(t, s.play(t, "live/test"), 10)
	s.host.Sessions.Kill(waiting, reason.Kicked)
	wantStatus(t, <-waited, message.CodePlayFailed)
}

// wantContinued: frames of a second publisher have the bytes of a GOP, and
// times that go on behind those of the first.
func wantContinued(t testing.TB, before, after []flv.Tag) {
	t.Helper()
	last := before[len(before)-1].Timestamp
	if first := after[0]; first.Timestamp <= last-10 || first.Body[0] != 0x17 {
		t.Errorf("goes on at %d with %x after %d", first.Timestamp, first.Body[0], last)
	}
	for i := 2; i < len(after); i++ {
		if after[i].Timestamp-after[i-2].Timestamp != 40 {
			t.Errorf("frame %d at %d follows one at %d", i, after[i].Timestamp, after[i-2].Timestamp)
		}
	}
}

func TestKickedPublisher(t *testing.T) {
	s := startServer(t, nil)
	publisher := s.publishMedia(t, "live/test")
	s.host.Sessions.Kill(s.sessionOf(t, session.Publish), reason.Kicked)
	status := wantStatus(t, publisher.Wait(), message.CodePublishBadName)
	if status.Description != "closed by the server: kicked" {
		t.Errorf("description %q", status.Description)
	}
}

func TestKickedPlayer(t *testing.T) {
	s := startServer(t, nil)
	publisher := s.publishMedia(t, "live/test")
	kicked := s.play(t, "live/test")
	frames(t, kicked, 10)
	id := s.sessionOf(t, session.Play)
	other := s.play(t, "live/test")
	frames(t, other, 10)
	s.host.Sessions.Kill(id, reason.Kicked)
	_, err := kicked.ReadTag()
	if status := wantStatus(t, err, message.CodePlayFailed); !strings.Contains(status.Description, "kicked") {
		t.Errorf("description %q", status.Description)
	}
	writeTags(t, publisher, gop(200, 3)...)
	_, tags := frames(t, other, 6)
	wantTags(t, "other player", tags, gop(200, 3))
}

func TestKickedWhileWaiting(t *testing.T) {
	s := startServer(t, nil)
	played := make(chan error)
	go func() {
		_, err := Play(testContext(t), s.url("live/test"), ClientOptions{})
		played <- err
	}()
	s.waiting(t, 1)
	s.host.Sessions.Kill(s.sessionOf(t, session.Play), reason.Kicked)
	wantStatus(t, <-played, message.CodePlayFailed)
}

// TestStreamEnds: players are told once the publisher has been gone for the
// grace period.
func TestStreamEnds(t *testing.T) {
	limits := bus.DefaultLimits()
	limits.Grace = 10 * time.Millisecond
	s := startServerWith(t, limits, nil)
	publisher := s.publishMedia(t, "live/test")
	player := s.play(t, "live/test")
	frames(t, player, 10)
	if err := publisher.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := player.ReadTag(); err != io.EOF {
		t.Errorf("got %v, want EOF", err)
	}
}

func TestSilentPublisher(t *testing.T) {
	limits := bus.DefaultLimits()
	limits.PublishTimeout = 10 * time.Millisecond
	s := startServerWith(t, limits, nil)
	status := wantStatus(t, s.publish(t, "live/test").Wait(), message.CodePublishBadName)
	if !strings.Contains(status.Description, string(reason.PublishTimeout)) {
		t.Errorf("description %q", status.Description)
	}
}

// TestShutdown: players and publishers are told that the server stops.
func TestShutdown(t *testing.T) {
	s := startServer(t, nil)
	publisher := s.publishMedia(t, "live/test")
	player := s.play(t, "live/test")
	frames(t, player, 10)
	if err := s.host.Sessions.Shutdown(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := player.ReadTag(); err != io.EOF {
		t.Errorf("player: %v, want EOF", err)
	}
	wantStatus(t, publisher.Wait(), message.CodePublishBadName)
}

// TestAbandonedConnections: nothing is left of connections that end anywhere.
func TestAbandonedConnections(t *testing.T) {
	s := startServer(t, nil)
	s.publishMedia(t, "live/test")
	raw := s.dialRaw(t, "live/test")
	player := s.play(t, "live/test")
	for _, c := range []*client{raw, player.client} {
		if err := c.net.Close(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "only the publisher is left", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.conns) == 1 && len(s.host.Sessions.List()) == 1 && s.host.Delivery.Viewers() == 0
	})
}

// TestBrokenMedia: an access unit that lies about its length ends the publisher.
func TestBrokenMedia(t *testing.T) {
	s := startServer(t, nil)
	p := s.publishMedia(t, "live/test")
	writeTags(t, p, flv.Tag{Type: flv.VideoTag, Timestamp: 200, Body: []byte{0x17, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x65}})
	status := wantStatus(t, p.Wait(), message.CodePublishBadName)
	if !strings.Contains(status.Description, string(reason.BadMedia)) {
		t.Errorf("description %q", status.Description)
	}
	wantStatus(t, p.WriteTag(flv.AudioTag, 0, nil), message.CodePublishBadName)
}
