package rtsp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/rtp"
)

const (
	// clientQueue is how many packets wait for the socket: those of a large key
	// frame.
	clientQueue = 1024
	// queueTick is how often a full queue is looked at.
	queueTick = 2 * time.Millisecond
)

// PublishClient publishes one stream to an RTSP server. Its methods are safe for
// concurrent use. Close must be called, also after an error.
type PublishClient struct {
	*remote
	media   []Media
	written atomic.Uint64 // packets

	mu    sync.Mutex
	lanes map[int]*sendLane // by track id; nil for one that is left out
	wall  int64             // wall time in nanoseconds of stream time 0; 0 before the first frame
}

// sendLane is a track on its way to a server.
type sendLane struct {
	media      *description.Media
	muxer      *rtp.Muxer
	ssrc       uint32 // that the library gives
	tally      rtp.Tally
	nextReport time.Time
}

// Publish connects to the server that rawURL names and announces the stream with
// tracks; those that RTP cannot carry are left out, which Media tells. User and
// password, redirections, ctx and errors are those of Play; an error for the
// reason reason.Unsupported means that RTP can carry none of the tracks.
func Publish(ctx context.Context, rawURL string, tracks []*av.Track, o ClientOptions) (*PublishClient, error) {
	var p *PublishClient
	_, err := dial(ctx, rawURL, o, func(r *remote) error {
		p = &PublishClient{remote: r, lanes: map[int]*sendLane{}}
		return p.start(tracks)
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (p *PublishClient) start(tracks []*av.Track) error {
	d, err := p.describe(tracks)
	if err != nil {
		return err
	}
	if _, err := p.library.Announce(p.url, d); err != nil {
		return err
	}
	p.timings.Described = time.Since(p.began)
	if err := p.library.SetupAll(p.url, d.Medias); err != nil {
		return err
	}
	p.timings.SetUp = time.Since(p.began)
	if _, err := p.library.Record(); err != nil {
		return err
	}
	p.timings.Ready = time.Since(p.began)
	stats := p.library.Stats().Session.Medias
	for _, lane := range p.lanes {
		if lane != nil {
			lane.ssrc = stats[lane.media].Formats[lane.muxer.Format()].LocalSSRC
		}
	}
	return nil
}

// describe makes the lanes of tracks, and what ANNOUNCE tells.
func (p *PublishClient) describe(tracks []*av.Track) (*description.Session, error) {
	d := &description.Session{Title: clientAgent}
	err := errors.New("there is none")
	for _, t := range tracks {
		m, unable := rtp.NewMuxer(t, rtp.MuxerOptions{PayloadType: rtp.FirstDynamic + uint8(len(d.Medias))})
		if unable != nil {
			p.lanes[t.ID], err = nil, unable
			p.media = append(p.media, Media{Kind: t.Kind, Codec: t.Codec.String(), LeftOut: unable.Error()})
			continue
		}
		f, media := m.Format(), mediaOf(m)
		d.Medias = append(d.Medias, media)
		p.lanes[t.ID] = &sendLane{media: media, muxer: m}
		p.media = append(p.media, Media{Kind: t.Kind, Codec: f.Codec(), ClockRate: f.ClockRate(), Track: t})
	}
	if len(d.Medias) == 0 {
		return nil, reason.Wrap(reason.Unsupported, fmt.Errorf("no track can be sent: %w", err))
	}
	return d, nil
}

// Media returns the tracks in the order in which they were named.
func (p *PublishClient) Media() []Media { return p.media }

// WriteFrame sends a frame of one of the tracks, in decoding order. It waits while
// the network takes nothing. Frames of a track that is left out are dropped. A
// track may get another configuration as far as RTP can tell that in band, which
// is so for video of the same codec.
//
// An error for the reason reason.BadMedia is about this frame alone, one for
// reason.Unsupported about all of its track from now on. Others are final and those of
// Wait; after Close it is net.ErrClosed.
func (p *PublishClient) WriteFrame(f *av.Frame) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	lane, known := p.lanes[f.Track.ID]
	switch {
	case !known:
		return reason.Wrap(reason.Unsupported, fmt.Errorf("rtsp: track %d was not announced", f.Track.ID))
	case lane == nil:
		return nil
	}
	if err := lane.muxer.Follow(f.Track); err != nil {
		return reason.Wrap(reason.Unsupported, fmt.Errorf("rtsp: %w", err))
	}
	packets, err := lane.muxer.Mux(f)
	if err != nil {
		return reason.Wrap(reason.BadMedia, fmt.Errorf("rtsp: %w", err))
	}
	if p.wall == 0 {
		p.wall = time.Now().UnixNano() - f.DTS
	}
	for i, pkt := range packets {
		if i == 0 {
			if err := p.report(lane, pkt, f.PTS); err != nil {
				return err
			}
		}
		if p.transport == UDP && i%udpBurst == udpBurst-1 { // what the peer's buffer holds
			if err := p.pause(); err != nil {
				return err
			}
		}
		if err := p.send(func() error { return p.library.WritePacketRTP(lane.media, pkt) }); err != nil {
			return err
		}
		p.written.Add(1)
		lane.tally.Add(pkt)
	}
	return nil
}

// report sends a sender report if one is due: with the first packet of a track,
// so that its time counts from that on, and now and then.
func (p *PublishClient) report(lane *sendLane, pkt *prtp.Packet, pts int64) error {
	now := time.Now()
	if now.Before(lane.nextReport) {
		return nil
	}
	lane.nextReport = now.Add(reportInterval)
	sr := lane.tally.Report(lane.ssrc, p.wall+pts, pkt.Timestamp)
	return p.send(func() error { return p.library.WritePacketRTCP(lane.media, sr) })
}

// send calls write, again and again while the queue is full.
func (p *PublishClient) send(write func() error) error {
	var full liberrors.ErrClientWriteQueueFull
	for begin := time.Now(); ; {
		if err := p.over(); err != nil {
			return err
		}
		err := write()
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &full):
			return p.named(p.explain(err))
		case time.Since(begin) > p.timeout:
			return p.named(fmt.Errorf("writing: %w", os.ErrDeadlineExceeded))
		}
		if err := p.pause(); err != nil {
			return err
		}
	}
}

// pause waits for a moment.
func (p *PublishClient) pause() error {
	timer := time.NewTimer(queueTick)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.leave:
	case <-p.done:
	}
	return p.over()
}

// Wait waits until the session has ended and returns why: nil after Close, else a
// *StatusError or an error of the network; io.ErrUnexpectedEOF if the server closes
// without a word.
func (p *PublishClient) Wait() error {
	<-p.done
	if err := p.over(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Close ends the stream and the session, after what was written, which may take
// 2 s. A WriteFrame that waits returns. The error is always nil.
func (p *PublishClient) Close() error {
	for end := time.Now().Add(clientFarewell); !p.drained() && time.Now().Before(end); {
		if p.pause() != nil {
			break
		}
	}
	p.close()
	return nil
}

// drained reports whether all that was written has left.
func (p *PublishClient) drained() bool {
	return p.library.Stats().Session.RTPPacketsSent >= p.written.Load()
}
