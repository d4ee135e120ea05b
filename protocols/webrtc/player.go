package webrtc

import (
	"time"

	"github.com/pion/rtcp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/internal/rtpfeed"
)

const (
	// burst bounds the packets of a pass to a player that is behind, beside those
	// of the newest frame: with a pass every 5 ms that is 60 Mbit/s.
	burst = 32
	// replayEvery bounds how often a player is sent the GOP again, beside the bytes.
	replayEvery = time.Second
	// reportInterval is the time between two sender reports.
	reportInterval = 2 * time.Second
)

// player is a session's place in the log of a feed, whose lock guards it.
type player struct {
	resource *resource
	stream   *bus.Stream
	feed     *rtpfeed.Feed
	lanes    []*lane // one for each outlet; nil if it is not sent
	reports  *rtpfeed.Reception
	spare    allowance // for what is sent again

	placed   bool   // pos is valid
	began    bool   // something was sent
	pos      uint64 // of the next packet
	live     uint64 // up to here packets are replayed: their times are squeezed
	unit     uint64 // number of the frame at pos
	replayed int64  // when the newest replay began
	stuck    bool   // the player asks for the GOP
	asked    uint64 // pos when it did
	owed     int    // bytes that were sent again for that, and not as many for the first time since
	ending   bool
}

var (
	_ rtpfeed.Player = (*player)(nil)
	_ session.Lagger = (*player)(nil)
)

// Pass implements rtpfeed.Player.
func (p *player) Pass(l *rtpfeed.Log) (behind bool) {
	if p.ending || !p.place(l) {
		return false
	}
	p.help(l)
	left := min(l.Head()-p.pos, burst+l.Newest())
	for ; left > 0; left-- {
		e := l.At(p.pos)
		p.unit = e.Unit
		if lane := p.lanes[e.Outlet]; lane != nil && p.pos >= lane.from {
			lane.send(e, p.pos < p.live)
		}
		p.pos++
	}
	return p.pos < l.Head()
}

// Lag implements session.Lagger.
func (p *player) Lag() (time.Duration, bool) {
	return p.feed.Lag(func() (uint64, bool) { return p.pos, p.placed })
}

// place moves to the newest start point at the beginning and after falling
// behind. It returns false if there is none yet.
func (p *player) place(l *rtpfeed.Log) bool {
	if p.placed && p.pos >= l.Tail() {
		return true
	}
	p.placed = false
	start, ok := l.Start()
	if !ok {
		return false
	}
	if p.began {
		p.resource.session.Skipped(reason.LagTime, int(l.At(start).Unit-p.unit))
	}
	p.replay(l, start)
	return true
}

// replay begins at the start point start: pictures come again from there, with
// their times squeezed up to the newest, since browsers drop what is late; sound
// goes on with what was not sent.
func (p *player) replay(l *rtpfeed.Log, start uint64) {
	at := p.pos
	if !p.began {
		at = l.Head() - l.Newest()
	}
	p.pos, p.live, p.placed, p.began = start, l.Head(), true, true
	p.replayed, p.stuck = av.Now(), false
	for i, lane := range p.lanes {
		if lane == nil {
			continue
		}
		if lane.kind == av.Video {
			lane.from = start
			lane.squeeze(l, i, start)
		} else {
			lane.from = max(at, start)
		}
	}
}

// refresh sends the GOP again, for a player that cannot decode; a source that can
// is asked for a key frame instead. It comes later if it is not due yet.
func (p *player) refresh(*rtpfeed.Log) { p.stuck, p.asked = !p.stream.AskKeyFrame(), p.pos }

// help does what refresh put off. Without a bound, one that asks all the time would be
// sent a long GOP over and over; it costs the player no more than the wait for the
// next key frame.
func (p *player) help(l *rtpfeed.Log) {
	if !p.stuck {
		return
	}
	start, ok := l.Start()
	switch {
	case !ok:
	case start >= p.asked: // there is a newer one
		p.stuck = false
	case p.owed == 0 && av.Now()-p.replayed >= int64(replayEvery):
		for pos := start; pos < l.Head(); pos++ {
			p.owed += l.At(pos).Size
		}
		p.replay(l, start)
	}
}

// sent notes that the player was sent n bytes.
func (p *player) sent(n int, replay bool) {
	p.spare.earn(n)
	if !replay {
		p.owed = max(0, p.owed-n)
	}
}

// Part implements rtpfeed.Player.
func (p *player) Part(why reason.Reason, err error) {
	p.ending = true
	for _, l := range p.lanes {
		if l != nil {
			l.bye(why)
		}
	}
	go p.resource.end(why, err)
}

// write sends RTCP. It fails when the connection ends.
func (p *player) write(packets ...rtcp.Packet) { _ = p.resource.pc.WriteRTCP(packets) }
