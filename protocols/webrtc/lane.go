package webrtc

import (
	"errors"

	"github.com/pion/rtcp"
	prtp "github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/internal/rtpfeed"
	"github.com/weirmedia/weir/remux/rtp"
)

// lane is one track to one player. The lock of the feed guards it, once it is
// bound.
type lane struct {
	player *player
	outlet int
	kind   av.Kind
	codec  *codec
	sender *pion.RTPSender

	// Set when it is bound.
	out      pion.TrackLocalWriter
	ssrc     uint32
	rtxSSRC  uint32
	rtxType  uint8 // 0 if packets are not sent again
	rtxCount uint16
	rtxSent  rtxTimes
	extensions

	from    uint64 // position before which nothing is sent
	sent    bool   // something was
	offset  uint16 // number sent = number in the log + offset
	next    uint16 // number of the next packet
	since   uint16 // number of the first that may be sent again: of this offset, a time as in the log, and near
	header  prtp.Header
	scratch []byte

	clock  uint32 // time of the newest frame sent
	last   uint32 // time of the newest frame of the replay
	units  uint32 // frames left of the replay
	tally  rtp.Tally
	report int64 // arrival of the frame with which the next report is due
}

var _ pion.TrackLocal = (*lane)(nil)

func newLane(p *player, outlet int, c *codec) *lane {
	own := *c // or the whole offer stays in memory
	own.fmtp = nil
	return &lane{player: p, outlet: outlet, kind: p.feed.Outlets()[outlet].Track().Kind, codec: &own}
}

// ID implements pion.TrackLocal.
func (l *lane) ID() string { return l.kind.String() }

// RID implements pion.TrackLocal.
func (l *lane) RID() string { return "" }

// StreamID implements pion.TrackLocal: sound and picture belong together.
func (l *lane) StreamID() string { return "weir" }

// Kind implements pion.TrackLocal.
func (l *lane) Kind() pion.RTPCodecType {
	if l.kind == av.Video {
		return pion.RTPCodecTypeVideo
	}
	return pion.RTPCodecTypeAudio
}

// Bind implements pion.TrackLocal. It is called before the connection is there.
func (l *lane) Bind(ctx pion.TrackLocalContext) (pion.RTPCodecParameters, error) {
	for _, c := range ctx.CodecParameters() {
		if c.PayloadType == l.codec.params.PayloadType {
			l.out, l.ssrc = ctx.WriteStream(), uint32(ctx.SSRC())
			l.use(ctx.HeaderExtensions(), l.player.resource.server.live.Load())
			if l.codec.rtx != nil {
				l.rtxType, l.rtxSSRC = uint8(l.codec.rtx.PayloadType), uint32(ctx.SSRCRetransmission())
			}
			return c, nil
		}
	}
	return pion.RTPCodecParameters{}, errors.New("the codec was not negotiated")
}

// Unbind implements pion.TrackLocal.
func (l *lane) Unbind(pion.TrackLocalContext) error { return nil }

// squeeze prepares for a replay from start: the times of its frames are to end
// with that of the newest in the log.
func (l *lane) squeeze(log *rtpfeed.Log, outlet int, start uint64) {
	l.units = 0
	for pos := start; pos < log.Head(); pos++ {
		if e := log.At(pos); e.Outlet == outlet && e.First {
			l.units++
			l.last = e.Timestamp
		}
	}
}

// replayStep is the time between two frames of a replay, in ticks of 90 kHz.
const replayStep = 90

// time returns the RTP time of a frame, greater than those before.
func (l *lane) time(e *rtpfeed.Entry, replay bool) uint32 {
	t := e.Timestamp
	if replay && l.kind == av.Video {
		t = l.last - (l.units-1)*replayStep
		l.units--
	}
	if l.sent && int32(t-l.clock) <= 0 {
		t = l.clock + 1
	}
	return t
}

// send sends a packet.
func (l *lane) send(e *rtpfeed.Entry, replay bool) {
	if e.First {
		l.clock = l.time(e, replay)
		if e.Arrival >= l.report {
			l.tell(e)
			l.report = e.Arrival + int64(reportInterval)
		}
	} else if !l.sent {
		return
	}
	if number := e.SequenceNumber + l.offset; !l.sent || number != l.next {
		if !l.sent {
			l.next = e.SequenceNumber
		}
		l.offset, l.since = l.next-e.SequenceNumber, l.next
	}
	if l.clock != e.Timestamp {
		l.since = l.next + 1
	} else if l.next-l.since >= rtxKept { // or it would be ahead once the numbers have come around
		l.since++
	}
	l.sent = true
	l.header = prtp.Header{
		Version: 2, Marker: e.Marker, PayloadType: uint8(l.codec.params.PayloadType), SequenceNumber: l.next,
		Timestamp: l.clock, SSRC: l.ssrc,
	}
	if e.First {
		l.stamp(&l.header, e, l.player.feed.Wall(e.PTS))
	}
	l.next++
	n, err := l.out.WriteRTP(&l.header, e.Payload)
	if err != nil {
		return // the connection ends by itself
	}
	l.tally.Add(e.Packet)
	l.player.sent(n, replay)
	c := l.player.resource.session.Counters()
	c.BytesOut.Add(uint64(n))
	c.Network.PacketsOut.Add(1)
	if e.Last && c.FramesOut.Add(1) == 1 {
		l.player.resource.session.FrameKnown()
	}
}

func (l *lane) metrics() *metrics { return l.player.resource.server.metrics }

// tell sends a sender report for the moment of e.
func (l *lane) tell(e *rtpfeed.Entry) {
	report := l.tally.Report(l.ssrc, l.player.feed.Wall(e.PTS), e.Timestamp)
	l.player.reports.Sent(l.outlet, report, av.Now())
	l.player.write(report)
}

func (l *lane) bye(why reason.Reason) {
	l.player.write(&rtcp.Goodbye{Sources: []uint32{l.ssrc}, Reason: string(why)})
}

// readReports takes in what the client says about the track.
func (l *lane) readReports() {
	for {
		packets, _, err := l.sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch m := packet.(type) {
			case *rtcp.TransportLayerNack:
				l.player.feed.Do(func(log *rtpfeed.Log) {
					now := av.Now()
					for _, pair := range m.Nacks {
						pair.Range(func(number uint16) bool {
							l.metrics().nacked.Inc()
							l.again(log, number, now)
							return true
						})
					}
				})
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				l.metrics().refresh.WithLabelValues(string(session.Play)).Inc()
				l.player.feed.Do(l.player.refresh)
			case *rtcp.ReceiverReport, *rtcp.SenderReport:
				l.player.reports.Report(l.outlet, l.ssrc, int(l.codec.params.ClockRate), packet)
			}
		}
	}
}
