package webrtc

import (
	"encoding/binary"
	"time"

	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/protocols/internal/rtpfeed"
)

const (
	// rtxShare is how many bytes a player is sent for each that it may be sent again:
	// enough for one that loses a third of all, of what comes again too.
	rtxShare = 2
	// rtxBurst is how many bytes it may be sent again at once: of as many packets as
	// the log finds by their numbers.
	rtxBurst = rtxKept * 1200
	rtxKept  = 1024
	// minRTXPause and maxRTXPause bound the time until a packet is sent again once more:
	// players may be next door, may not have told yet how far away they are, or tell
	// it wrongly.
	minRTXPause = 10 * time.Millisecond
	maxRTXPause = 500 * time.Millisecond
)

// allowance is how many bytes a player may be sent again. Without a bound, one that
// asks for everything all the time would be sent many times what it plays.
type allowance int

// earn notes that n bytes were sent for the first time.
func (a *allowance) earn(n int) { *a = min(*a+allowance(n/rtxShare), rtxBurst) }

// spend takes n bytes, or none if there are fewer.
func (a *allowance) spend(n int) bool {
	if int(*a) < n {
		return false
	}
	*a -= allowance(n)
	return true
}

// rtxTimes tells when packets of a lane were last sent again, by their numbers. Only
// who loses some takes memory for it: nil before the first.
type rtxTimes struct{ of *[rtxKept]rtxTime }

// rtxTime is when a packet was last sent again, 0 if none was.
type rtxTime struct {
	at     int64
	number uint16
}

// underWay reports whether a packet was sent again so shortly before now that the
// player has asked before it can have come. roundTrip is to the player and back.
func (r *rtxTimes) underWay(number uint16, now int64, roundTrip time.Duration) bool {
	if r.of == nil {
		return false
	}
	last := r.of[number%rtxKept]
	if last.at == 0 || last.number != number {
		return false
	}
	pause := min(max(roundTrip*3/4, minRTXPause), maxRTXPause) // it may be a little shorter by now
	return now-last.at < int64(pause)
}

// note takes down that a packet is sent again at now.
func (r *rtxTimes) note(number uint16, now int64) {
	if r.of == nil {
		r.of = new([rtxKept]rtxTime)
	}
	r.of[number%rtxKept] = rtxTime{now, number}
}

// again sends the packet with a number once more, if it is still there and may be
// sent. now is av.Now.
func (l *lane) again(log *rtpfeed.Log, number uint16, now int64) {
	if !l.sent || int16(number-l.since) < 0 || int16(l.next-number) <= 0 {
		return
	}
	e := log.Numbered(l.outlet, number-l.offset)
	if e == nil {
		return
	}
	roundTrip := time.Duration(l.player.resource.session.Counters().Network.RoundTrip.Load())
	if l.rtxSent.underWay(number, now, roundTrip) {
		l.metrics().repeated.Inc()
		return
	}
	if !l.player.spare.spend(e.Size) {
		l.metrics().excess.Inc()
		return
	}
	l.rtxSent.note(number, now)
	l.header = prtp.Header{
		Version: 2, Marker: e.Marker, PayloadType: uint8(l.codec.params.PayloadType), SequenceNumber: number,
		Timestamp: e.Timestamp, SSRC: l.ssrc,
	}
	payload := e.Payload
	if l.rtxType != 0 {
		l.scratch = append(binary.BigEndian.AppendUint16(l.scratch[:0], number), e.Payload...)
		payload = l.scratch
		l.header.PayloadType, l.header.SSRC, l.header.SequenceNumber = l.rtxType, l.rtxSSRC, l.rtxCount
		l.rtxCount++
	}
	if n, err := l.out.WriteRTP(&l.header, payload); err == nil { // else the connection ends
		l.metrics().again.Inc()
		l.player.resource.session.Counters().BytesOut.Add(uint64(n))
	}
}
