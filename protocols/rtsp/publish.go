package rtsp

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtcp"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// maxTracks bounds the tracks that a publisher may announce.
const maxTracks = 16

// publishing is a session that was announced.
type publishing struct {
	client  *client
	request request
	rtsp    *gortsplib.ServerSession
	session *session.Session // nil before RECORD
	peer    *peer            // that carries it, or asked for it
	pub     *bus.Publisher

	mu     sync.Mutex // over UDP, RTP and RTCP come on two goroutines
	intake intake
	meters meters

	leftOut session.LeftOut

	ending sync.Mutex    // may be taken under mu
	why    reason.Reason // of the end, if it came from us
	err    error
}

// describe finds the tracks that can be used. The error says why there are none.
func (p *publishing) describe(d *description.Session) error {
	if n := len(d.Medias); n > maxTracks {
		return reason.Wrap(reason.Unsupported, fmt.Errorf("%d tracks, at most %d are taken", n, maxTracks))
	}
	var leftOut []av.Omission
	var causes []string
	for i, why := range p.intake.open(d.Medias) {
		if why != "" {
			leftOut, causes = append(leftOut, omission(d.Medias[i], why)), append(causes, why)
		}
	}
	if len(p.intake.inlets) == 0 {
		return reason.Wrap(reason.Unsupported, fmt.Errorf("no track can be used: %s", strings.Join(causes, "; ")))
	}
	for _, in := range p.intake.inlets {
		in.media.Formats[slices.Index(in.media.Formats, in.format)] = p.meters.add(in.format)
	}
	p.leftOut.Set(leftOut)
	session.LogLeftOut(p.client.endpoint.server.host.Log, slog.LevelWarn, leftOut,
		slog.String("protocol", protocol), slog.String("stream", p.request.name), slog.String("remote", p.client.remote.String()))
	return nil
}

// omission tells that m cannot be used.
func omission(m *description.Media, why string) av.Omission {
	var codecs []string
	for _, f := range m.Formats {
		name := f.Codec()
		if unknown, ok := f.(*format.Generic); ok {
			name, _, _ = strings.Cut(unknown.RTPMap(), "/")
		}
		codecs = append(codecs, name)
	}
	return av.Omission{Kind: kindOf(m), Codec: clip(strings.Join(codecs, ", ")), Why: clip(why)}
}

// record makes the session a publisher of the bus. by is the connection that asks.
func (p *publishing) record(by *peer) error {
	if p.session != nil { // it was paused
		p.peer = by.carry(p.peer)
		return nil
	}
	server := p.client.endpoint.server
	s, err := server.host.Sessions.Open(p.client.info(session.Publish, p.request, p.client.endpoint.transport(p.rtsp)), p.kill)
	if err != nil {
		return err
	}
	p.pub, err = server.host.Bus.Publish(p.request.name, bus.Claim{Owner: p.request.grant.Identity.Key(), Session: s.ID(), Kill: p.kill, Witness: s})
	if err != nil {
		s.Close(reason.Of(err, reason.InternalError), err)
		return err
	}
	p.session, p.peer, p.meters.network = s, by.carry(nil), &s.Counters().Network
	s.Without(&p.leftOut)
	server.running.Add(1)
	var hinted [av.Kinds]bool
	for _, in := range p.intake.inlets {
		hinted[in.demuxer.Kind()] = true
	}
	if err := p.announce(hinted); err != nil {
		return reason.Wrap(reason.TakenOver, err) // within a moment
	}
	for _, in := range p.intake.inlets {
		p.rtsp.OnPacketRTP(in.media, in.format, func(pkt *prtp.Packet) { p.packet(in, pkt) })
		p.rtsp.OnPacketRTCP(in.media, func(pkt rtcp.Packet) { p.report(in, pkt) })
	}
	return nil
}

// announce tells the bus what is known of the tracks before their first packets.
func (p *publishing) announce(hinted [av.Kinds]bool) error {
	if err := p.pub.Hint(hinted); err != nil {
		return err
	}
	for _, in := range p.intake.inlets {
		if t := in.demuxer.Track(); t != nil {
			if err := p.pub.SetTrack(t); err != nil {
				return err
			}
			in.told = t
		}
	}
	return nil
}

// packet takes in an RTP packet.
func (p *publishing) packet(in *inlet, pkt *prtp.Packet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.session.Counters().BytesIn.Add(uint64(pkt.MarshalSize()))
	frames, why := in.packet(pkt)
	if why != "" {
		p.client.endpoint.server.metrics.ignored.WithLabelValues(why).Inc()
	}
	for _, f := range frames {
		if err := p.deliver(in, f); err != nil {
			p.fail(reason.TakenOver, err)
			return
		}
	}
}

// deliver hands a frame to the bus.
func (p *publishing) deliver(in *inlet, f *av.Frame) error {
	if f.Track != in.told {
		if err := p.pub.SetTrack(f.Track); err != nil {
			return err
		}
		in.told = f.Track
	}
	p.session.Counters().FramesIn.Add(1)
	return p.pub.Write(f)
}

// report takes in an RTCP packet.
func (p *publishing) report(in *inlet, pkt rtcp.Packet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	in.report(pkt)
}

// kill ends the session from outside. It does not block.
func (p *publishing) kill(why reason.Reason) { p.fail(why, nil) }

// fail ends the session; the first reason counts.
func (p *publishing) fail(why reason.Reason, err error) {
	p.ending.Lock()
	defer p.ending.Unlock()
	if p.why == "" {
		p.why, p.err = why, err
	}
	p.rtsp.Close()
}

// end is called when the RTSP session has ended, with err.
func (p *publishing) end(err error) {
	if p.session == nil {
		return
	}
	why, err := ended(p.peer, err, reason.Unpublished, reason.PublishTimeout)
	p.ending.Lock()
	if p.why != "" {
		why, err = p.why, p.err
	}
	p.ending.Unlock()
	p.pub.Close()
	p.session.Close(why, err)
	p.peer.unuse()
	p.client.endpoint.server.running.Done()
}
