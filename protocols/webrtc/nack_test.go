package webrtc

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	prtp "github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/remux/rtp"
)

// What is missing is asked for from time to time until it comes, if that was agreed.
func TestNACK(t *testing.T) {
	const ms = int64(time.Millisecond)
	in := &inlet{sorter: rtp.NewSorter(int64(patience)), nacks: true}
	for _, step := range []struct {
		number uint16
		now    int64
		want   bool
	}{
		{7, 1000 * ms, false}, {9, 1010 * ms, false}, {10, 1020 * ms, true}, {11, 1030 * ms, false}, {12, 1040 * ms, true}, {8, 1060 * ms, false},
	} {
		in.sorter.Push(&prtp.Packet{Header: prtp.Header{SequenceNumber: step.number}}, step.now)
		packets := in.nack(5, step.now)
		if (packets != nil) != step.want {
			t.Errorf("after %d: %v", step.number, packets)
		}
		for _, p := range packets {
			if n, ok := p.(*rtcp.TransportLayerNack); !ok || n.MediaSSRC != 5 || len(n.Nacks) != 1 || n.Nacks[0] != (rtcp.NackPair{PacketID: 8}) {
				t.Errorf("after %d: %v", step.number, p)
			}
		}
	}
	in.nacks = false
	in.sorter.Push(&prtp.Packet{Header: prtp.Header{SequenceNumber: 20}}, 2000*ms)
	if packets := in.nack(5, 2000*ms); packets != nil {
		t.Errorf("not agreed: %v", packets)
	}
}

// It is agreed by the offer.
func TestNACKAgreed(t *testing.T) {
	for lines, want := range map[string]bool{"": false, "a=rtcp-fb:102 nack pli\r\n": false, "a=rtcp-fb:102 nack\r\na=rtcp-fb:102 nack pli\r\n": true} {
		o, err := parseOffer(strings.Replace(browserOffer, "a=rtpmap:102", lines+"a=rtpmap:102", 1))
		if err != nil {
			t.Fatal(err)
		}
		if c := o.medias[0].first(av.H264); c == nil || c.nacks() != want {
			t.Errorf("%q: %+v", lines, c)
		}
	}
}

// A publisher is asked for what is missing.
func TestPublisherNACK(t *testing.T) {
	r := newRig(t, nil)
	p := newPeer(t)
	video := p.addTrack(pion.MimeTypeH264)
	p.post(r.Plain + "/live/test/whip")
	p.wait()
	asked := make(chan uint16, 1)
	go func() {
		for {
			packets, _, err := p.GetSenders()[0].ReadRTCP()
			if err != nil {
				return
			}
			for _, packet := range packets {
				if n, ok := packet.(*rtcp.TransportLayerNack); ok && len(n.Nacks) > 0 {
					select {
					case asked <- n.Nacks[0].PacketID:
					default:
					}
				}
			}
		}
	}()
	number := uint16(100)
	r.Eventually("it is asked for", func() bool {
		if number++; number%10 == 0 {
			number++ // and one is not sent
		}
		packet := &prtp.Packet{Header: prtp.Header{Version: 2, SequenceNumber: number, Timestamp: uint32(number) * 90}, Payload: []byte{0x41, 1}}
		if err := video.WriteRTP(packet); err != nil {
			t.Fatal(err)
		}
		return len(asked) > 0
	})
	if n := <-asked; n%10 != 0 {
		t.Errorf("asked for %d", n)
	}
}
