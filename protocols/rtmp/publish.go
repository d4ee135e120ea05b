package rtmp

import (
	"fmt"
	"log/slog"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/socket"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/rtmpchunk"
)

// publishing is the session of a connection that publishes.
type publishing struct {
	stream  uint32 // message stream
	session *session.Session
	pub     *bus.Publisher
	demuxer flv.Demuxer
	pace    pace
	tempo   tempo
	server  *Server
	leftOut session.LeftOut
	counted uint64 // bytes already in the session's counters
}

func (c *conn) handlePublish(id uint32, cmd message.Command) error {
	if c.publish != nil || c.play != nil {
		return c.fail(id, message.CodePublishBadName, reason.Wrap(reason.BadMessage, fmt.Errorf("publish while this connection publishes or plays already")))
	}
	if err := checkStreamID(id); err != nil {
		return c.fail(id, message.CodePublishBadName, err)
	}
	r, err := c.admit(auth.Publish, cmd.String(0))
	if err != nil {
		return c.refuse(session.Publish, id, refusedPublish(reason.Of(err, "")), r.name, err)
	}
	s, err := c.begin(session.Publish, r)
	if err != nil {
		return c.refuse(session.Publish, id, message.CodePublishBadName, r.name, err)
	}
	pub, err := c.server.host.Bus.Publish(r.name, bus.Claim{Owner: r.grant.Identity.Key(), Session: s.ID(), Kill: c.kill, Witness: s})
	if err != nil {
		s.Close(reason.Of(err, reason.InternalError), err)
		return c.fail(id, message.CodePublishBadName, err)
	}
	c.publish = &publishing{server: c.server, stream: id, session: s, pub: pub, counted: c.reader.BytesRead()}
	s.Without(&c.publish.leftOut)
	b := rtmpchunk.AppendUserControl(nil, rtmpchunk.UserControl{Event: rtmpchunk.EventStreamBegin, Value: id})
	b = c.appendCommand(b, id, message.OnStatus(message.Status{
		Level: message.LevelStatus, Code: message.CodePublishStart, Description: r.name + " is now published",
	}))
	pool := c.server.host.Bus.Pool()
	c.publish.demuxer.Reuse(pool)
	c.reader.ExpectMedia(pool.NewAllocator())
	c.paceReads(c.server.pace)
	return c.write(b)
}

// paceReads paces reading, or ends that if p is nil.
func (c *conn) paceReads(p *socket.Pace) {
	if c.source != nil {
		c.source.Follow(p)
	}
}

// received counts bytes; total is what the connection has read so far.
func (p *publishing) received(total uint64) {
	p.session.Counters().BytesIn.Add(total - p.counted)
	p.counted = total
}

// media treats an audio, video or data message.
func (c *conn) media(m rtmpchunk.Message) error {
	p := c.publish
	if p == nil {
		c.ignore("media without publish")
		return nil
	}
	if m.Type == rtmpchunk.TypeDataAMF3 { // AMF0 behind a format byte, in practice
		m.Type = rtmpchunk.TypeDataAMF0
		m.Payload = m.Payload[min(1, len(m.Payload)):]
	}
	packets, err := p.demuxer.Decode(flv.TagType(m.Type), m.Timestamp, m.Payload)
	claim(packets, m.Slab)
	for _, packet := range packets {
		if packet.Kind == flv.IgnoredPacket {
			c.ignore(packet.Why)
			p.leaveOut(packet.LeftOut)
			continue
		}
		if err := p.deliver(packet); err != nil {
			return err
		}
	}
	return err
}

// leaveOut tells once that a track cannot be used; t may be nil.
func (p *publishing) leaveOut(t *av.Omission) {
	if t == nil || !p.leftOut.Add(*t) {
		return
	}
	info := p.session.Info()
	session.LogLeftOut(p.server.host.Log, slog.LevelWarn, []av.Omission{*t},
		slog.String("protocol", info.Protocol), slog.String("stream", info.Stream), slog.String("remote", info.Remote))
}

// claim gives the memory of a message to the frame that was made of it. If there
// are several, it is left to the garbage collector.
func claim(packets []flv.Packet, s *av.Slab) {
	frames := 0
	for i := range packets {
		if packets[i].Frame != nil {
			frames++
		}
	}
	switch {
	case frames == 0:
		s.Free()
	case len(packets) == 1:
		packets[0].Frame.Own(s)
	}
}

// deliver hands a part of what a message held to the bus.
func (p *publishing) deliver(packet flv.Packet) error {
	var err error
	if packet.Track != nil {
		err = p.pub.SetTrack(packet.Track)
	}
	if packet.Kind == flv.MetadataPacket {
		if err = p.pub.Hint(packet.Hinted); err == nil {
			err = p.pub.SetMetadata(packet.Metadata)
		}
	}
	if f := packet.Frame; f != nil && err == nil {
		f.Arrival = av.Now()
		if p.pace.slow(f) {
			p.server.warnSlowClock(p.session)
		}
		if p.tempo.fast(f) {
			p.server.warnFastClock(p.session)
		}
		p.session.Counters().FramesIn.Add(1)
		err = p.pub.Write(f)
	}
	return err
}

// endPublish ends the connection's publishing, if there is any, and tells a
// client that did not ask for it why.
func (c *conn) endPublish(end ended) {
	p := c.publish
	if p == nil {
		return
	}
	c.publish = nil
	c.reader.ExpectMedia(nil)
	c.paceReads(nil)
	p.pub.Close()
	p.received(c.reader.BytesRead())
	if end.why != reason.Unpublished && end.why != reason.ClientClosed {
		// The connection may be broken already: then there is nobody to tell.
		_ = c.write(c.appendCommand(c.appendReconnect(nil, end.why), p.stream, message.OnStatus(message.Status{
			Level: message.LevelError, Code: refusedPublish(end.why), Description: farewellText(end),
		})))
	}
	p.session.Close(end.why, end.err)
	c.setIdle(true)
}

// refusedPublish returns the code of the status for a publisher that is refused or
// ended. Encoders take the code for names as a stream that is busy, and try again.
func refusedPublish(why reason.Reason) string {
	switch why {
	case reason.Unauthorized, reason.Revoked:
		return message.CodePublishDenied
	}
	return message.CodePublishBadName
}

// farewellText says in words why the server ends a session.
func farewellText(end ended) string {
	return "closed by the server: " + told(end.why, end.err)
}

// told is how a client reads a reason and the error behind it; each may be missing.
func told(why reason.Reason, err error) string {
	switch {
	case err == nil:
		return string(why)
	case why == "":
		return err.Error()
	}
	return string(why) + ": " + err.Error()
}
