package webrtc

import (
	"testing"

	"github.com/pion/rtcp"
	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
)

// A client that speaks of ever more sources, for each of which the library keeps a
// place, is not listened to for long.
func TestTooManySources(t *testing.T) {
	r := newRig(t, nil)
	r.Publish(httplivetest.Video)
	p := newPeer(t)
	if _, err := p.AddTransceiverFromKind(pion.RTPCodecTypeVideo, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	p.post(r.Plain + "/live/test/whep")
	p.wait()
	const most = 31 // of one packet
	source := uint32(1)
	r.Eventually("the session is over", func() bool {
		var m rtcp.Goodbye
		for range most {
			m.Sources = append(m.Sources, source)
			source++
		}
		_ = p.WriteRTCP([]rtcp.Packet{&m}) // fails once the server has closed
		return len(r.Host.Sessions.Ended()) == 1
	})
	if end := r.Host.Sessions.Ended()[0]; end.Reason != reason.BadMessage {
		t.Errorf("the session ended with %s", end.Reason)
	}
}
