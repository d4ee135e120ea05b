package rtpfeed

import (
	"sync"
	"time"

	"github.com/pion/rtcp"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/session"
)

// maxDelayChange is how much longer a packet may take than the one before it;
// beyond, a clock was set, which is no jitter.
const maxDelayChange = 10 * time.Second

// Jitters measures the interarrival jitter of the packets of a publisher's tracks
// (RFC 3550, 6.4.1). The zero Jitters has none. It and its tracks are not safe for
// concurrent use.
type Jitters struct{ tracks []*Jitter }

// Jitter is that of one track.
type Jitter struct {
	all       *Jitters
	clockRate int
	began     bool
	time      uint32
	arrival   int64
	value     int64 // nanoseconds
}

// Track adds a track whose RTP times have a clock rate in Hz.
func (j *Jitters) Track(clockRate int) *Jitter {
	t := &Jitter{all: j, clockRate: clockRate}
	j.tracks = append(j.tracks, t)
	return t
}

// Add takes in a packet with an RTP time that arrived at now, and returns the
// jitter of the track with most of it; both are in nanoseconds.
func (j *Jitter) Add(timestamp uint32, now int64) (worst int64) {
	if j.began && j.clockRate > 0 {
		change := now - j.arrival - int64(int32(timestamp-j.time))*int64(time.Second)/int64(j.clockRate)
		if change < 0 {
			change = -change
		}
		if change < int64(maxDelayChange) {
			j.value += (change - j.value) / 16
		}
	}
	j.began, j.time, j.arrival = true, timestamp, now
	for _, t := range j.all.tracks {
		worst = max(worst, t.value)
	}
	return worst
}

// Reception is what a player reports about its tracks, one for each outlet. Its
// methods are safe for concurrent use.
type Reception struct {
	network *session.Network

	mu     sync.Mutex
	tracks []received
}

type received struct {
	lost   uint64
	jitter int64 // nanoseconds
	told   [2]told
}

// told is a sender report that was sent: the middle of its NTP time, by which the
// player refers to it, and when that was. 0 is none.
type told struct {
	middle uint32
	at     int64
}

// NewReception returns the Reception of a player of a number of outlets, which
// counts into network.
func NewReception(network *session.Network, outlets int) *Reception {
	return &Reception{network: network, tracks: make([]received, outlets)}
}

// Sent notes a sender report about the track of an outlet, which leaves at now
// (av.Now): the player's next reports tell when it came, and so how far away the
// player is (RFC 3550, 6.4.1).
func (r *Reception) Sent(outlet int, report *rtcp.SenderReport, now int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &r.tracks[outlet]
	t.told = [...]told{{uint32(report.NTPTime >> 16), now}, t.told[0]}
}

// Report takes in a packet about the track of an outlet with this source and clock
// rate (RFC 3550, 6.4). Players may say anything, but not that they lack more than
// was sent.
func (r *Reception) Report(outlet int, ssrc uint32, clockRate int, p rtcp.Packet) {
	var blocks []rtcp.ReceptionReport
	switch p := p.(type) {
	case *rtcp.ReceiverReport:
		blocks = p.Reports
	case *rtcp.SenderReport:
		blocks = p.Reports
	}
	for _, b := range blocks {
		if b.SSRC == ssrc && clockRate > 0 {
			r.take(outlet, b, clockRate)
		}
	}
}

func (r *Reception) take(outlet int, b rtcp.ReceptionReport, clockRate int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &r.tracks[outlet]
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
	if d, ok := t.roundTrip(b, av.Now()); ok {
		r.network.ObserveRoundTrip(d)
	}
}

// roundTrip returns the time from the sender report that b refers to until now,
// but for the time that the player had it.
func (t *received) roundTrip(b rtcp.ReceptionReport, now int64) (d time.Duration, ok bool) {
	for _, s := range t.told {
		if s.middle != 0 && s.middle == b.LastSenderReport {
			d = time.Duration(now - s.at - int64(b.Delay)*int64(time.Second)>>16)
			return d, d > 0
		}
	}
	return 0, false
}
