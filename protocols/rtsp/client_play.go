package rtsp

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/pion/rtcp"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

const (
	// playQueue is how many frames wait for Next. A player that is slower lets the
	// connection fill up, or the buffers of the system for UDP.
	playQueue = 32
	// lastPackets is how long packets may come after those that say goodbye, by
	// another socket.
	lastPackets = 100 * time.Millisecond
)

// Packet is what Next returns: one of the fields is set.
type Packet struct {
	// Frame is of one of the tracks, on a timeline that begins with 1 s. Its track
	// is in force from it on.
	Frame *av.Frame
	// Why tells in a few words why something was left out. It is one of a small
	// fixed set, so that the caller can count by it.
	Why string
}

// PlayStats counts what a PlayClient has received.
type PlayStats struct {
	Packets uint64 // of RTP
	Lost    uint64 // packets of RTP that did not come
	Bad     uint64 // that are no RTP or RTCP, or of an unknown source or payload type
	// Reported counts the tracks of which sender reports came: only these can be
	// aligned as at the source.
	Reported int
}

// PlayClient plays one stream from an RTSP server, such as a camera. Next is for
// one goroutine at a time, all else is safe for concurrent use. Close must be
// called, also after an error.
type PlayClient struct {
	*remote
	media []Media
	queue chan Packet

	packets atomic.Uint64

	mu       sync.Mutex // over UDP, the tracks come on goroutines of their own
	intake   intake
	reported map[*inlet]bool
	goodbyes map[*inlet]bool
}

// Play connects to the server that rawURL names and plays all tracks of the
// stream that can be used. A user and password in rawURL are sent once the server
// asks for them, by Digest or Basic authentication. Up to five redirections are
// followed, none from TLS to plain, and credentials go to the same host only. It
// returns once the server has accepted PLAY. ctx bounds the time until then and
// has no effect later.
//
// A refusal is a *StatusError: 404 if there is no such stream, 401 if the
// credentials are missing or wrong, 461 if the transport that was asked for is
// not to be had. An error for the reason reason.Unsupported means that no track
// can be used. Others are a *URLError, those of the network, io.ErrUnexpectedEOF if
// the server closes the connection, and os.ErrDeadlineExceeded if it is silent.
func Play(ctx context.Context, rawURL string, o ClientOptions) (*PlayClient, error) {
	var p *PlayClient
	_, err := dial(ctx, rawURL, o, func(r *remote) error {
		p = &PlayClient{
			remote: r, queue: make(chan Packet, playQueue),
			reported: map[*inlet]bool{}, goodbyes: map[*inlet]bool{},
		}
		return p.start()
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (p *PlayClient) start() error {
	d, _, err := p.library.Describe(p.url)
	if err != nil {
		return err
	}
	p.timings.Described = time.Since(p.began)
	if err := p.describe(d); err != nil {
		return err
	}
	for _, in := range p.intake.inlets {
		if _, err := p.library.Setup(d.BaseURL, in.media, 0, 0); err != nil {
			return err
		}
		p.library.OnPacketRTP(in.media, in.format, func(pkt *prtp.Packet) { p.packet(in, pkt) })
		p.library.OnPacketRTCP(in.media, func(pkt rtcp.Packet) { p.control(in, pkt) })
	}
	p.timings.SetUp = time.Since(p.began)
	_, err = p.library.Play(nil)
	p.timings.Ready = time.Since(p.began)
	return err
}

// describe finds out what can be played.
func (p *PlayClient) describe(d *description.Session) error {
	medias := slices.DeleteFunc(slices.Clone(d.Medias), func(m *description.Media) bool { return m.IsBackChannel })
	leftOut := p.intake.open(medias)
	for i, m := range medias {
		entry := Media{Kind: kindOf(m)}
		if len(m.Formats) > 0 {
			entry.ClockRate = m.Formats[0].ClockRate()
		}
		if leftOut[i] != "" {
			o := omission(m, leftOut[i])
			entry.Codec, entry.LeftOut = o.Codec, o.Why
		}
		for _, in := range p.intake.inlets {
			if in.media == m {
				entry.Codec, entry.ClockRate, entry.Track = in.format.Codec(), in.format.ClockRate(), in.demuxer.Track()
			}
		}
		p.media = append(p.media, entry)
	}
	if len(p.intake.inlets) == 0 {
		return reason.Wrap(reason.Unsupported, fmt.Errorf("no track can be used: %s", strings.Join(leftOut, "; ")))
	}
	return nil
}

// packet takes in an RTP packet.
func (p *PlayClient) packet(in *inlet, pkt *prtp.Packet) {
	p.packets.Add(1)
	p.mu.Lock()
	frames, why := in.packet(pkt)
	p.mu.Unlock()
	if why != "" {
		p.put(Packet{Why: why})
	}
	for _, f := range frames {
		p.put(Packet{Frame: f})
	}
}

// put waits until the packet has a place in the queue, or until nobody wants it.
func (p *PlayClient) put(pkt Packet) {
	select {
	case p.queue <- pkt:
	case <-p.leave:
	}
}

// control takes in an RTCP packet. The stream is over when all tracks have said
// goodbye.
func (p *PlayClient) control(in *inlet, pkt rtcp.Packet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if in.report(pkt) {
		p.reported[in] = true
	}
	if _, isGoodbye := pkt.(*rtcp.Goodbye); isGoodbye {
		if p.goodbyes[in] = true; len(p.goodbyes) == len(p.intake.inlets) {
			p.finish(io.EOF, lastPackets)
		}
	}
}

// Media returns what the server's description has, in its order.
func (p *PlayClient) Media() []Media { return p.media }

// Stats returns what was received so far.
func (p *PlayClient) Stats() PlayStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PlayStats{Packets: p.packets.Load(), Lost: p.lost.Load(), Bad: p.bad.Load(), Reported: len(p.reported)}
}

// Next returns the next frame, or why something was left out. Frames of a track
// come in decoding order.
//
// The error is io.EOF if the server says that the stream is over (RTCP BYE), a
// *StatusError if it has forgotten the session, io.ErrUnexpectedEOF if it closes
// without a word, os.ErrDeadlineExceeded if it is silent, net.ErrClosed after
// Close. It is final.
func (p *PlayClient) Next() (Packet, error) {
	select {
	case <-p.leave:
		return Packet{}, p.over()
	default:
	}
	select {
	case pkt := <-p.queue:
		return pkt, nil
	case <-p.leave:
		return Packet{}, p.over()
	case <-p.done:
	}
	select {
	case pkt := <-p.queue: // what came before the end
		return pkt, nil
	default:
		return Packet{}, p.over()
	}
}

// Close ends the session. A Next that waits returns. The error is always nil.
func (p *PlayClient) Close() error {
	p.close()
	return nil
}
