package webrtc

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/rtcp"
	prtp "github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/internal/rtpfeed"
	"github.com/weirmedia/weir/remux/rtp"
)

const (
	// patience is how long a missing packet is waited for: two round trips to the
	// other side of the world, so that it can be asked for and sent again.
	patience = 400 * time.Millisecond
	// receiveMTU is the largest packet that is expected, in bytes.
	receiveMTU = 1500
)

// Codecs of publishers, the best first: what most outputs can carry.
func videoCodecs() []av.Codec { return []av.Codec{av.H264, av.H265, av.AV1, av.VP9, av.VP8} }
func audioCodecs() []av.Codec { return []av.Codec{av.Opus, av.G711U, av.G711A} }

// publishing is a session that sends to us.
type publishing struct {
	resource *resource

	pictures atomic.Uint32 // SSRC of the first track with pictures; 0 until it is there

	mu     sync.Mutex // tracks come on goroutines of their own
	pub    *bus.Publisher
	clock  rtp.Clock
	jitter rtpfeed.Jitters
	inlets []*inlet // by the order of the offer's sections
	timer  *time.Timer
	closed bool

	readers sync.WaitGroup
	leftOut session.LeftOut
}

var _ use = (*publishing)(nil)

// inlet is a track on its way in.
type inlet struct {
	codec   *codec
	demuxer *rtp.Demuxer
	timing  *rtp.Timing
	sorter  *rtp.Sorter
	jitter  *rtpfeed.Jitter
	nacks   bool  // may packets be asked for again?
	looked  int64 // when it was looked for packets that are missing
	taken   bool  // by a track of the connection
	told    *av.Track
}

// begin implements use.
func (p *publishing) begin(ctx context.Context, o *offer, grant auth.Grant) (string, error) {
	r := p.resource
	engine, leftOut, err := p.take(o)
	if err != nil {
		return "", err
	}
	if err := r.admit(); err != nil { // before it takes the place of another
		return "", err
	}
	p.without(leftOut)
	pub, err := r.server.host.Bus.Publish(r.stream, bus.Claim{
		Owner: grant.Identity.Key(), Session: r.session.ID(), Kill: r.kill, Refresh: p.refresh, Witness: r.session,
	})
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	p.pub = pub
	p.mu.Unlock()
	var hinted [av.Kinds]bool
	for _, in := range p.inlets {
		hinted[in.demuxer.Kind()] = true
	}
	if err := pub.Hint(hinted); err != nil {
		return "", reason.Wrap(reason.TakenOver, err)
	}
	registry, err := receiving(engine)
	if err != nil {
		return "", err
	}
	return r.connect(ctx, o, engine, registry)
}

// without tells which of the client's tracks cannot be used.
func (p *publishing) without(tracks []av.Omission) {
	r := p.resource
	p.leftOut.Set(tracks)
	r.session.Without(&p.leftOut)
	session.LogLeftOut(r.server.host.Log, slog.LevelWarn, tracks,
		slog.String("protocol", protocol), slog.String("stream", r.stream), slog.String("remote", r.session.Info().Remote))
}

// take chooses a codec for each section that the client sends. leftOut are those
// that have none.
func (p *publishing) take(o *offer) (engine *pion.MediaEngine, leftOut []av.Omission, err error) {
	engine = &pion.MediaEngine{}
	next := [av.Kinds]int{av.Video: 0, av.Audio: 1} // as everywhere: even and odd
	for _, m := range o.medias {
		wanted := videoCodecs()
		if m.kind == av.Audio {
			wanted = audioCodecs()
		}
		if !m.sends {
			continue
		}
		c := m.first(wanted...)
		if c == nil {
			leftOut = append(leftOut, m.omission())
			continue
		}
		d, err := rtp.NewDemuxer(next[m.kind], c.format())
		if err != nil {
			return nil, nil, err
		}
		next[m.kind] += 2
		if err := c.register(engine, m.kind); err != nil {
			return nil, nil, err
		}
		p.inlets = append(p.inlets, &inlet{codec: c, demuxer: d, timing: p.clock.Track(), sorter: rtp.NewSorter(int64(patience)),
			jitter: p.jitter.Track(int(c.params.ClockRate)), nacks: c.nacks()})
	}
	if len(p.inlets) == 0 {
		return nil, nil, reason.Wrap(reason.Unsupported, errors.New("the offer sends nothing that can be used: H.264, H.265, AV1, VP9, VP8, Opus or G.711"))
	}
	return engine, leftOut, nil
}

// register makes c a codec that is negotiated.
func (c *codec) register(engine *pion.MediaEngine, kind av.Kind) error {
	of := pion.RTPCodecTypeVideo
	if kind == av.Audio {
		of = pion.RTPCodecTypeAudio
	}
	if err := engine.RegisterCodec(c.params, of); err != nil {
		return err
	}
	if c.rtx != nil {
		return engine.RegisterCodec(*c.rtx, of)
	}
	return nil
}

// negotiate implements use.
func (p *publishing) negotiate(pc *pion.PeerConnection, _ *offer) error {
	pc.OnTrack(p.track)
	return nil
}

// track is called by the library when the first packet of a track came.
func (p *publishing) track(t *pion.TrackRemote, r *pion.RTPReceiver) {
	in := p.inletOf(t)
	if in == nil {
		return
	}
	go p.readReports(in, r)
	go p.read(in, t)
	if in.demuxer.Kind() == av.Video && p.pictures.CompareAndSwap(0, uint32(t.SSRC())) {
		p.refresh()
	}
}

// inletOf finds the inlet of a track and takes it, with two readers. It returns
// nil if nobody wants the track.
func (p *publishing) inletOf(t *pion.TrackRemote) *inlet {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.inlets, func(in *inlet) bool { return !in.taken && in.codec.params.PayloadType == t.PayloadType() })
	if i < 0 || p.closed {
		return nil
	}
	p.inlets[i].taken = true
	p.readers.Add(2)
	return p.inlets[i]
}

// read takes in the packets of a track.
func (p *publishing) read(in *inlet, t *pion.TrackRemote) {
	defer p.readers.Done()
	buf := make([]byte, receiveMTU)
	for {
		pkt, n, attributes, err := readPacket(t, buf)
		if err != nil {
			return // the connection ends, which says why
		}
		if pkt == nil || pkt.PayloadType != uint8(in.codec.params.PayloadType) {
			continue // padding, to find out how fast the network is
		}
		again := attributes.Get(pion.AttributeRtxPayloadType) != nil
		if err := p.packet(in, pkt, n, again); err != nil {
			go p.resource.end(reason.TakenOver, err)
			return
		}
		if nack := in.nack(t.SSRC(), av.Now()); nack != nil {
			_ = p.resource.pc.WriteRTCP(nack) // fails when the connection ends
		}
	}
}

// readPacket reads the next packet of a track by way of buf, and returns how many
// bytes it has. The packet is nil if it is of no use: padding, or one of a payload
// type that was not agreed on.
func readPacket(t *pion.TrackRemote, buf []byte) (*prtp.Packet, int, interceptor.Attributes, error) {
	n, attributes, err := t.Read(buf)
	if errors.Is(err, pion.ErrCodecNotFound) {
		return nil, n, attributes, nil
	}
	if err != nil {
		return nil, 0, nil, err
	}
	pkt := &prtp.Packet{}
	if pkt.Unmarshal(bytes.Clone(buf[:n])) != nil || len(pkt.Payload) == 0 {
		return nil, n, attributes, nil
	}
	return pkt, n, attributes, nil
}

// packet takes in one packet of n bytes. One that was sent again says nothing about
// how the network treats others.
func (p *publishing) packet(in *inlet, pkt *prtp.Packet, n int, again bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := av.Now()
	c, before := p.resource.session.Counters(), in.sorter.Counts()
	c.BytesIn.Add(uint64(n))
	ordered := in.sorter.Push(pkt, now)
	after := in.sorter.Counts()
	c.Network.PacketsIn.Add(1)
	c.Network.PacketsLost.Add(after.Lost - before.Lost)
	if !again {
		c.Network.PacketsReordered.Add(after.Reordered - before.Reordered)
		c.Network.Jitter.Store(in.jitter.Add(pkt.Timestamp, now))
	}
	for _, ready := range ordered {
		frames, why := in.demuxer.Demux(ready)
		if why != "" {
			p.resource.server.metrics.ignored.WithLabelValues(why).Inc()
		}
		for _, f := range frames {
			if err := p.deliver(in, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliver hands a frame to the bus.
func (p *publishing) deliver(in *inlet, f *av.Frame) error {
	if f.Track != in.told {
		if err := p.pub.SetTrack(f.Track); err != nil {
			return err
		}
		in.told = f.Track
	}
	f.Arrival = av.Now()
	in.timing.Place(f)
	p.resource.session.Counters().FramesIn.Add(1)
	return p.pub.Write(f)
}

// readReports takes in the sender reports of a track.
func (p *publishing) readReports(in *inlet, r *pion.RTPReceiver) {
	defer p.readers.Done()
	for {
		packets, _, err := r.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			if sr, isReport := packet.(*rtcp.SenderReport); isReport {
				p.mu.Lock()
				in.timing.Report(sr.NTPTime, in.demuxer.Time(sr.RTPTime))
				p.mu.Unlock()
			}
		}
	}
}

// refresh asks the client for a key frame (RFC 4585, 6.3.1).
func (p *publishing) refresh() {
	if source := p.pictures.Load(); source != 0 {
		p.resource.server.metrics.refresh.WithLabelValues(string(session.Publish)).Inc()
		_ = p.resource.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: source}}) // fails when the connection ends
	}
}

// refreshLater asks for a key frame again and again, for outputs that cannot do
// without, such as HLS.
func (p *publishing) refreshLater(every time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if every <= 0 || p.closed {
		return
	}
	p.timer = time.AfterFunc(every, func() {
		p.refresh()
		p.refreshLater(every)
	})
}

// connected implements use.
func (p *publishing) connected() {
	r := p.resource
	p.refreshLater(time.Duration(r.server.live.Load().of(r.stream).keyframeInterval))
}

func (p *publishing) leaving() reason.Reason { return reason.Unpublished }

func (p *publishing) close() {
	p.mu.Lock()
	p.closed = true
	pub := p.pub
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
	p.readers.Wait()
	if pub != nil {
		pub.Close()
	}
}

// receiving returns what the library does for publishers by itself: tells what
// arrived, by reports and for transport-wide congestion control.
func receiving(engine *pion.MediaEngine) (*interceptor.Registry, error) {
	registry := &interceptor.Registry{}
	reports, err := report.NewReceiverInterceptor()
	if err != nil {
		return nil, err
	}
	registry.Add(reports)
	return registry, pion.ConfigureTWCCSender(engine, registry)
}
