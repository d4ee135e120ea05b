package webrtc

import (
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
	"github.com/weirmedia/weir/protocols/internal/rtpfeed"
)

// watcher is a player that tells how far passes get.
type watcher chan uint64

func (w watcher) Pass(l *rtpfeed.Log) bool {
	select {
	case w <- l.Head():
	default:
	}
	return false
}

func (w watcher) Part(reason.Reason, error) {}

// A player that connects while its session ends does not stay in the feed.
func TestConnectedTooLate(t *testing.T) {
	r := newRig(t, nil)
	r.Publish(httplivetest.Video)
	write := func(n int) {
		t.Helper()
		if err := r.Pub.Write(picture(n, n == 0)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 30 {
		write(n)
	}
	stream := r.Host.Bus.Stream("live/test")
	feed, release, err := rtpfeed.Acquire(t.Context(), stream.Plain(), "test", rtpfeed.Options{
		Log: r.Host.Log, Protocol: protocol, Window: time.Minute, BatchAt: 1, Unsent: func() {},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	p := &playing{resource: &resource{ended: true, session: new(session.Session)}, stream: stream, feed: feed}
	p.player = &player{resource: p.resource, stream: stream, feed: feed, lanes: make([]*lane, len(feed.Outlets()))}
	p.close()
	p.connected()
	at := func() (pos, head uint64) {
		feed.Do(func(l *rtpfeed.Log) { pos, head = p.player.pos, l.Head() })
		return pos, head
	}
	before, head := at()
	w := make(watcher, 100)
	if err := feed.Add(w); err != nil {
		t.Fatal(err)
	}
	defer feed.Remove(w)
	write(30)
	for end := time.After(waitLong); ; {
		select {
		case got := <-w:
			if got <= head {
				continue
			}
		case <-end:
			t.Fatal("no pass came")
		}
		break
	}
	if after, _ := at(); after != before {
		t.Errorf("a player that is gone went on from %d to %d", before, after)
	}
}
