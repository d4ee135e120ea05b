package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/rtmp/message"
)

// claimant is one who publishes a stream: how it proves itself, made when it comes.
type claimant func(t testing.TB, stream string) proof

// rivals are the party that publishes, the same again, and one that is another.
type rivals struct {
	name               string
	folder             string // of the stream
	first, same, other claimant
}

func allRivals() []rivals {
	by := func(p proof) claimant { return func(testing.TB, string) proof { return p } }
	token := func(subject string) claimant {
		return func(t testing.TB, _ string) proof { return byToken(t, subject, later()) }
	}
	signed := func(hours int) claimant {
		return func(_ testing.TB, stream string) proof {
			return bySignature(auth.Publish, stream, later().AddDate(0, 0, hours))
		}
	}
	ann, bob := by(byUser("ann", accessPassword)), by(byUser("bob", accessPassword))
	tagged := func(tag string) claimant { return by(proof{query: url.Values{"tag": {tag}}}) }
	return []rivals{
		{"users", "live", ann, ann, bob},
		{"tokens", "live", token("ann"), token("ann"), token("bob")},
		{"a user and a token of that name", "live", ann, ann, token("ann")},
		{"signatures", "live", signed(1), signed(2), ann},
		{"nobody", "open", tagged("a"), tagged("a"), tagged("b")},
		{"nobody and a user", "open", tagged(""), tagged(""), ann},
	}
}

// testTakeovers: a stream that is being published can be taken over by the same party,
// by any protocol, and viewers of every protocol go on; another is refused until the
// publisher is gone.
func (m *matrix) testTakeovers(t *testing.T) {
	t.Parallel()
	ways := []inlet{inlets()[0], inlets()[2], inlets()[3]} // RTMPS is RTMP
	for a, first := range ways {
		for b, second := range ways {
			for k, r := range allRivals() {
				if k > 0 && (a+b+k)%3 != 0 { // users in all pairs, others in some
					continue
				}
				t.Run(fmt.Sprintf("%s, %s after %s", r.name, second.name, first.name), func(t *testing.T) {
					t.Parallel()
					outlets := []string{"WS-FLV", "RTSP by TCP", "WHEP"}
					if k == 0 && b == (a+1)%len(ways) {
						outlets = allOutlets
					}
					m.testTakeover(t, r, first, second, fmt.Sprintf("%s/take-%d-%d-%d", r.folder, a, b, k), outlets)
				})
			}
		}
		t.Run("nobody from another address after "+first.name, func(t *testing.T) {
			t.Parallel()
			m.testOtherAddress(t, first)
		})
	}
}

// allOutlets are the names of those that differ: HLS is what LL-HLS is, but later.
var allOutlets = []string{
	"RTMP", "HTTP-FLV", "WS-FLV", "HTTP-TS", "WS-TS", "HTTP-fMP4", "WS-fMP4", "LL-HLS", "RTSP by TCP", "RTSP by UDP", "WHEP",
}

// testTakeover lets another party try, then the same, then another once nobody
// publishes.
func (m *matrix) testTakeover(t *testing.T, r rivals, a, b inlet, stream string, watchedBy []string) {
	first := m.feed(t, a, stream, r.first(t, stream), 1)
	var viewers []*viewing
	for _, o := range outlets() {
		if slices.Contains(watchedBy, o.name) {
			viewers = append(viewers, m.watch(t, o, stream, byUser("ann", accessPassword)))
		}
	}
	if _, err := m.publish(t, b, stream, r.other(t, stream), 2); heard(err) != b.busy {
		t.Errorf("another party hears %v, want %s", err, b.busy)
	}
	for _, v := range viewers {
		v.more()
		v.sees(1)
	}
	first.goesOn()
	second := m.feed(t, b, stream, r.same(t, stream), 3)
	if got := first.ends(); got != a.ended {
		t.Errorf("the first publisher hears %v, want %s", first.err, a.ended)
	}
	for _, v := range viewers {
		v.sees(3)
		v.more()
	}
	m.expectEnded(t, stream, a.protocol, reason.TakenOver)
	m.expectEnded(t, stream, b.protocol, reason.StreamBusy)
	second.leave()
	eventually(t, "nobody publishes", func() bool {
		s := m.bus.Stream(stream)
		return s == nil || s.Info().Session == ""
	})
	third := m.feed(t, a, stream, r.other(t, stream), 4)
	third.leave()
}

// expectEnded waits for the log line of a publisher's end for a reason.
func (m *matrix) expectEnded(t testing.TB, stream, protocol string, why reason.Reason) {
	t.Helper()
	eventually(t, fmt.Sprintf("a publisher of %s by %s ends for the reason %s", stream, protocol, why), func() bool {
		return m.lines.has(logLine{Message: "session ended", Protocol: protocol, Action: session.Publish, Stream: stream, Reason: why})
	})
}

// testOtherAddress: somebody without a name is the same from the same address only.
func (m *matrix) testOtherAddress(t *testing.T, i inlet) {
	stream := "open/address-" + strings.ToLower(i.name)
	first := m.feed(t, i, stream, proof{}, 1)
	const elsewhere = "127.0.0.2"

	p := &peer{TCPConn: dialFrom(t, elsewhere, m.app.rtmp), t: t}
	must(t, p.open("open"))
	p.send(command(1, message.NamePublish, 3, nil, strings.TrimPrefix(stream, "open/")))
	if codes := p.farewell(); len(codes) != 1 || codes[0] != message.CodePublishBadName {
		t.Errorf("by RTMP: %v", codes)
	}
	r := newRTSPPeer(t, dialFrom(t, elsewhere, m.app.rtsp))
	must(t, r.announce(stream))
	if status, err := r.ask("RECORD", stream, "", ""); status != http.StatusConflict {
		t.Errorf("by RTSP: %d %v", status, err)
	}
	if _, status := m.offer(t, elsewhere, "/"+stream+"/whip", lonelyOffer("sendonly")); status != http.StatusConflict {
		t.Errorf("by WHIP: %d", status)
	}
	first.goesOn()
	first.leave()
}

// dialFrom connects from a local address.
func dialFrom(t testing.TB, from string, to net.Addr) *net.TCPConn {
	t.Helper()
	conn, err := net.DialTCP("tcp", &net.TCPAddr{IP: net.ParseIP(from)}, to.(*net.TCPAddr))
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}
