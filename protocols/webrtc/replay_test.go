package webrtc

import (
	"testing"

	"github.com/weirmedia/weir/protocols/internal/rtpfeed"
)

// complain says long after the newest replay that the player cannot decode, and
// returns how many packets come for it.
func (l *loser) complain() int {
	before := len(l.tape.numbers)
	l.player.feed.Do(func(log *rtpfeed.Log) {
		l.player.replayed -= 2 * int64(replayEvery)
		l.player.refresh(log)
		for l.player.Pass(log) {
		}
	})
	return len(l.tape.numbers) - before
}

// play lets the player be sent pictures, and returns how many packets came.
func (l *loser) play(t *testing.T, pictures int, key bool) (came int) {
	t.Helper()
	var head uint64
	l.player.feed.Do(func(log *rtpfeed.Log) { head, came = log.Head(), len(l.tape.numbers) })
	head += uint64(3 * pictures)
	before := came
	for n := range pictures {
		if err := l.Pub.Write(picture(before+n, key && n == 0)); err != nil {
			t.Fatal(err)
		}
	}
	l.Eventually("the pictures come", func() (all bool) {
		l.player.feed.Do(func(log *rtpfeed.Log) {
			all = log.Head() >= head && l.player.pos == log.Head()
			came = len(l.tape.numbers) - before
		})
		return all
	})
	return came
}

// A player that cannot decode is sent the GOP again, but no more of that than it
// plays.
func TestReplayBound(t *testing.T) {
	const pictures = 100
	l := newLoser(t, pictures)
	l.player.stream = l.Host.Bus.Stream("live/test")
	if came := l.complain(); came < 3*pictures {
		t.Fatalf("%d packets came again, want all since the key frame", came)
	}
	if came := l.complain(); came != 0 {
		t.Errorf("%d packets came again at once", came)
	}
	if came := l.play(t, pictures/2, false); came != 3*pictures/2 {
		t.Errorf("%d packets came again after half as many", came-3*pictures/2)
	}
	if came := l.play(t, pictures, false); came < 3*pictures+3*pictures*3/2 {
		t.Errorf("%d packets came after as many, want the replay that was put off", came)
	}
	l.complain()
	const parameters = 1 // a packet before the key frame
	if came := l.play(t, 4*pictures, true); came > 12*pictures+parameters {
		t.Errorf("%d packets came again although there was a key frame", came-12*pictures)
	}
	if came := l.complain(); came < 12*pictures {
		t.Errorf("%d packets came again later on", came)
	}
}
