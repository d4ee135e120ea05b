package webrtc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pion/interceptor"
	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/inorder"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/transcode"
	"github.com/weirmedia/weir/protocols/internal/rtpfeed"
)

// maxPayload keeps packets with their header, extensions and the tag of SRTP below
// 1200 bytes, which pass everywhere.
const maxPayload = 1130

// batchAt is the share of a core from which on sound waits for pictures; passes
// encrypt and send.
const batchAt = 0.15

// playing is a session that we send to.
type playing struct {
	resource *resource
	whole    bool // the client wants all pictures or none
	stream   *bus.Stream
	feed     *rtpfeed.Feed
	releases []func() // in the order in which it was acquired
	player   *player
}

var _ use = (*playing)(nil)

// begin implements use.
func (p *playing) begin(ctx context.Context, o *offer, _ auth.Grant) (string, error) {
	var err error
	if p.stream, err = p.await(ctx); err != nil {
		return "", err
	}
	if err := p.resource.admit(); err != nil {
		return "", err
	}
	if err := p.judge(); err != nil {
		return "", err
	}
	if err := p.acquire(ctx); err != nil {
		return "", err
	}
	engine, err := p.choose(o)
	if err != nil {
		return "", err
	}
	return p.resource.connect(ctx, o, engine, &interceptor.Registry{})
}

// judge refuses a stream that is known not to play. What shows later ends the view,
// and with it the session.
func (p *playing) judge() error {
	info := p.stream.Info()
	if !info.Layout.Ready {
		return nil
	}
	v := Judge(info)
	if v.Err == nil && v.Without > 0 && p.whole {
		return reason.Wrap(reason.Unsupported, inorder.ErrLeftOut)
	}
	return v.Err
}

// acquire finds the packets of the stream as browsers can play it: pictures in
// the order in which they are shown, and sound as Opus if it is nothing else that
// they know.
func (p *playing) acquire(ctx context.Context) error {
	type key struct{ *Server }
	s := p.resource.server
	sound, release, err := transcode.Acquire(p.stream.Plain(), transcode.Format{Codec: av.Opus}, audioCodecs()...)
	if err != nil {
		return err
	}
	p.releases = append(p.releases, release)
	counts := &s.metrics.pictures
	if p.whole { // leaves nothing out
		counts = new(inorder.Counts)
	}
	view, release, err := sound.Derive(fmt.Sprintf("inorder, whole: %t", p.whole), func() bus.Transform { return inorder.New(counts, p.whole) })
	if err != nil {
		return err
	}
	p.releases = append(p.releases, release)
	var box *outbox
	p.feed, release, err = rtpfeed.Acquire(ctx, view, key{s}, rtpfeed.Options{
		Log: s.host.Log, Protocol: protocol, Window: time.Duration(s.live.Load().of(p.resource.stream).maxLag), MaxPayload: maxPayload, BatchAt: batchAt,
		Carries: carries, Unsent: s.metrics.unsent.Inc,
		Begin: func([]*rtpfeed.Outlet) (io.Closer, error) {
			box = newOutbox(s.udp)
			return box, nil
		},
		Flush: func() { box.flush() },
	})
	if err != nil {
		return err
	}
	p.releases = append(p.releases, release)
	p.resource.outbox = p.feed.Begun().(*outbox) // that of who began
	p.resource.session.Without(p.feed.LeftOut())
	return nil
}

// await waits for the stream.
func (p *playing) await(ctx context.Context) (*bus.Stream, error) {
	r := p.resource
	found := r.server.host.Bus.Stream(r.stream)
	if found != nil {
		return found, nil
	}
	if err := r.session.Wait(); err != nil {
		return nil, err
	}
	defer r.session.Activate()
	return r.server.host.Bus.Await(ctx, r.stream)
}

// carries returns why browsers cannot be sent a track, nil if they can.
func carries(t *av.Track) error {
	for _, c := range append(videoCodecs(), audioCodecs()...) {
		if t.Codec == c {
			return inorder.Check(t)
		}
	}
	return fmt.Errorf("WebRTC has no %s", t.Codec)
}

// choose finds a section and a codec of the offer for each track.
func (p *playing) choose(o *offer) (*pion.MediaEngine, error) {
	engine := &pion.MediaEngine{}
	if err := p.resource.server.offerExtensions(engine); err != nil {
		return nil, err
	}
	outlets := len(p.feed.Outlets())
	p.player = &player{
		resource: p.resource, stream: p.stream, feed: p.feed, lanes: make([]*lane, outlets), spare: rtxBurst,
		reports: rtpfeed.NewReception(&p.resource.session.Counters().Network, outlets),
	}
	free := append([]*media(nil), o.medias...)
	why := errors.New("the offer receives nothing")
	found := false
	for i, out := range p.feed.Outlets() {
		for n, m := range free {
			if m == nil || m.kind != out.Track().Kind || !m.receives {
				continue
			}
			c := m.carrying(out.Track())
			if c == nil {
				why = fmt.Errorf("the client cannot receive %s", out.Track().Codec)
				continue
			}
			if err := c.register(engine, m.kind); err != nil {
				return nil, err
			}
			p.player.lanes[i] = newLane(p.player, i, c)
			free[n], found = nil, true
			break
		}
	}
	if !found {
		return nil, reason.Wrap(reason.Unsupported, fmt.Errorf("no track of %q can be sent: %w", p.resource.stream, why))
	}
	return engine, nil
}

// negotiate implements use.
func (p *playing) negotiate(pc *pion.PeerConnection, _ *offer) error {
	for _, l := range p.player.lanes {
		if l == nil {
			continue
		}
		sender, err := pc.AddTrack(l)
		if err != nil {
			return err
		}
		l.sender = sender
	}
	return nil
}

// connected implements use.
func (p *playing) connected() {
	for _, l := range p.player.lanes {
		if l != nil {
			go l.readReports()
		}
	}
	p.stream.Plain().Welcome()
	p.resource.session.LayoutKnown(p.feed.Layout())
	p.resource.session.LagOf(p.player)
	if err := p.feed.Add(p.player); err != nil { // it was over before
		time.AfterFunc(setUp, func() {
			p.feed.Do(func(*rtpfeed.Log) { p.player.Part(reason.Of(err, reason.InternalError), err) })
		})
	}
	if p.resource.over() { // close may have been before
		p.feed.Remove(p.player)
	}
}

func (p *playing) leaving() reason.Reason { return reason.ClientClosed }

func (p *playing) close() {
	if p.player != nil {
		p.feed.Remove(p.player)
	}
	for _, release := range slices.Backward(p.releases) {
		release()
	}
}
