package rtsp

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
	"github.com/pion/rtcp"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/internal/rtpfeed"
	"github.com/weirmedia/weir/remux/rtp"
)

const (
	// farewell is how long the last packets and the BYE of a player that we end
	// may take to leave.
	farewell = 200 * time.Millisecond
	// udpBurst bounds the packets of a pass to a player by UDP, beside twice those
	// of the newest frame: sockets have room for about 90 by default.
	udpBurst = 48
	// tcpOverhead is the header of an interleaved packet.
	tcpOverhead = 4
)

// playing is a session that has tracks of a feed set up.
type playing struct {
	client  *client
	request request
	rtsp    *gortsplib.ServerSession
	id      string // of the session, if it plays by UDP
	feed    *feed
	release func()

	session *session.Session   // nil before PLAY
	peer    *peer              // that carries it, or asked for it
	viewer  *viewer            // nil while paused
	lanes   []lane             // one for each outlet, of the viewer while there is one
	reports *rtpfeed.Reception // nil before PLAY

	mu    sync.Mutex
	why   reason.Reason // of the end, if it came from us
	cause error         // of that; may be nil
}

// play begins or goes on. by is the connection that asks.
func (p *playing) play(by *peer) error {
	if p.viewer != nil {
		return nil // it asks again, as a sign of life
	}
	if p.session == nil {
		e := p.client.endpoint
		s, err := p.client.open(p.request, e.transport(p.rtsp), p.kill)
		if err != nil {
			return err
		}
		p.session = s
		s.Without(p.feed.LeftOut())
		s.LayoutKnown(p.feed.Layout())
		p.hear()
		e.server.running.Add(1)
	}
	p.peer = by.carry(p.peer)
	v := newViewer(p)
	if err := p.feed.Add(v); err != nil {
		return err
	}
	p.viewer = v
	p.session.LagOf(v)
	return nil
}

// hear takes in what the player reports.
func (p *playing) hear() {
	r := rtpfeed.NewReception(&p.session.Counters().Network, len(p.feed.media))
	p.reports = r
	for _, m := range p.rtsp.SetuppedMedias() {
		i := slices.Index(p.feed.media, m)
		ssrc := p.feed.Outlets()[i].SSRC
		p.rtsp.OnPacketRTCP(m, func(pkt rtcp.Packet) { r.Report(i, ssrc, m.Formats[0].ClockRate(), pkt) })
	}
}

func (p *playing) pause() {
	if p.viewer != nil {
		p.feed.Remove(p.viewer)
		p.viewer = nil
		p.session.LagOf(nil)
		p.peer.disown()
	}
}

// blame notes why we end the session; the first reason counts.
func (p *playing) blame(why reason.Reason, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why == "" {
		p.why, p.cause = why, err
	}
}

// kill ends the session from outside. It does not block.
func (p *playing) kill(why reason.Reason) {
	p.blame(why, nil)
	p.rtsp.Close()
}

// end is called when the RTSP session has ended, with err.
func (p *playing) end(err error) {
	p.pause()
	p.release()
	if p.session == nil {
		return
	}
	why, err := ended(p.peer, err, reason.ClientClosed, reason.ClientClosed)
	p.mu.Lock()
	if p.why != "" {
		why, err = p.why, p.cause
	}
	p.mu.Unlock()
	p.session.Close(why, err)
	p.peer.unuse()
	p.client.endpoint.server.running.Done()
}

// viewer is a player's place in the log of its feed, whose lock guards it.
type viewer struct {
	playing *playing
	carrier *peer  // of the packets; nil by UDP
	lanes   []lane // the player's
	placed  bool   // pos is valid
	began   bool
	pos     uint64
	unit    uint64 // number of the frame at pos
	ending  bool
}

var (
	_ rtpfeed.Player = (*viewer)(nil)
	_ session.Lagger = (*viewer)(nil)
)

// lane is one track to one player. The zero lane was not set up.
type lane struct {
	on            bool
	sent, resumed bool
	open          bool   // an access unit was begun and not ended
	next          uint16 // number of the next packet
	missing       uint16 // numbers that were left out for pauses
	renumbered    prtp.Packet
	tally         rtp.Tally
	nextReport    int64 // arrival of the frame that it is due with
}

// newViewer lets p begin, or go on after a pause.
func newViewer(p *playing) *viewer {
	if p.lanes == nil {
		p.lanes = make([]lane, len(p.feed.media))
	}
	for _, m := range p.rtsp.SetuppedMedias() {
		l := &p.lanes[slices.Index(p.feed.media, m)]
		l.on, l.resumed = true, l.sent
	}
	v := &viewer{playing: p, lanes: p.lanes, carrier: p.peer}
	if p.client.endpoint.transport(p.rtsp) == "udp" {
		v.carrier = nil
	}
	return v
}

// Pass implements rtpfeed.Player: it writes as much as the player's queue takes.
func (v *viewer) Pass(l *rtpfeed.Log) (behind bool) {
	if v.ending || !v.place(l) {
		return false
	}
	left := l.Head() - v.pos
	if v.carrier == nil {
		left = min(left, udpBurst+2*l.Newest())
	}
	v.announce(int(left))
	for ; left > 0; left-- {
		if err := v.send(l.At(v.pos)); err != nil {
			v.announce(-int(left))
			var full liberrors.ErrServerWriteQueueFull
			return errors.As(err, &full) // else the session ends by itself
		}
		v.pos++
	}
	return v.pos < l.Head()
}

// Lag implements session.Lagger: what is in the player's queue counts as sent.
func (v *viewer) Lag() (time.Duration, bool) {
	return v.playing.feed.Lag(func() (uint64, bool) { return v.pos, v.placed })
}

// announce tells the connection how many packets more it will get, so that it
// joins them.
func (v *viewer) announce(n int) {
	if v.carrier != nil {
		v.carrier.announce(n)
	}
}

// place moves to the newest start point at the beginning and after falling
// behind. It returns false if there is none yet.
func (v *viewer) place(l *rtpfeed.Log) bool {
	if v.placed && v.pos >= l.Tail() {
		return true
	}
	v.placed = false
	start, ok := l.Start()
	if !ok {
		return false
	}
	to := l.At(start)
	if v.began {
		v.playing.session.Skipped(reason.LagTime, int(to.Unit-v.unit))
	}
	v.pos, v.unit, v.placed, v.began = start, to.Unit, true, true
	return true
}

// number returns e's packet with its number for the player, which is that in the
// log until a pause: then numbers go on as if nothing had been left out (RFC 2326,
// B). By RTSPS they do not, since gortsplib counts and encrypts for all players as
// for one.
func (l *lane) number(e *rtpfeed.Entry, secure bool) *prtp.Packet {
	if l.resumed {
		l.resumed = false
		if l.open { // the rest of it does not come
			l.next++
		}
		if l.missing = e.SequenceNumber - l.next; secure {
			l.missing = 0
		}
	}
	if l.missing == 0 {
		return e.Packet
	}
	l.renumbered = *e.Packet
	l.renumbered.SequenceNumber -= l.missing
	return &l.renumbered
}

// send writes a packet to the player's queue.
func (v *viewer) send(e *rtpfeed.Entry) error {
	v.unit = e.Unit
	lane, f, p := &v.lanes[e.Outlet], v.playing.feed, v.playing
	if !lane.on {
		v.announce(-1)
		return nil
	}
	media := f.media[e.Outlet]
	if e.First && e.Arrival >= lane.nextReport { // before the media: its time counts from the first packet on
		v.announce(1)
		report := lane.tally.Report(e.SSRC, f.Wall(e.PTS), e.Timestamp)
		p.reports.Sent(e.Outlet, report, av.Now())
		if err := p.rtsp.WritePacketRTCP(media, report); err != nil {
			v.announce(-1)
			return err
		}
		lane.nextReport = e.Arrival + int64(reportInterval)
	}
	packet := lane.number(e, p.client.endpoint.secure)
	if err := p.rtsp.WritePacketRTP(media, packet); err != nil {
		return err
	}
	lane.sent, lane.open, lane.next = true, !e.Last, packet.SequenceNumber+1
	lane.tally.Add(packet)
	c := p.session.Counters()
	c.Network.PacketsOut.Add(1)
	c.BytesOut.Add(uint64(e.Size))
	if v.carrier != nil {
		c.BytesOut.Add(tcpOverhead)
	}
	if e.Last {
		v.unit++
		if c.FramesOut.Add(1) == 1 {
			p.session.FrameKnown()
		}
	}
	return nil
}

// Part implements rtpfeed.Player: it ends the player after what its queue holds.
func (v *viewer) Part(why reason.Reason, err error) {
	p := v.playing
	p.blame(why, err)
	v.ending = true
	for i, l := range v.lanes {
		if l.on {
			bye := &rtcp.Goodbye{Sources: []uint32{p.feed.Outlets()[i].SSRC}, Reason: string(why)}
			_ = p.rtsp.WritePacketRTCP(p.feed.media[i], bye) // a full queue ends without
		}
	}
	time.AfterFunc(farewell, p.rtsp.Close)
}
