package webrtc

import (
	"io"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/transport/v4/packetio"
	pion "github.com/pion/webrtc/v4"
)

// lastPackets is how long packets may come after those that say goodbye.
const lastPackets = 100 * time.Millisecond

// goodbyes are the sources that have said goodbye (RTCP BYE).
type goodbyes map[pion.SSRC]struct{}

// maxGoodbyes bounds the sources that are kept: a server has two, and their
// retransmissions.
const maxGoodbyes = 64

func (g goodbyes) add(sources []uint32) {
	for _, source := range sources {
		if len(g) < maxGoodbyes {
			g[pion.SSRC(source)] = struct{}{}
		}
	}
}

// buffer returns what packets of a source wait in. Goodbyes are looked for when they
// come, not when they are read: servers mostly close right after them, and then the
// library forgets what is not read yet. Nobody reads what is said about a track that
// sends nothing, either.
func (p *PlayClient) buffer(kind packetio.BufferPacketType, _ uint32) io.ReadWriteCloser {
	b := newBuffer(kind)
	if kind == packetio.RTCPBufferPacket {
		return &rtcpTap{b, p.goodbye}
	}
	return b
}

// rtcpTap is a buffer of RTCP, which tells of goodbyes.
type rtcpTap struct {
	*packetio.Buffer
	goodbye func(*rtcp.Goodbye)
}

// Write takes one packet, which is none of several in one.
func (t *rtcpTap) Write(packet []byte) (int, error) {
	var m rtcp.Goodbye
	if m.Unmarshal(packet) == nil { // else it is another
		t.goodbye(&m)
	}
	return t.Buffer.Write(packet)
}

// goodbye takes in that sources stop. The stream is over when all tracks have.
func (p *PlayClient) goodbye(m *rtcp.Goodbye) {
	p.mu.Lock()
	p.goodbyes.add(m.Sources)
	p.mu.Unlock()
	if p.ended() {
		time.AfterFunc(lastPackets, func() { p.over(io.EOF) })
	}
}

// ended reports whether all tracks have said goodbye. Which sources these are is not
// known of those that sent nothing yet.
func (p *PlayClient) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.pc.GetTransceivers() {
		for _, track := range t.Receiver().Tracks() {
			if _, said := p.goodbyes[track.SSRC()]; !said {
				return false
			}
		}
	}
	return len(p.goodbyes) >= p.playing
}
