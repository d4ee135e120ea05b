package webrtc

import (
	"bytes"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// listen opens a socket on the loopback.
func listenLoopback(t testing.TB) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func addrPort(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

// parcel returns a packet that tells its number.
func parcel(n, size int) []byte { return bytes.Repeat([]byte{byte(n + 1)}, size) }

// What goes into an outbox comes out as it was, in order for each player, with and
// without runs that the system splits.
func TestOutbox(t *testing.T) {
	sizes := []int{160, 170, 1150, 1150, 1150, 400, 400, 90, 1150, 1150, 1150, 1150, 7}
	sender := listenLoopback(t)
	for _, segments := range []bool{canSegment(sender), false} {
		o := newOutbox(sender)
		o.segments = segments
		var players []*net.UDPConn
		for range 3 * outboxRuns {
			players = append(players, listenLoopback(t))
		}
		for _, p := range players {
			for n, size := range sizes {
				o.add(parcel(n, size), addrPort(p))
			}
		}
		o.flush()
		if len(o.runs) != 0 || len(o.bytes) != 0 {
			t.Errorf("%d runs and %d bytes stay", len(o.runs), len(o.bytes))
		}
		b := make([]byte, 2000)
		for i, p := range players {
			_ = p.SetReadDeadline(time.Now().Add(waitLong))
			for n, size := range sizes {
				got, from, err := p.ReadFromUDPAddrPort(b)
				if err != nil {
					t.Fatalf("player %d, packet %d: %v", i, n, err)
				}
				if !bytes.Equal(b[:got], parcel(n, size)) || from != addrPort(sender) {
					t.Fatalf("player %d, packet %d: %d bytes of %d from %v, want %d", i, n, got, b[0], from, size)
				}
			}
		}
	}
}

// Runs are as long as they may be, and not longer.
func TestOutboxRuns(t *testing.T) {
	one, other := netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2")
	type sent struct {
		size int
		to   netip.AddrPort
	}
	fragments := make([]sent, maxRunPackets+1)
	for i := range fragments {
		fragments[i] = sent{10, one}
	}
	for _, tt := range []struct {
		name    string
		packets []sent
		want    []int // packets of runs
	}{
		{"a picture", []sent{{100, one}, {100, one}, {40, one}}, []int{3}},
		{"after the last of a picture", []sent{{100, one}, {40, one}, {40, one}}, []int{2, 1}},
		{"larger than the first", []sent{{40, one}, {100, one}}, []int{1, 1}},
		{"another player", []sent{{100, one}, {100, other}, {100, one}}, []int{1, 1, 1}},
		{"too many", fragments, []int{maxRunPackets, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := &outbox{segments: true}
			for _, p := range tt.packets {
				o.add(make([]byte, p.size), p.to)
			}
			var got []int
			for _, r := range o.runs {
				got = append(got, r.packets)
			}
			if len(got) != len(tt.want) {
				t.Fatalf("runs of %v, want %v", got, tt.want)
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Fatalf("runs of %v, want %v", got, tt.want)
				}
			}
		})
	}
}

// A run that the system does not take goes packet by packet, and those after it are
// as they were.
func TestOutboxResend(t *testing.T) {
	o, player := newOutbox(listenLoopback(t)), listenLoopback(t)
	o.segments = true
	const packets = 3
	for n := range packets {
		o.add(parcel(n, 100), addrPort(player))
	}
	o.resend(&o.runs[0], syscall.EIO)
	if o.segments {
		t.Error("it is tried again")
	}
	_ = player.SetReadDeadline(time.Now().Add(waitLong))
	b := make([]byte, 1000)
	for n := range packets {
		if got, err := player.Read(b); err != nil || !bytes.Equal(b[:got], parcel(n, 100)) {
			t.Fatalf("packet %d: %d bytes, %v", n, got, err)
		}
	}
}

// BenchmarkOutbox is a picture and its sound to one player.
func BenchmarkOutbox(b *testing.B) {
	o, player := newOutbox(listenLoopback(b)), listenLoopback(b)
	to := addrPort(player)
	sound, picture := make([]byte, 180), make([]byte, 1150)
	b.ReportAllocs()
	for b.Loop() {
		o.add(sound, to)
		for range 3 {
			o.add(picture, to)
		}
		o.flush()
	}
}

func TestIsRTP(t *testing.T) {
	for name, tt := range map[string]struct {
		packet []byte
		want   bool
	}{
		"RTP":                 {[]byte{0x80, 96}, true},
		"RTP with a marker":   {[]byte{0x90, 0x80 | 96}, true},
		"a sender report":     {[]byte{0x80, 200}, false},
		"DTLS":                {[]byte{22, 254}, false},
		"STUN":                {[]byte{0, 1}, false},
		"too short to be any": {[]byte{0x80}, false},
	} {
		if got := isRTP(tt.packet); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
