package rtsp

import (
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/internal/rtpfeed"
)

// sortedPackets is how many packets gortsplib holds to sort them. What comes in
// further behind begins its count anew.
const sortedPackets = 64

// meter is the format of a publisher's track, which gortsplib asks about each
// packet as it comes in, before it sorts them: only there can be seen how the
// network treats them. Used by one goroutine, that of the packets.
type meter struct {
	format.Format
	meters  *meters
	began   bool
	ssrc    uint32
	highest uint16 // sequence number
	jitter  *rtpfeed.Jitter
}

// meters are those of one publisher.
type meters struct {
	network *session.Network // set before the first packet
	jitters rtpfeed.Jitters
}

func (m *meters) add(f format.Format) *meter {
	return &meter{Format: f, meters: m, jitter: m.jitters.Track(f.ClockRate())}
}

// PTSEqualsDTS implements format.Format.
func (m *meter) PTSEqualsDTS(p *prtp.Packet) bool {
	inOrder := m.Format.PTSEqualsDTS(p)
	m.count(p, inOrder, av.Now())
	return inOrder
}

// count takes in a packet. Times of those that are sent in another order than
// shown say nothing about the network.
func (m *meter) count(p *prtp.Packet, inOrder bool, now int64) {
	if !m.began {
		m.began, m.ssrc, m.highest = true, p.SSRC, p.SequenceNumber-1
	}
	if p.SSRC != m.ssrc {
		return
	}
	m.meters.network.PacketsIn.Add(1)
	switch ahead := int16(p.SequenceNumber - m.highest); {
	case ahead > 0 || ahead < -sortedPackets:
		m.highest = p.SequenceNumber
	case ahead < 0:
		m.meters.network.PacketsReordered.Add(1)
	}
	if inOrder {
		m.meters.network.Jitter.Store(m.jitter.Add(p.Timestamp, now))
	}
}
