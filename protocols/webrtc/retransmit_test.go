package webrtc

import (
	"math"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	prtp "github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
	"github.com/weirmedia/weir/protocols/internal/rtpfeed"
)

// tape is where the packets of a lane go: the numbers of those that came, and the
// bytes of those that came again, by RTX.
type tape struct {
	numbers []uint16
	bytes   int
	again   int
}

var _ pion.TrackLocalWriter = (*tape)(nil)

const tapeRTX = 97

func (w *tape) WriteRTP(h *prtp.Header, payload []byte) (int, error) {
	n := h.MarshalSize() + len(payload)
	if h.PayloadType == tapeRTX {
		w.again += n
	} else {
		w.numbers, w.bytes = append(w.numbers, h.SequenceNumber), w.bytes+n
	}
	return n, nil
}

func (w *tape) Write(b []byte) (int, error) { return len(b), nil }

// loser is a player that was sent some pictures since it began, of packets with
// numbers.
type loser struct {
	*httplivetest.Rig
	*lane
	tape    *tape
	numbers []uint16
}

func newLoser(t *testing.T, pictures int) *loser {
	t.Helper()
	r, w, m := newRig(t, nil), new(tape), newMetrics()
	r.Host.Metrics = prometheus.NewRegistry() // of this player alone
	r.Host.Metrics.MustRegister(m.all(func() int { return 0 })...)
	r.Publish(httplivetest.Video)
	feed, release, err := rtpfeed.Acquire(t.Context(), r.Host.Bus.Stream("live/test").Plain(), "test", rtpfeed.Options{
		Log: r.Host.Log, Protocol: protocol, Window: time.Minute, BatchAt: 1, Unsent: func() {},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	s, err := r.Host.Sessions.Open(session.Info{Protocol: protocol, Action: session.Play, Stream: "live/test"}, func(reason.Reason) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(reason.ClientClosed, nil) })
	p := &player{resource: &resource{server: &Server{metrics: m}, session: s}, feed: feed, spare: rtxBurst}
	l := newLane(p, 0, &codec{})
	l.out, l.rtxType, l.report = w, tapeRTX, math.MaxInt64
	p.lanes = []*lane{l}
	if err := feed.Add(p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { feed.Remove(p) })
	sent := func() (n int) {
		feed.Do(func(*rtpfeed.Log) { n = len(w.numbers) })
		return n
	}
	r.Eventually("the player begins", func() bool { return sent() > 0 })
	first := sent()
	for n := range pictures {
		if err := r.Pub.Write(picture(n+2, false)); err != nil {
			t.Fatal(err)
		}
	}
	r.Eventually("the pictures come", func() bool { return sent() == first+3*pictures })
	return &loser{r, l, w, w.numbers[first:]}
}

// ask asks for packets at a time, and returns how many came again and how many were
// refused by now.
func (l *loser) ask(t *testing.T, numbers []uint16, at time.Duration) (again, refused int) {
	t.Helper()
	l.player.feed.Do(func(log *rtpfeed.Log) {
		for _, number := range numbers {
			l.again(log, number, int64(at))
		}
	})
	return int(counted(t, l.Rig, "weir_webrtc_retransmitted_packets_total")), int(counted(t, l.Rig, "weir_webrtc_refused_retransmissions_total"))
}

// A player that lost all that it was sent gets all of it again, one that asks for all
// of it all the time no more than its share.
func TestAgain(t *testing.T) {
	l := newLoser(t, 300)
	all := len(l.numbers)
	if again, _ := l.ask(t, l.numbers, time.Hour); again != all {
		t.Fatalf("of %d packets %d came again", all, again)
	}
	const rounds = 20
	again, refused := 0, 0
	for n := range rounds {
		again, refused = l.ask(t, l.numbers, time.Hour+time.Duration(n+1)*time.Minute)
	}
	if again+refused != all*(rounds+1) {
		t.Errorf("of %d packets %d came again and %d were refused", all*(rounds+1), again, refused)
	}
	headers := again * 2 // of RTX
	if most := rtxBurst + l.tape.bytes/rtxShare + headers; l.tape.again > most {
		t.Errorf("%d bytes came again, of %d that were sent; want %d at most", l.tape.again, l.tape.bytes, most)
	}
}

// Who asks again before a packet can have come is not sent it once more.
func TestAgainUnderWay(t *testing.T) {
	l := newLoser(t, 1)
	l.player.resource.session.Counters().Network.ObserveRoundTrip(100 * time.Millisecond)
	for _, step := range []struct {
		at             time.Duration
		number         uint16
		again, refused int
	}{
		{0, l.numbers[0], 1, 0},
		{0, l.numbers[0], 1, 1},
		{50 * time.Millisecond, l.numbers[0], 1, 2},
		{50 * time.Millisecond, l.numbers[1], 2, 2}, // another one
		{100 * time.Millisecond, l.numbers[0], 3, 2},
		{110 * time.Millisecond, l.numbers[1], 3, 3},
	} {
		again, refused := l.ask(t, []uint16{step.number}, time.Hour+step.at)
		if again != step.again || refused != step.refused {
			t.Errorf("%d after %v: %d came again and %d were refused, want %d and %d", step.number, step.at, again, refused, step.again, step.refused)
		}
	}
}

// A player gets again what it lost also after so many packets that half of all numbers
// are behind it.
func TestAgainLater(t *testing.T) {
	l := newLoser(t, 1<<15/3+300)
	newest := l.numbers[len(l.numbers)-rtxKept/2:]
	if again, _ := l.ask(t, newest, time.Hour); again != len(newest) {
		t.Errorf("of %d packets %d came again", len(newest), again)
	}
}

// TestRTXPause: how long a packet counts as under way.
func TestRTXPause(t *testing.T) {
	for roundTrip, want := range map[time.Duration]time.Duration{
		0:                      minRTXPause, // not known
		5 * time.Millisecond:   minRTXPause,
		100 * time.Millisecond: 75 * time.Millisecond,
		time.Minute:            maxRTXPause,
	} {
		const sent = int64(time.Hour)
		var r rtxTimes
		r.note(7, sent)
		if !r.underWay(7, sent+int64(want)-1, roundTrip) || r.underWay(7, sent+int64(want), roundTrip) {
			t.Errorf("with a round trip of %v it is not %v", roundTrip, want)
		}
	}
}

// TestRTXOther: a packet is not taken for another that was sent again.
func TestRTXOther(t *testing.T) {
	const sent = int64(time.Hour)
	var r rtxTimes
	r.note(7, sent)
	if !r.underWay(7, sent, time.Second) || r.underWay(7+rtxKept, sent, time.Second) {
		t.Error("the packet that was sent again is not told from the one with its place")
	}
	r.note(7+rtxKept, sent)
	if !r.underWay(7+rtxKept, sent, time.Second) || r.underWay(7, sent, time.Second) {
		t.Error("the packet that was sent again since is not told from the one before")
	}
}

// lossy drops every tenth packet of each stream that comes.
type lossy struct{ interceptor.NoOp }

func (*lossy) NewInterceptor(string) (interceptor.Interceptor, error) { return new(lossy), nil }

func (*lossy) BindRemoteStream(_ *interceptor.StreamInfo, from interceptor.RTPReader) interceptor.RTPReader {
	count := 0
	return interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		if count++; count%10 == 0 {
			if n, a, err := from.Read(b, a); err != nil {
				return n, a, err
			}
		}
		return from.Read(b, a)
	})
}

// What an honest player loses heals.
func TestLossHeals(t *testing.T) {
	r := newRig(t, nil)
	r.Publish(httplivetest.Video)
	var registry interceptor.Registry
	registry.Add(new(lossy))
	generator, err := nack.NewGeneratorInterceptor(nack.GeneratorInterval(nackInterval))
	if err != nil {
		t.Fatal(err)
	}
	registry.Add(generator)
	p := newPeer(t, pion.WithInterceptorRegistry(&registry))
	numbers := make(chan uint16, 1<<16)
	p.OnTrack(func(track *pion.TrackRemote, _ *pion.RTPReceiver) {
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			numbers <- packet.SequenceNumber
		}
	})
	if _, err := p.AddTransceiverFromKind(pion.RTPCodecTypeVideo, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	p.post(r.Plain + "/live/test/whep")
	p.wait()
	const packets = 600
	first, came, n := uint16(0), map[uint16]bool{}, 2
	r.Eventually("all packets come", func() bool {
		if err := r.Pub.Write(picture(n, false)); err != nil {
			t.Fatal(err)
		}
		n++
		for len(numbers) > 0 {
			number := <-numbers
			if len(came) == 0 {
				first = number
			}
			came[number] = true
		}
		for i := range uint16(packets) {
			if !came[first+i] {
				return false
			}
		}
		return true
	})
	if counted(t, r, "weir_webrtc_retransmitted_packets_total") == 0 {
		t.Error("nothing was lost")
	}
}

// Who loses every third packet, of those that come again too, gets all of them for as
// long as it plays.
func TestAllowance(t *testing.T) {
	const packet, packets = 1200, 100000
	a, sent := allowance(rtxBurst), 0
	for range packets {
		a.earn(packet)
		for sent++; sent%3 == 0; sent++ {
			if !a.spend(packet) {
				t.Fatal("a packet did not come again")
			}
		}
	}
}
