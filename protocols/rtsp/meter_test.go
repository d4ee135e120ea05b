package rtsp

import (
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/session"
)

const ms = int64(time.Millisecond)

func packet(sequence uint16, timestamp uint32) *prtp.Packet {
	return &prtp.Packet{Header: prtp.Header{SSRC: 7, SequenceNumber: sequence, Timestamp: timestamp}}
}

func TestMeterCounts(t *testing.T) {
	for _, tt := range []struct {
		name          string
		sequence      []uint16
		in, reordered uint64
	}{
		{"in order", []uint16{1, 2, 3}, 3, 0},
		{"a gap", []uint16{1, 4, 5}, 3, 0},
		{"one late", []uint16{1, 3, 4, 2, 5}, 5, 1},
		{"two late", []uint16{1, 4, 3, 2, 5}, 5, 2},
		{"twice the same", []uint16{1, 2, 2, 3}, 4, 0},
		{"wrap", []uint16{65534, 0, 65535, 1}, 4, 1},
		{"another count", []uint16{1000, 1001, 20, 21, 22}, 5, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var n session.Network
			m := (&meters{network: &n}).add(&format.Opus{})
			for _, s := range tt.sequence {
				m.count(packet(s, 0), false, 0)
			}
			stranger := packet(0, 0)
			stranger.SSRC = 8
			m.count(stranger, true, 0)
			if in, late := n.PacketsIn.Load(), n.PacketsReordered.Load(); in != tt.in || late != tt.reordered {
				t.Errorf("%d packets, %d of them reordered; want %d, %d", in, late, tt.in, tt.reordered)
			}
		})
	}
}

func TestMeterJitter(t *testing.T) {
	const rate, step = 48000, 960 // 20 ms
	for _, tt := range []struct {
		name    string
		first   uint32
		arrival func(i int64) int64
		want    int64
	}{
		{"none", 0, func(i int64) int64 { return 20 * i * ms }, 0},
		{"none when the time wraps", 1<<32 - 10*step, func(i int64) int64 { return 20 * i * ms }, 0},
		{"each second packet 4 ms late", 0, func(i int64) int64 { return 20*i*ms + i%2*4*ms }, 4 * ms},
		{"a clock that was set", 0, func(i int64) int64 { return 20*i*ms + i/100*int64(time.Hour) }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var n session.Network
			both := &meters{network: &n}
			m := both.add(&format.Opus{})
			both.add(&format.Opus{}) // a track without packets does not hide the other
			for i := range int64(500) {
				m.count(packet(uint16(i), tt.first+uint32(i)*step), true, tt.arrival(i))
				m.count(packet(uint16(i), 0), false, 0) // of no account
			}
			if got := n.Jitter.Load(); got < tt.want-ms/100 || got > tt.want {
				t.Errorf("%v, want %v", time.Duration(got), time.Duration(tt.want))
			}
		})
	}
}
