package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// sessionFamilies show the session registry.
type sessionFamilies struct {
	sessions, opened, closed, refused *family
	bytesIn, bytesOut                 *family
	framesIn, framesOut               *family
	skips, framesSkipped              *family
	packetsIn, packetsOut             *family
	packetsLost, packetsReordered     *family
	roundTrip                         *family
}

func newSessionFamilies(c *catalogue) sessionFamilies {
	return sessionFamilies{
		sessions:      c.add(gauge, "sessions", "Publishers and viewers that are connected: waiting for their stream, or active.", "protocol", "action", "state"),
		opened:        c.add(counter, "sessions_opened_total", "Sessions that began.", "protocol", "action"),
		closed:        c.add(counter, "sessions_closed_total", "Sessions that ended, by reason.", "protocol", "action", "reason"),
		refused:       c.add(counter, "refused_total", "Peers that never became a session, by reason.", "protocol", "reason"),
		bytesIn:       c.add(counter, "bytes_received_total", "Bytes received from publishers and viewers, without TLS and TCP.", "protocol"),
		bytesOut:      c.add(counter, "bytes_sent_total", "Bytes sent to publishers and viewers, without TLS and TCP.", "protocol"),
		framesIn:      c.add(counter, "frames_received_total", "Frames received from publishers.", "protocol"),
		framesOut:     c.add(counter, "frames_sent_total", "Frames sent to viewers.", "protocol"),
		skips:         c.add(counter, "skips_total", "Times that a slow viewer was moved on to a newer key frame, by reason.", "protocol", "reason"),
		framesSkipped: c.add(counter, "frames_skipped_total", "Frames that slow viewers missed by skips.", "protocol"),

		packetsIn:        c.add(counter, "packets_received_total", "RTP packets received from publishers.", "protocol"),
		packetsOut:       c.add(counter, "packets_sent_total", "RTP packets sent to viewers.", "protocol"),
		packetsLost:      c.add(counter, "packets_lost_total", "RTP packets that did not arrive: from publishers, and by their own reports at viewers.", "protocol", "action"),
		packetsReordered: c.add(counter, "packets_reordered_total", "RTP packets that came in after one that was sent later.", "protocol", "action"),
		roundTrip:        c.add(histogram, "round_trip_seconds", "Time to a viewer and back, at each of its reports (RTCP) that tells.", "protocol"),
	}
}

func (f *sessionFamilies) collect(out chan<- prometheus.Metric, t session.Totals) {
	protocols := make(map[string]*protocolTotals)
	for _, g := range t.Groups {
		f.collectGroup(out, g)
		p := protocols[g.Protocol]
		if p == nil {
			p = &protocolTotals{skips: make(map[reason.Reason]uint64)}
			protocols[g.Protocol] = p
		}
		p.add(g)
	}
	for protocol, p := range protocols {
		f.collectProtocol(out, protocol, p)
	}
	for _, r := range t.Refusals {
		emit(out, f.refused, r.Count, r.Protocol, string(r.Reason))
	}
}

func (f *sessionFamilies) collectGroup(out chan<- prometheus.Metric, g session.GroupTotals) {
	action := string(g.Action)
	emit(out, f.sessions, g.Open-g.Waiting, g.Protocol, action, string(session.Active))
	emit(out, f.sessions, g.Waiting, g.Protocol, action, string(session.Waiting))
	emit(out, f.opened, g.Opened, g.Protocol, action)
	for why, n := range g.Closes {
		emit(out, f.closed, n, g.Protocol, action, string(why))
	}
	if g.Network != (session.NetworkCounts{}) {
		emit(out, f.packetsLost, g.Network.PacketsLost, g.Protocol, action)
		emit(out, f.packetsReordered, g.Network.PacketsReordered, g.Protocol, action)
	}
	if g.Action == session.Play && g.Network.PacketsOut > 0 {
		emitHistogram(out, f.roundTrip, seconds(session.RoundTripBounds[:]), func(i int) uint64 { return g.RoundTrips.Buckets[i] }, g.RoundTrips.Sum, g.Protocol)
	}
}

func (f *sessionFamilies) collectProtocol(out chan<- prometheus.Metric, protocol string, p *protocolTotals) {
	emit(out, f.bytesIn, p.bytesIn, protocol)
	emit(out, f.bytesOut, p.bytesOut, protocol)
	emit(out, f.framesIn, p.framesIn, protocol)
	emit(out, f.framesOut, p.framesOut, protocol)
	emit(out, f.framesSkipped, p.framesSkipped, protocol)
	if p.packetsIn+p.packetsOut > 0 {
		emit(out, f.packetsIn, p.packetsIn, protocol)
		emit(out, f.packetsOut, p.packetsOut, protocol)
	}
	for why, n := range p.skips {
		emit(out, f.skips, n, protocol, string(why))
	}
}

// protocolTotals adds up the actions of one protocol.
type protocolTotals struct {
	bytesIn, bytesOut   uint64
	framesIn, framesOut uint64
	framesSkipped       uint64
	packetsIn           uint64
	packetsOut          uint64
	skips               map[reason.Reason]uint64
}

func (p *protocolTotals) add(g session.GroupTotals) {
	p.bytesIn += g.BytesIn
	p.bytesOut += g.BytesOut
	p.framesIn += g.FramesIn
	p.framesOut += g.FramesOut
	p.framesSkipped += g.FramesSkipped
	p.packetsIn += g.Network.PacketsIn
	p.packetsOut += g.Network.PacketsOut
	for why, n := range g.Skips {
		p.skips[why] += n
	}
}
