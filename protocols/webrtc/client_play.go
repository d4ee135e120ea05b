package webrtc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	prtp "github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/rtp"
)

const (
	// playQueue is how many frames wait for Next. A player that is slower loses
	// packets.
	playQueue = 32
	// clientBuffer is what the socket for media is to hold, in bytes: what a server
	// sends at once to those who join. Systems may allow less.
	clientBuffer = 1 << 20
	// checkInterval is the time between two of the library's connectivity checks. Of
	// itself it sends eight and gives up, which a busy machine takes longer than.
	checkInterval = 200 * time.Millisecond
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

// Media is one section of a server's answer.
type Media struct {
	Kind av.Kind
	// Codec is as SDP names it, ClockRate what RTP times count in, in Hz. They are
	// empty and 0 if the section is not sent.
	Codec     string
	ClockRate int
	// LeftOut says why the medium is not played; it is empty if it is.
	LeftOut string
}

// PlayStats counts what a PlayClient has received.
type PlayStats struct {
	Packets uint64 // of RTP
	Bytes   uint64 // of these, with their headers
	Frames  uint64
	// Lost counts packets that did not come in time, also not when they were asked
	// for again.
	Lost uint64
	// Reported counts the tracks of which sender reports came.
	Reported int
}

// PlayClient plays one stream by WHEP. Next is for one goroutine at a time, all
// else is safe for concurrent use. Close must be called, also after an error.
type PlayClient struct {
	signalling *signalling
	pc         *pion.PeerConnection
	socket     net.PacketConn
	mux        io.Closer // above socket
	media      []Media
	timings    Timings
	ready      chan struct{} // closed when media can flow
	queue      chan Packet
	leave      chan struct{} // closed by Close
	done       chan struct{} // closed when it is over
	readers    sync.WaitGroup
	closing    sync.Once

	packets, bytes, frames, lost atomic.Uint64

	mu       sync.Mutex // tracks come on goroutines of their own
	clock    rtp.Clock
	next     [av.Kinds]int // ids of tracks to come
	reported int
	playing  int // tracks that the server sends; constant once it is asked to
	goodbyes goodbyes
	closed   bool
	connects bool  // media could flow
	why      error // why it is over; constant once done is closed
}

// Play asks the WHEP endpoint rawURL (http or https) for a stream, and returns once
// media can flow, by UDP. "user:pass@" in rawURL is sent as basic authentication.
// Up to five redirections are followed, but none from TLS to plain. ctx bounds the
// time until then and has no effect later. Codecs are all that this package knows.
//
// A refusal is a *StatusError. An error for the reason reason.Unsupported means that
// the server sends no track, os.ErrDeadlineExceeded that no connection came about.
// Others are those of the URL, the network, and an answer that cannot be used.
func Play(ctx context.Context, rawURL string, o ClientOptions) (*PlayClient, error) {
	began := time.Now()
	o.Timeout = cmp.Or(o.Timeout, clientTimeout)
	s, err := newSignalling(rawURL, o)
	if err != nil {
		return nil, fmt.Errorf("whep: %w", err)
	}
	p := &PlayClient{
		signalling: s, next: [av.Kinds]int{av.Video: 0, av.Audio: 1}, // as everywhere: even and odd
		ready: make(chan struct{}), queue: make(chan Packet, playQueue), leave: make(chan struct{}), done: make(chan struct{}),
		goodbyes: make(goodbyes),
	}
	if err := p.open(ctx, began); err != nil {
		_ = p.Close() // err says more
		return nil, fmt.Errorf("whep: %w", err)
	}
	return p, nil
}

// open connects.
func (p *PlayClient) open(ctx context.Context, began time.Time) error {
	if err := p.prepare(ctx); err != nil {
		return err
	}
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := pion.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return err
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	answer, err := p.signalling.post(ctx, p.pc.LocalDescription().SDP, began)
	if err != nil {
		return err
	}
	p.timings.Connected, p.timings.Answered = time.Duration(p.signalling.connected.Load()), time.Since(began)
	if p.media, err = readMedia(answer); err != nil {
		return err
	}
	for _, m := range p.media {
		if m.LeftOut == "" {
			p.playing++
		}
	}
	if p.playing == 0 {
		return reason.Wrap(reason.Unsupported, errors.New("the server sends no track"))
	}
	if err := p.pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("the answer cannot be used: %w", err)
	}
	if err := p.await(ctx); err != nil {
		return err
	}
	p.timings.Ready = time.Since(began)
	return nil
}

// prepare makes a connection that receives a track of each kind.
func (p *PlayClient) prepare(ctx context.Context) error {
	udp, err := listenMedia(ctx, p.signalling.host())
	if err != nil {
		return err
	}
	_ = udp.SetReadBuffer(clientBuffer) // or what is allowed
	p.socket = udp
	if wrap := p.signalling.options.Socket; wrap != nil {
		p.socket = wrap(udp)
	}
	quiet := logging.NewDefaultLoggerFactory()
	quiet.DefaultLogLevel = logging.LogLevelDisabled
	mux := pion.NewICEUDPMux(quiet.NewLogger("ice"), p.socket)
	p.mux = mux
	var settings pion.SettingEngine
	settings.LoggerFactory = quiet
	settings.BufferFactory = p.buffer
	settings.SetICEUDPMux(mux)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]pion.NetworkType{pion.NetworkTypeUDP4, pion.NetworkTypeUDP6})
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetICETimeouts(disconnectedAfter, max(0, p.signalling.options.Timeout-disconnectedAfter), keepAlive)
	settings.SetICEMaxBindingRequests(uint16(min(p.signalling.options.Timeout/checkInterval, math.MaxUint16)))
	engine := &pion.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		return err
	}
	registry := &interceptor.Registry{}
	if !p.signalling.options.Plain {
		if err := pion.ConfigureRTCPReports(registry); err != nil {
			return err
		}
	}
	api := pion.NewAPI(pion.WithMediaEngine(engine), pion.WithInterceptorRegistry(registry), pion.WithSettingEngine(settings))
	if p.pc, err = api.NewPeerConnection(pion.Configuration{BundlePolicy: pion.BundlePolicyMaxBundle}); err != nil {
		return err
	}
	p.pc.OnConnectionStateChange(p.follow)
	p.pc.OnTrack(p.track)
	for _, kind := range []pion.RTPCodecType{pion.RTPCodecTypeVideo, pion.RTPCodecTypeAudio} {
		if _, err := p.pc.AddTransceiverFromKind(kind, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
			return err
		}
	}
	return nil
}

// readMedia returns the sections of a server's answer.
func readMedia(answer string) (list []Media, err error) {
	d, err := parseOffer(answer) // which is made of the same
	if err != nil {
		return nil, errors.New("the answer is no SDP with sound or pictures")
	}
	for _, m := range d.medias {
		entry := Media{Kind: m.kind}
		switch {
		case !m.sends:
			entry.LeftOut = "the server does not send it"
		case len(m.codecs) == 0:
			entry.LeftOut = "unsupported codec"
		default:
			c := m.codecs[0].params
			_, entry.Codec, _ = strings.Cut(c.MimeType, "/")
			entry.ClockRate = int(c.ClockRate)
		}
		list = append(list, entry)
	}
	return list, nil
}

// await waits until media can flow.
func (p *PlayClient) await(ctx context.Context) error {
	timer := time.NewTimer(p.signalling.options.Timeout)
	defer timer.Stop()
	select {
	case <-p.ready:
		return nil
	case <-p.done:
		select {
		case <-p.ready: // what came is to be had
			return nil
		default:
			return p.why
		}
	case <-timer.C:
		return fmt.Errorf("no connection within %v: %w", p.signalling.options.Timeout, os.ErrDeadlineExceeded)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// follow is called by the library when the state of the connection changes.
func (p *PlayClient) follow(state pion.PeerConnectionState) {
	switch state {
	case pion.PeerConnectionStateConnected:
		p.mu.Lock()
		first := !p.connects
		p.connects = true
		p.mu.Unlock()
		if first {
			close(p.ready)
		}
	case pion.PeerConnectionStateFailed:
		p.over(fmt.Errorf("nothing came any more: %w", os.ErrDeadlineExceeded))
	case pion.PeerConnectionStateClosed: // by DTLS; buffers were given all that came before
		if p.ended() {
			p.over(io.EOF)
		} else {
			p.over(io.ErrUnexpectedEOF)
		}
	}
}

// over notes why it is over; the first reason counts.
func (p *PlayClient) over(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why == nil {
		p.why = why
		close(p.done)
	}
}

// track is called by the library when the first packet of a track came.
func (p *PlayClient) track(t *pion.TrackRemote, r *pion.RTPReceiver) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := codecOf(t)
	if c == nil || p.closed {
		return
	}
	kind := av.Video
	if t.Kind() == pion.RTPCodecTypeAudio {
		kind = av.Audio
	}
	d, err := rtp.NewDemuxer(p.next[kind], c.format())
	if err != nil {
		return
	}
	p.next[kind] += 2
	in := &inlet{codec: c, demuxer: d, timing: p.clock.Track(), sorter: rtp.NewSorter(int64(patience)),
		nacks: !p.signalling.options.Plain && c.nacks()}
	p.readers.Go(func() { p.read(in, t) })
	p.readers.Go(func() { p.readReports(in, r) })
}

// codecOf returns nil if the codec is not known.
func codecOf(t *pion.TrackRemote) *codec {
	kind, name, _ := strings.Cut(strings.ToLower(t.Codec().MimeType), "/")
	table := known[av.Video]
	if kind == "audio" {
		table = known[av.Audio]
	}
	c, ok := table[name]
	if !ok {
		return nil
	}
	return &codec{Codec: c, params: t.Codec()}
}

// read takes in the packets of a track.
func (p *PlayClient) read(in *inlet, t *pion.TrackRemote) {
	buf := make([]byte, receiveMTU)
	for {
		pkt, n, _, err := readPacket(t, buf)
		if err != nil {
			return // the connection ends, which says why
		}
		p.packets.Add(1)
		p.bytes.Add(uint64(n))
		if pkt == nil {
			continue
		}
		before := in.sorter.Counts().Lost
		ordered := in.sorter.Push(pkt, av.Now())
		p.lost.Add(in.sorter.Counts().Lost - before)
		if nack := in.nack(t.SSRC(), av.Now()); nack != nil {
			_ = p.pc.WriteRTCP(nack) // fails when the connection ends
		}
		for _, ready := range ordered {
			p.demux(in, ready)
		}
	}
}

// demux hands out the frames that a packet completes.
func (p *PlayClient) demux(in *inlet, pkt *prtp.Packet) {
	p.mu.Lock()
	frames, why := in.demuxer.Demux(pkt)
	for _, f := range frames {
		f.Arrival = av.Now()
		in.timing.Place(f)
	}
	p.mu.Unlock()
	p.frames.Add(uint64(len(frames)))
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

// readReports takes in what the server says about a track.
func (p *PlayClient) readReports(in *inlet, r *pion.RTPReceiver) {
	reported := false
	for {
		packets, _, err := r.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			sr, isReport := packet.(*rtcp.SenderReport)
			if !isReport {
				continue
			}
			p.mu.Lock()
			in.timing.Report(sr.NTPTime, in.demuxer.Time(sr.RTPTime))
			if !reported {
				reported = true
				p.reported++
			}
			p.mu.Unlock()
		}
	}
}

// Media returns what the server's answer has, in its order.
func (p *PlayClient) Media() []Media { return p.media }

// Timings returns how long the steps of Play took.
func (p *PlayClient) Timings() Timings { return p.timings }

// Stats returns what was received so far.
func (p *PlayClient) Stats() PlayStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PlayStats{Packets: p.packets.Load(), Bytes: p.bytes.Load(), Frames: p.frames.Load(), Lost: p.lost.Load(), Reported: p.reported}
}

// Next returns the next frame, or why something was left out. Frames of a track
// come in decoding order.
//
// The error is io.EOF if the server says that the stream is over (RTCP BYE),
// io.ErrUnexpectedEOF if it closes without a word, os.ErrDeadlineExceeded if it is
// silent, net.ErrClosed after Close. It is final.
func (p *PlayClient) Next() (Packet, error) {
	select {
	case <-p.leave:
		return Packet{}, net.ErrClosed
	default:
	}
	select {
	case pkt := <-p.queue:
		return pkt, nil
	case <-p.leave:
		return Packet{}, net.ErrClosed
	case <-p.done:
	}
	select {
	case pkt := <-p.queue: // what came before the end
		return pkt, nil
	default:
		return Packet{}, p.why
	}
}

// Close ends the session (DELETE) and the connection. A Next that waits returns. The
// error is always nil.
func (p *PlayClient) Close() error {
	p.closing.Do(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		close(p.leave)
		p.signalling.bye()
		if p.pc != nil {
			closePeer(p.pc)
		}
		if p.mux != nil {
			_ = p.mux.Close() // and the socket with it
		} else if p.socket != nil {
			_ = p.socket.Close() // nothing was sent
		}
		p.readers.Wait()
	})
	return nil
}
