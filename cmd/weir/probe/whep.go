package probe

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/weirmedia/weir/protocols/webrtc"
)

// WHEP is what only WebRTC tells of a stream. Times are seconds.
type WHEP struct {
	// Answer is the time from the TCP connection to the server's answer, Connect
	// that of ICE and DTLS.
	Answer  float64 `json:"answer_seconds"`
	Connect float64 `json:"connect_seconds"`
	// Media are those of the answer.
	Media []WHEPMedium `json:"media"`
	// Packets of RTP came, Lost did not, also not when they were asked for again.
	Packets uint64 `json:"packets"`
	Lost    uint64 `json:"lost"`
	// Reported is how many tracks sender reports came of.
	Reported int `json:"reported_tracks"`
}

// WHEPMedium is one section of an answer.
type WHEPMedium struct {
	Kind      string `json:"kind"`
	Codec     string `json:"codec,omitempty"` // as SDP names it
	ClockRate int    `json:"clock_rate,omitempty"`
	// LeftOut says why it was not played; empty if it was.
	LeftOut string `json:"left_out,omitempty"`
}

func openWHEP(ctx context.Context, target string, o Options, begin time.Time, facts *Facts) (source, error) {
	facts.Protocol = "whep"
	before := time.Since(begin)
	c, err := webrtc.Play(ctx, target, webrtc.ClientOptions{Timeout: o.Timeout, Agent: o.Agent, TLS: o.tls()})
	if err != nil {
		return nil, err
	}
	facts.Connected, facts.Ready, facts.whep = before+c.Timings().Connected, before+c.Timings().Ready, c
	return whepFrames{c.Next, c}, nil
}

// whepFrames is a source of WHEP.
type whepFrames struct {
	next func() (webrtc.Packet, error)
	io.Closer
}

// Read returns the next frame, or why there is none.
func (s whepFrames) Read() (Input, error) {
	p, err := s.next()
	return Input{Frame: p.Frame, Ignored: p.Why}, err
}

// reportWHEP says what c tells.
func reportWHEP(c *webrtc.PlayClient) *WHEP {
	steps, stats := c.Timings(), c.Stats()
	r := &WHEP{
		Answer: seconds(int64(steps.Answered - steps.Connected)), Connect: seconds(int64(steps.Ready - steps.Answered)), Media: []WHEPMedium{},
		Packets: stats.Packets, Lost: stats.Lost, Reported: stats.Reported,
	}
	for _, m := range c.Media() {
		r.Media = append(r.Media, WHEPMedium{m.Kind.String(), m.Codec, m.ClockRate, m.LeftOut})
	}
	return r
}

// judgeWHEP is about what only WebRTC tells.
func judgeWHEP(n *notes, r *Report) {
	played := 0
	for _, m := range r.WHEP.Media {
		if m.LeftOut == "" {
			played++
		}
	}
	if r.WHEP.Lost > 0 {
		n.wrong("packets_lost", "find a better line", "%d of %d packets were lost", r.WHEP.Lost, r.WHEP.Packets+r.WHEP.Lost)
	}
	if played > 1 && r.WHEP.Reported < played && r.Seconds >= enoughForReports {
		n.advise("no_sender_reports", "", "sender reports came of %d of %d tracks: how audio and video belong together is known by their arrival only",
			r.WHEP.Reported, played)
	}
}

// whep tells of connection, answer and packets.
func (p *printer) whep(r *WHEP) {
	if r == nil {
		return
	}
	p.line("WHEP", "by UDP; answer %s, ICE and DTLS %s", ms(r.Answer), ms(r.Connect))
	for _, m := range r.Media {
		text := fmt.Sprintf("%s at %d Hz", m.Codec, m.ClockRate)
		if m.LeftOut != "" {
			text = "none, " + m.LeftOut
		}
		p.line("", "answered %s: %s", m.Kind, printable(text))
	}
	p.line("", "%d packets, %d lost; sender reports of %d tracks", r.Packets, r.Lost, r.Reported)
}
