package probe

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/rtsp"
)

// RTSP is what only RTSP tells of a stream. Times are seconds.
type RTSP struct {
	// Server is what the server calls itself; empty if it does not say.
	Server string `json:"server,omitempty"`
	// Transport is "tcp" for media inside the connection, or "udp".
	Transport string `json:"transport"`
	// Describe is the time from the TCP connection to the description, with TLS and
	// authentication; SetUp that of all SETUP requests; Play that of PLAY.
	Describe float64 `json:"describe_seconds"`
	SetUp    float64 `json:"setup_seconds"`
	Play     float64 `json:"play_seconds"`
	// Media are those of the description.
	Media []Medium `json:"media"`
	// Packets of RTP came, Lost did not. Bad are no RTP or RTCP, or of a source or
	// payload type that was not announced.
	Packets uint64 `json:"packets"`
	Lost    uint64 `json:"lost"`
	Bad     uint64 `json:"bad"`
	// Reported is how many tracks sender reports came of.
	Reported int `json:"reported_tracks"`
}

// Medium is one entry of a description (SDP).
type Medium struct {
	Kind      string `json:"kind"`
	Codec     string `json:"codec"` // as SDP names it
	ClockRate int    `json:"clock_rate"`
	// Configured tells that the description has the codec configuration: players
	// know the size of pictures before the first one comes.
	Configured bool `json:"configured"`
	// LeftOut says why it was not played; empty if it was.
	LeftOut string `json:"left_out,omitempty"`
}

// Transports of Options, besides "" for what suits.
var transports = map[string]rtsp.ClientTransport{"": rtsp.Auto, "auto": rtsp.Auto, "tcp": rtsp.TCP, "udp": rtsp.UDP}

func openRTSP(ctx context.Context, target string, o Options, begin time.Time, facts *Facts) (source, error) {
	transport, known := transports[o.Transport]
	if !known {
		return nil, fmt.Errorf("the transport %.16q is not tcp or udp", o.Transport)
	}
	before := time.Since(begin)
	c, err := rtsp.Play(ctx, target, rtsp.ClientOptions{Transport: transport, Timeout: o.Timeout, Agent: o.Agent, TLS: o.tls()})
	if err != nil {
		return nil, err
	}
	facts.Connected, facts.Ready, facts.rtsp = before+c.Timings().Connected, before+c.Timings().Ready, c
	return rtspPackets{c.Next, c}, nil
}

// rtspPackets is a source of RTSP.
type rtspPackets struct {
	next func() (rtsp.Packet, error)
	io.Closer
}

// Read returns the next frame, or why there is none.
func (s rtspPackets) Read() (Input, error) {
	p, err := s.next()
	return Input{Frame: p.Frame, Ignored: p.Why}, err
}

// reportRTSP says what c tells.
func reportRTSP(c *rtsp.PlayClient) *RTSP {
	steps, stats := c.Timings(), c.Stats()
	r := &RTSP{
		Server: c.Server(), Transport: string(c.Transport()),
		Describe: seconds(int64(steps.Described - steps.Connected)), SetUp: seconds(int64(steps.SetUp - steps.Described)),
		Play: seconds(int64(steps.Ready - steps.SetUp)), Media: []Medium{},
		Packets: stats.Packets, Lost: stats.Lost, Bad: stats.Bad, Reported: stats.Reported,
	}
	for _, m := range c.Media() {
		r.Media = append(r.Media, Medium{m.Kind.String(), m.Codec, m.ClockRate, m.Track != nil, m.LeftOut})
	}
	return r
}

// enoughForReports is how many seconds have sender reports of all tracks: they
// come every 5 s as a rule (RFC 3550, 6.2), from some servers every 10 s.
const enoughForReports = 9.5

// judgeRTSP is about what only RTSP tells.
func judgeRTSP(n *notes, r *Report) {
	played := 0
	for _, m := range r.RTSP.Media {
		switch {
		case m.LeftOut == "":
			played++
		case m.Kind == av.Video.String() || m.Kind == av.Audio.String():
			n.wrong("unsupported", "", "the %s of the description cannot be used: %s", m.Kind, m.LeftOut)
		}
	}
	if r.RTSP.Lost > 0 && r.RTSP.Transport == string(rtsp.UDP) {
		n.wrong("packets_lost", "use TCP, or find a better line", "%d of %d packets were lost", r.RTSP.Lost, r.RTSP.Packets+r.RTSP.Lost)
	}
	if played > 1 && r.RTSP.Reported < played && r.Seconds >= enoughForReports {
		n.advise("no_sender_reports", "", "sender reports came of %d of %d tracks: how audio and video belong together is known by their arrival only",
			r.RTSP.Reported, played)
	}
	if r.RTSP.Bad > 0 {
		n.advise("bad_packets", "", "%d packets are no RTP or RTCP, or of an unknown source or payload type", r.RTSP.Bad)
	}
}

// rtsp tells of transport, description and packets.
func (p *printer) rtsp(r *RTSP) {
	if r == nil {
		return
	}
	parts := []string{fmt.Sprintf("by %s; describe %s, set up %s, play %s", strings.ToUpper(r.Transport), ms(r.Describe), ms(r.SetUp), ms(r.Play))}
	if r.Server != "" {
		parts = append(parts, "server "+printable(r.Server))
	}
	p.line("RTSP", "%s", strings.Join(parts, "; "))
	for _, m := range r.Media {
		text := fmt.Sprintf("%s at %d Hz", m.Codec, m.ClockRate)
		switch {
		case m.LeftOut != "":
			text += ", left out: " + m.LeftOut
		case !m.Configured:
			text += ", configuration in band"
		}
		p.line("", "described %s: %s", m.Kind, printable(text))
	}
	p.line("", "%d packets, %d lost; sender reports of %d tracks", r.Packets, r.Lost, r.Reported)
}
