package relay

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const step = time.Millisecond // between two datagrams

// simulate sends n datagrams through a line and returns their numbers in the
// order in which they come out, with their figures.
func simulate(seed uint64, n int, c Conditions) (order []int, f Figures) {
	w := &way{conditions: c}
	l := newLine(w, seed, 0, nil)
	now := time.Unix(0, 0)
	drain := func() {
		for {
			b, _ := l.pop(now)
			if b == nil {
				return
			}
			order = append(order, int(binary.BigEndian.Uint32(b)))
		}
	}
	for i := range n {
		l.push(now, binary.BigEndian.AppendUint32(nil, uint32(i)))
		drain()
		now = now.Add(step)
	}
	now = now.Add(c.Delay + c.Jitter)
	drain()
	return order, w.figures
}

// The same seed makes the same network, another one another, and figures tell
// what it does.
func TestConditions(t *testing.T) {
	const n = 10000
	for _, tt := range []struct {
		name                       string
		conditions                 Conditions
		minLost, maxLost           int
		minOvertaken, maxOvertaken int
	}{
		{"nothing", Conditions{}, 0, 0, 0, 0},
		{"delay", Conditions{Delay: 50 * step}, 0, 0, 0, 0},
		{"jitter", Conditions{Jitter: 20 * step}, 0, 0, 0, 0},
		{"loss", Conditions{Loss: 0.05}, 400, 600, 0, 0},
		{"reordering", Conditions{Jitter: 20 * step, Reorder: true}, 0, 0, n / 2, n},
		{"all", Conditions{Loss: 0.05, Delay: 10 * step, Jitter: 20 * step, Reorder: true}, 400, 600, n / 2, n},
		{"none arrives", Conditions{Loss: 1}, n, n, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			order, f := simulate(1, n, tt.conditions)
			again, _ := simulate(1, n, tt.conditions)
			if !slices.Equal(order, again) {
				t.Error("the same seed makes another network")
			}
			other, _ := simulate(2, n, tt.conditions)
			if slices.Equal(order, other) != (tt.maxLost == 0 && tt.maxOvertaken == 0 || tt.minLost == n) {
				t.Error("another seed makes the same network")
			}
			lost, overtaken := missing(order, n)
			if f.Received != n || int(f.Sent) != len(order) || int(f.Lost) != lost || int(f.Overtaken) != overtaken || f.Overflowed != 0 {
				t.Errorf("%+v, but %d are missing and %d were overtaken", f, lost, overtaken)
			}
			if lost < tt.minLost || lost > tt.maxLost || overtaken < tt.minOvertaken || overtaken > tt.maxOvertaken {
				t.Errorf("%d lost, %d overtaken", lost, overtaken)
			}
		})
	}
}

// missing counts which of n did not come, and which came after a greater one.
func missing(order []int, n int) (lost, overtaken int) {
	seen, greatest := make(map[int]bool), -1
	for _, i := range order {
		seen[i] = true
		if i < greatest {
			overtaken++
		}
		greatest = max(greatest, i)
	}
	return n - len(seen), overtaken
}

// What waits is bounded.
func TestOverflow(t *testing.T) {
	order, f := simulate(1, maxWaiting+100, Conditions{Delay: time.Hour})
	if len(order) != maxWaiting || f.Overflowed != 100 || f.Lost != 0 {
		t.Errorf("%d came, %+v", len(order), f)
	}
}

// Datagrams go both ways, each peer has an address of its own, and it has it
// before it sends.
func TestRelay(t *testing.T) {
	far := socket(t)
	r, err := Start(far.LocalAddr().String(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	r.Set(Back, Conditions{Delay: time.Millisecond, Jitter: time.Millisecond})
	sources := map[netip.AddrPort]bool{}
	for i := range 3 {
		near := socket(t)
		want, err := r.Source(near.LocalAddr().(*net.UDPAddr).AddrPort())
		if err != nil {
			t.Fatal(err)
		}
		for n := range 10 {
			message := []byte{byte(i), byte(n)}
			if _, err := near.WriteToUDPAddrPort(message, r.Addr()); err != nil {
				t.Fatal(err)
			}
			got, from := receive(t, far)
			if !slices.Equal(got, message) || from != want {
				t.Fatalf("%v came from %v, want %v from %v", got, from, message, want)
			}
			if _, err := far.WriteToUDPAddrPort(got, from); err != nil {
				t.Fatal(err)
			}
			if got, from := receive(t, near); !slices.Equal(got, message) || from != r.Addr() {
				t.Fatalf("%v came back from %v", got, from)
			}
		}
		sources[want] = true
	}
	if len(sources) != 3 {
		t.Errorf("peers share addresses: %v", sources)
	}
	want := Figures{Received: 30, Sent: 30}
	if forth, back := r.Figures(Forth), r.Figures(Back); forth != want || back != want {
		t.Errorf("figures %+v and %+v", forth, back)
	}
}

func socket(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func receive(t *testing.T, conn *net.UDPConn) ([]byte, netip.AddrPort) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	b := make([]byte, 10)
	n, from, err := conn.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n], from
}

// A closed relay has no new peers.
func TestClose(t *testing.T) {
	r, err := Start("127.0.0.1:9", 1)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Source(netip.MustParseAddrPort("127.0.0.1:1")); err == nil {
		t.Error("a peer was taken in")
	}
}
