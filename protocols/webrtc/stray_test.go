package webrtc

import (
	"sync/atomic"
	"testing"

	"github.com/pion/interceptor"
	prtp "github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"
)

// stray gives every third packet that is sent, once it is told to, a payload type of
// nobody's.
type stray struct {
	interceptor.NoOp
	on atomic.Bool
}

func (s *stray) NewInterceptor(string) (interceptor.Interceptor, error) { return s, nil }

func (s *stray) BindLocalStream(_ *interceptor.StreamInfo, to interceptor.RTPWriter) interceptor.RTPWriter {
	count := 0
	return interceptor.RTPWriterFunc(func(h *prtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		if count++; count%3 == 0 && s.on.Load() {
			other := *h
			other.PayloadType = 1
			h = &other
		}
		return to.Write(h, payload, a)
	})
}

// A packet of a payload type that was not agreed on costs a publisher that packet,
// not the track.
func TestStrayPayloadType(t *testing.T) {
	r := newRig(t, nil)
	var registry interceptor.Registry
	strays := new(stray)
	registry.Add(strays)
	p := newPeer(t, pion.WithInterceptorRegistry(&registry))
	video := p.addTrack(pion.MimeTypeH264)
	p.post(r.Plain + "/live/test/whip")
	p.wait()
	number := uint16(0)
	r.Eventually("packets come", func() bool {
		number++
		packet := &prtp.Packet{Header: prtp.Header{Version: 2, SequenceNumber: number, Timestamp: uint32(number) * 90}, Payload: []byte{0x41, 1}}
		if err := video.WriteRTP(packet); err != nil {
			t.Fatal(err)
		}
		came := networkOf(r).PacketsIn
		strays.on.Store(came > 0)
		return came > 100
	})
}
