package bench

import (
	"context"
	"net"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/webrtc"
)

// whepPlayer plays WHEP in one session and counts packets. It decrypts and parses
// them up to the first picture.
type whepPlayer struct {
	*session
	stats *rtpStats
	done  func() // called once, when the session has ended
}

// run plays until ctx ends or the server ends it.
func (p *whepPlayer) run(ctx context.Context) {
	p.begin()
	err := p.play(ctx)
	p.finish(ctx.Err() != nil, err)
	p.done()
}

func (p *whepPlayer) play(ctx context.Context) error {
	var tap *rtpTap
	opening, cancel := context.WithTimeoutCause(ctx, connectTimeout, errNoAnswer)
	defer cancel()
	c, err := webrtc.Play(opening, p.url, webrtc.ClientOptions{Plain: true, Socket: func(s *net.UDPConn) net.PacketConn {
		tap = newRTPTap(s, &p.bytes, p.stats)
		return tap
	}})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // its error is always nil
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	p.connect()
	for n := 0; ; n++ {
		packet, err := c.Next()
		if err != nil {
			return err
		}
		f := packet.Frame
		if f == nil {
			continue
		}
		seen := f.Track.Kind == av.Video && f.Key
		if seen {
			p.firstPicture(time.Now())
		}
		if seen || n >= soundOnly {
			tap.drop.Store(true)
		}
	}
}
