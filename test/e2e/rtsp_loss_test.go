//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"

	"github.com/weirmedia/weir/test/relay"
)

// badNetworks are what a relay does to RTP. Every packet takes up to 20 ms more
// than others, so that most of them are overtaken.
var badNetworks = []struct {
	name       string
	conditions relay.Conditions
}{
	{"loss", relay.Conditions{Loss: 0.05}},
	{"reordering", relay.Conditions{Jitter: 20 * time.Millisecond, Reorder: true}},
	{"both", relay.Conditions{Loss: 0.05, Jitter: 20 * time.Millisecond, Reorder: true}},
}

// lossyClip has B-frames, and access units that begin with a slice: whether there
// was something before it that got lost, an SEI say, nobody can tell.
var lossyClip = clip{"lossy", join(lavfi(picture, noise), x264Simple, []string{"-profile:v", "main", "-bf", "3"}, aacStereo, []string{"-shortest"})}

// badPackets is how many access units are compared, about six seconds.
const badPackets = 400

// TestFullRTSPLossyPublisher: a publisher by UDP whose packets get lost and
// overtake one another stays live, what comes out was sent, and the server's
// figure of losses is what the network lost.
func TestFullRTSPLossyPublisher(t *testing.T) {
	for i, network := range badNetworks {
		t.Run(network.name, func(t *testing.T) {
			t.Parallel()
			r := startRTSPRelay(t, uint64(i))
			r.publishRTSPTo(t, r.far("live/test"), lossyClip, "live/test", "udp")
			r.requireBothTracks(t, "live/test")
			published := filePackets(t, lossyClip.path(t))
			r.rtp.Set(relay.Forth, network.conditions)
			got := readPackets(t, r.httpURL("live/test.flv"), badPackets, 40*time.Second)
			r.rtp.Set(relay.Forth, relay.Conditions{})

			publisher := func() networkFigures { return r.network(t, "rtsp", "publish") }
			missed := func() uint64 { return publisher().PacketsLost }
			requireMissed(t, r.rtp, relay.Forth, network.conditions, missed)
			if n := publisher(); (n.PacketsReordered > 0) != network.conditions.Reorder || n.JitterMS <= 0 || n.PacketsIn == 0 {
				t.Errorf("the session's figures are %+v", n)
			}
			if n := uint64(metric(t, r.server, "weir_packets_lost_total")); n != missed() {
				t.Errorf("%d lost by the metric, %d by the session", n, missed())
			}
			requireParts(t, published, got, missed())
			if st, ok := r.stream(t, "live/test"); !ok || st.State != "live" {
				t.Errorf("the stream is %+v", st)
			}
		})
	}
}

// TestFullRTSPLossyPlayer is the same for a player.
func TestFullRTSPLossyPlayer(t *testing.T) {
	for i, network := range badNetworks {
		t.Run(network.name, func(t *testing.T) {
			t.Parallel()
			r := startRTSPRelay(t, uint64(i))
			r.publish(t, lossyClip, "live/test", publishOptions{})
			p := openRTSP(t, r.far("live/test"), gortsplib.TransportUDP)
			p.read(t, badPackets/2, 20*time.Second) // a GOP comes at once, too much to be reordered
			r.rtp.Set(relay.Back, network.conditions)
			p.read(t, 2*badPackets, 40*time.Second)
			r.rtp.Set(relay.Back, relay.Conditions{})

			requireMissed(t, r.rtp, relay.Back, network.conditions, p.missed)
			eventually(t, 30*time.Second, "the player has reported its losses", func() bool {
				return r.network(t, "rtsp", "play").PacketsLost > 0 == (p.missed() > 0)
			})
			if n, missed := r.network(t, "rtsp", "play"), p.missed(); n.PacketsLost > missed || n.JitterMS <= 0 || n.PacketsOut == 0 {
				t.Errorf("%d missed, by its reports %+v", missed, n)
			}
			requireParts(t, filePackets(t, lossyClip.path(t)), p.read(t, 0, 0), p.missed())
		})
	}
}

// networkFigures are what the API tells of a session's packets.
type networkFigures struct {
	PacketsIn        uint64  `json:"packets_in"`
	PacketsOut       uint64  `json:"packets_out"`
	PacketsLost      uint64  `json:"packets_lost"`
	PacketsReordered uint64  `json:"packets_reordered"`
	JitterMS         float64 `json:"jitter_ms"`
}

// network returns the figures of the only session by a protocol with an action.
func (s *server) network(t *testing.T, protocol, action string) networkFigures {
	t.Helper()
	var list struct {
		Sessions []struct {
			Protocol string
			Network  *networkFigures
		}
	}
	if err := json.Unmarshal([]byte(s.get(t, "api/v1/sessions?action="+action)), &list); err != nil {
		t.Fatal(err)
	}
	var found []networkFigures
	for _, x := range list.Sessions {
		if x.Protocol == protocol && x.Network != nil {
			found = append(found, *x.Network)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d sessions to %s by %s with packets", len(found), action, protocol)
	}
	return found[0]
}

// requireMissed waits until a receiver has missed what got lost, and checks that
// it has missed nothing else. gortsplib waits until it has 64 packets of a track
// after one that is missing; then it gives up all that are missing so far, those
// that are only late too.
func requireMissed(t *testing.T, r *relay.Relay, d relay.Direction, c relay.Conditions, missed func() uint64) {
	t.Helper()
	lost := r.Figures(d).Lost
	eventually(t, 30*time.Second, fmt.Sprintf("%d losses are noticed", lost), func() bool { return missed() >= lost })
	f, n := r.Figures(d), missed()
	if (f.Lost > 0) != (c.Loss > 0) || (f.Overtaken > 0) != c.Reorder || f.Overflowed > 0 {
		t.Errorf("the relay did not do what it should: %+v", f)
	}
	most := f.Lost
	if c.Loss > 0 {
		most += f.Overtaken
	}
	if n > most {
		t.Errorf("%d packets missed, want %d to %d", n, f.Lost, most)
	}
	t.Logf("%+v, missed %d", f, n)
}

// requireBothTracks returns when pictures and sound of a stream come in: a packet
// lost before the first of its track is one that nobody can miss.
func (s *server) requireBothTracks(t *testing.T, stream string) {
	t.Helper()
	got := byKind(readPackets(t, s.httpURL(stream+".flv"), badPackets/4, 20*time.Second))
	if len(got["video"]) == 0 || len(got["audio"]) == 0 {
		t.Fatalf("of the first %d access units %d are video and %d audio", badPackets/4, len(got["video"]), len(got["audio"]))
	}
}

// requireParts checks that got is what was published, in its order, with holes:
// each packet that was missed may have cost its access unit and the one after.
func requireParts(t *testing.T, published, got []packet, missed uint64) {
	t.Helper()
	sent := byKind(published)
	holes := 0
	for kind, units := range byKind(got) {
		last := -1
		for i, u := range units {
			at := indexOf(sent[kind], u)
			if at < 0 {
				t.Fatalf("%s %d (%v) was never published", kind, i, u)
			}
			if at <= last {
				t.Fatalf("%s %d (%v) came again, or late", kind, i, u)
			}
			if last >= 0 {
				holes += at - last - 1
			}
			last = at
		}
	}
	if len(byKind(got)) != len(sent) {
		t.Errorf("a track did not come")
	}
	if uint64(holes) > 2*missed {
		t.Errorf("%d access units are missing though only %d packets are", holes, missed)
	}
	t.Logf("%d access units of %d are missing", holes, len(got)+holes)
}
