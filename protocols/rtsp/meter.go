package rtsp

import (
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtcp"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/session"
)

const (
	// sortedPackets is how many packets gortsplib holds to sort them. What comes
	// in further behind begins its count anew.
	sortedPackets = 64
	// maxDelayChange is how much longer a packet may take than the one before it;
	// beyond, a clock was set, which is no jitter.
	maxDelayChange = 10 * time.Second
)

// meter is the format of a publisher's track, which gortsplib asks about each
// packet as it comes in, before it sorts them: only there can be seen how the
// network treats them. Used by one goroutine, that of the packets.
type meter struct {
	format.Format
	meters  *meters
	began   bool
	ssrc    uint32
	highest uint16 // sequence number

	timed   bool // the next three are set
	time    uint32
	arrival int64
	jitter  int64 // nanoseconds
}

// meters are those of one publisher.
type meters struct {
	network *session.Network // set before the first packet
	all     []*meter
}

func (m *meters) add(f format.Format) *meter {
	one := &meter{Format: f, meters: m}
	m.all = append(m.all, one)
	return one
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
		m.measure(p.Timestamp, now)
	}
}

// measure follows RFC 3550, 6.4.1.
func (m *meter) measure(timestamp uint32, now int64) {
	if m.timed && m.ClockRate() > 0 {
		change := now - m.arrival - int64(int32(timestamp-m.time))*int64(time.Second)/int64(m.ClockRate())
		if change < 0 {
			change = -change
		}
		if change < int64(maxDelayChange) {
			m.jitter += (change - m.jitter) / 16
		}
	}
	m.timed, m.time, m.arrival = true, timestamp, now
	worst := int64(0)
	for _, one := range m.meters.all {
		worst = max(worst, one.jitter)
	}
	m.meters.network.Jitter.Store(worst)
}

// reception is what a player reports about its tracks, one for each outlet. Used
// by one goroutine, that of RTCP.
type reception struct {
	network *session.Network
	tracks  []received
}

type received struct {
	lost   uint64
	jitter int64 // nanoseconds
}

// report takes in a packet about track i with this source and clock rate. Players
// may say anything, but not that they lack more than was sent.
func (r *reception) report(i int, ssrc uint32, clockRate int, p rtcp.Packet) {
	var blocks []rtcp.ReceptionReport
	switch p := p.(type) {
	case *rtcp.ReceiverReport:
		blocks = p.Reports
	case *rtcp.SenderReport:
		blocks = p.Reports
	}
	for _, b := range blocks {
		if b.SSRC != ssrc || clockRate <= 0 {
			continue
		}
		t := &r.tracks[i]
		lost := uint64(max(0, int32(b.TotalLost<<8)>>8)) // 24 bits with a sign
		if more := lost - t.lost; lost > t.lost && r.network.PacketsLost.Load()+more <= r.network.PacketsOut.Load() {
			r.network.PacketsLost.Add(more)
			t.lost = lost
		}
		t.jitter = min(int64(b.Jitter)*int64(time.Second)/int64(clockRate), int64(time.Hour))
		worst := int64(0)
		for _, one := range r.tracks {
			worst = max(worst, one.jitter)
		}
		r.network.Jitter.Store(worst)
	}
}
