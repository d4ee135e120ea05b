package webrtc

import (
	"slices"
	"time"

	"github.com/pion/rtcp"
	pion "github.com/pion/webrtc/v4"
)

// nackInterval is the time between two looks for packets that are missing.
const nackInterval = 20 * time.Millisecond

// nack is what asks the sender of a track for the packets that are missing (RFC 4585,
// 6.2.1), nil if there is nothing to ask for at now. The library's own does not see
// those that come again as another source (RFC 4588), and asks on and on for them.
func (in *inlet) nack(source pion.SSRC, now int64) []rtcp.Packet {
	if !in.nacks || now-in.looked < int64(nackInterval) {
		return nil
	}
	in.looked = now
	missing := in.sorter.Missing()
	if len(missing) == 0 {
		return nil
	}
	return []rtcp.Packet{&rtcp.TransportLayerNack{MediaSSRC: uint32(source), Nacks: rtcp.NackPairsFromSequenceNumbers(missing)}}
}

// nacks reports whether it is agreed that packets may be asked for again.
func (c *codec) nacks() bool {
	return slices.Contains(c.params.RTCPFeedback, pion.RTCPFeedback{Type: pion.TypeRTCPFBNACK})
}
