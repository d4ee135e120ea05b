package bench

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/headers"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/rtsp"
	"github.com/weirmedia/weir/remux/rtp"
)

// keepAlive is how often a player by UDP tells the server that it is there.
// Sessions last 60 s without that (RFC 2326, 12.37).
const keepAlive = 20 * time.Second

// maxDatagram is the largest packet of UDP, in bytes.
const maxDatagram = 64 << 10

// errNoMedia is why a player of a stream fails that has nothing to play.
var errNoMedia = errors.New("the description has neither video nor audio")

// rtspPlayer plays RTSP in one session and counts: by TCP bytes, by UDP also
// packets. It parses frames up to the first picture.
type rtspPlayer struct {
	*session
	udp   bool
	stats *rtpStats
	drain *drain
	done  func() // called once, when the session has ended

	talk     *dialogue
	pictures *rtp.Demuxer // nil if there is no video that can be read
	channel  int          // of the pictures, by TCP
	socket   *udpPair     // of the pictures, by UDP
	sockets  []*udpPair
}

// run plays until ctx ends or the server ends it.
func (p *rtspPlayer) run(ctx context.Context) {
	p.begin()
	err := p.join(ctx)
	switch {
	case err != nil:
	case p.udp:
		err = p.playUDP(ctx)
		p.talk.tearDown() // or the server would go on
		_ = p.talk.conn.Close()
	default:
		var handed bool
		if handed, err = p.playTCP(ctx); handed {
			return
		}
	}
	for _, s := range p.sockets {
		s.close()
	}
	p.end(ctx, err)
}

func (p *rtspPlayer) end(ctx context.Context, err error) {
	p.finish(ctx.Err() != nil, err)
	p.done()
}

// playTCP waits for the first picture and hands the connection to the drain, which
// then ends the session.
func (p *rtspPlayer) playTCP(ctx context.Context) (handed bool, err error) {
	stop := context.AfterFunc(ctx, func() { _ = p.talk.conn.Close() })
	if err := p.awaitInterleaved(); err != nil || !stop() {
		_ = p.talk.conn.Close() // there is nothing to lose
		return false, err
	}
	p.drain.add(&sink{
		conn: p.talk.conn, bytes: &p.bytes, last: time.Now(), release: func() { _ = p.talk.conn.Close() },
		heartbeat: func(uint64) []byte { return p.talk.signOfLife() },
		ended:     func(err error) { p.end(ctx, err) },
	})
	return true, nil
}

// playUDP waits for the first picture, hands the sockets to the drain, and keeps
// the session until it ends.
func (p *rtspPlayer) playUDP(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		_ = p.talk.conn.SetReadDeadline(time.Now()) // whatever reads then returns
		for _, s := range p.sockets {
			_ = s.rtp.SetReadDeadline(time.Now())
		}
	})()
	if err := p.awaitDatagram(ctx); err != nil {
		return err
	}
	for _, s := range p.sockets {
		p.drain.add(&sink{
			conn: s.rtp, bytes: &p.bytes, packets: &rtpCounter{stats: p.stats},
			release: func() { _ = s.rtp.Close() }, ended: func(error) {}, // the connection tells the end
		})
	}
	for {
		_ = p.talk.conn.SetReadDeadline(time.Now().Add(keepAlive)) // fails if closed: so does reading
		if ctx.Err() != nil {
			return ctx.Err()
		}
		res, err := p.talk.answer()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil:
			_, err = p.talk.conn.Write(p.talk.signOfLife())
		case err == nil && res.StatusCode == base.StatusSessionNotFound:
			err = &rtsp.StatusError{Status: int(res.StatusCode), Message: res.StatusMessage}
		}
		if err != nil {
			return err
		}
	}
}

// join begins to play.
func (p *rtspPlayer) join(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, errNoAnswer)
	defer cancel()
	if p.talk, err = openDialogue(ctx, p.url); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = p.talk.conn.Close()
			err = cmp.Or(context.Cause(ctx), err)
		}
	}()
	defer context.AfterFunc(ctx, func() { _ = p.talk.conn.Close() })()
	media, err := p.talk.describe()
	if err != nil {
		return err
	}
	tracks := 0
	for _, m := range media {
		if m.Type != description.MediaTypeVideo && m.Type != description.MediaTypeAudio || m.IsBackChannel {
			continue
		}
		if err := p.setUp(m, 2*tracks); err != nil {
			return err
		}
		tracks++
	}
	if tracks == 0 {
		return errNoMedia
	}
	if err := p.talk.play(); err != nil {
		return err
	}
	p.connect()
	return nil
}

// setUp sets a medium up, by TCP on a channel and the next.
func (p *rtspPlayer) setUp(m *description.Media, channel int) error {
	wanted := headers.Transport{Protocol: headers.TransportProtocolTCP, InterleavedIDs: &[2]int{channel, channel + 1}}
	var sockets *udpPair
	if p.udp {
		local := p.talk.conn.LocalAddr().(*net.TCPAddr)
		var err error
		if sockets, err = listenPair(local.IP); err != nil {
			return err
		}
		p.sockets = append(p.sockets, sockets)
		wanted = headers.Transport{Protocol: headers.TransportProtocolUDP, ClientPorts: sockets.ports()}
	}
	given, err := p.talk.setUp(m, wanted)
	switch {
	case err != nil:
		return err
	case given.Protocol != wanted.Protocol:
		return &rtsp.StatusError{Status: int(base.StatusUnsupportedTransport), Message: "the server gives another transport"}
	case given.InterleavedIDs != nil:
		channel = given.InterleavedIDs[0]
	}
	if m.Type == description.MediaTypeVideo && p.pictures == nil {
		for _, f := range m.Formats {
			if d, err := rtp.NewDemuxer(0, f); err == nil && d.Kind() == av.Video {
				p.pictures, p.channel, p.socket = d, channel, sockets
				break
			}
		}
	}
	return nil
}

// awaitInterleaved reads inside the connection until there was a picture.
func (p *rtspPlayer) awaitInterleaved() error {
	for p.pictures != nil {
		what, err := p.talk.rtsp.Read()
		if err != nil {
			return err
		}
		if f, ok := what.(*base.InterleavedFrame); ok {
			p.bytes.Add(uint64(f.MarshalSize()))
			if f.Channel == p.channel {
				p.look(f.Payload)
			}
		}
	}
	return nil
}

// awaitDatagram reads from the socket of the pictures until there was one.
func (p *rtspPlayer) awaitDatagram(ctx context.Context) error {
	b := make([]byte, maxDatagram)
	for p.pictures != nil && ctx.Err() == nil {
		n, err := p.socket.rtp.Read(b)
		if err != nil {
			return err
		}
		p.bytes.Add(uint64(n))
		p.stats.packets.Add(1)
		p.look(bytes.Clone(b[:n])) // frames keep it
	}
	return ctx.Err()
}

// look takes in a packet of the pictures. Once there was one, nothing is looked at
// any more.
func (p *rtspPlayer) look(payload []byte) {
	var pkt prtp.Packet
	if pkt.Unmarshal(payload) != nil {
		return
	}
	frames, _ := p.pictures.Demux(&pkt)
	for _, f := range frames {
		if f.Key {
			p.firstPicture(time.Now())
			p.pictures = nil // its memory is of no more use
			return
		}
	}
}
