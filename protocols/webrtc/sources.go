package webrtc

import (
	"fmt"
	"io"

	"github.com/pion/transport/v4/packetio"

	"github.com/weirmedia/weir/pkg/reason"
)

const (
	// rtpBuffer and rtcpBuffer bound what waits to be read of one source, in bytes.
	// They are the library's.
	rtpBuffer  = 1_000_000
	rtcpBuffer = 100_000
	// maxSources bounds the sources of one session, those of RTP and those that RTCP
	// names: an offer of the most sections has 128, with retransmissions.
	maxSources = 256
)

// newBuffer returns what packets of one source wait in.
func newBuffer(kind packetio.BufferPacketType) *packetio.Buffer {
	b := packetio.NewBuffer()
	if kind == packetio.RTPBufferPacket {
		b.SetLimitSize(rtpBuffer)
	} else {
		b.SetLimitSize(rtcpBuffer)
	}
	return b
}

// buffer is called by the library when packets are of or about another source. It
// keeps something for each for as long as the session lasts: 80 KB for a packet of
// RTCP of 130 bytes. So a client that names ever more ends it.
func (r *resource) buffer(kind packetio.BufferPacketType, _ uint32) io.ReadWriteCloser {
	if r.sources.Add(1) == maxSources+1 {
		go r.end(reason.BadMessage, fmt.Errorf("the client has more than %d sources of RTP and RTCP", maxSources))
	}
	return newBuffer(kind)
}
