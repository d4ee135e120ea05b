package rtp

import (
	"github.com/pion/rtcp"
	prtp "github.com/pion/rtp"
)

// Tally counts what one receiver was sent of a track, as sender reports tell it
// (RFC 3550, 6.4.1).
type Tally struct{ packets, octets uint32 }

// Add counts p.
func (t *Tally) Add(p *prtp.Packet) {
	t.packets++
	t.octets += uint32(len(p.Payload))
}

// Report makes the sender report of source ssrc for the moment of a packet with
// the RTP time rtpTime; at is the wall time of its PTS in nanoseconds since 1970.
func (t *Tally) Report(ssrc uint32, at int64, rtpTime uint32) *rtcp.SenderReport {
	return &rtcp.SenderReport{SSRC: ssrc, NTPTime: ntp(at), RTPTime: rtpTime, PacketCount: t.packets, OctetCount: t.octets}
}

// ntp returns a Unix time in nanoseconds in the form of NTP: seconds since 1900
// in 32.32 bits.
func ntp(unix int64) uint64 {
	const since1900 = 2208988800
	return uint64(unix/second+since1900)<<32 | uint64(unix%second)<<32/uint64(second)
}
