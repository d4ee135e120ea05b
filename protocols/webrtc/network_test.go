package webrtc

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	prtp "github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
)

// networkOf returns what the one session knows of its packets.
func networkOf(r *httplivetest.Rig) session.NetworkCounts {
	list := r.Host.Sessions.List()
	if len(list) != 1 {
		return session.NetworkCounts{}
	}
	return list[0].Network
}

// What happens to a publisher's packets on the way is counted.
func TestPublisherNetwork(t *testing.T) {
	r := newRig(t, nil)
	p := newPeer(t)
	video := p.addTrack(pion.MimeTypeH264)
	p.post(r.Plain + "/live/test/whip")
	p.wait()
	number := uint16(100)
	send := func(ahead int) {
		packet := &prtp.Packet{Header: prtp.Header{Version: 2, SequenceNumber: number + uint16(ahead), Timestamp: uint32(number) * 90}, Payload: []byte{0x41, 1}}
		if err := video.WriteRTP(packet); err != nil {
			t.Fatal(err)
		}
	}
	r.Eventually("packets come", func() bool { // what comes before the server is ready is lost
		send(0)
		number++
		return networkOf(r).PacketsIn > 0
	})
	lost := networkOf(r).PacketsLost
	send(1) // one that is early
	send(0)
	number += 2 + 3 // three are lost
	r.Eventually("they are counted", func() bool {
		time.Sleep(5 * time.Millisecond)
		send(0)
		number++
		return networkOf(r).PacketsLost == lost+3
	})
	if n := networkOf(r); n.PacketsReordered != 1 || n.Jitter <= 0 || n.PacketsOut != 0 {
		t.Errorf("%+v", n)
	}
}

// What a player reports is believed.
func TestPlayerNetwork(t *testing.T) {
	r := newRig(t, nil)
	r.Publish(httplivetest.Video, opus)
	p := newPeer(t)
	tracks := make(chan *pion.TrackRemote, 2)
	p.OnTrack(func(track *pion.TrackRemote, _ *pion.RTPReceiver) { tracks <- track })
	for _, kind := range []pion.RTPCodecType{pion.RTPCodecTypeVideo, pion.RTPCodecTypeAudio} {
		if _, err := p.AddTransceiverFromKind(kind, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	p.post(r.Plain + "/live/test/whep")
	p.wait()
	r.Eventually("media flows", func() bool {
		r.Frame(httplivetest.Video, false)
		r.Frame(opus, false)
		return len(tracks) == 2
	})
	for range 2 {
		track := <-tracks
		if err := p.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{
			{SSRC: uint32(track.SSRC()), TotalLost: 1, Jitter: track.Codec().ClockRate / 100},
		}}}); err != nil {
			t.Fatal(err)
		}
	}
	r.Eventually("the reports came", func() bool { return networkOf(r).PacketsLost == 2 && networkOf(r).Jitter == 10*time.Millisecond })
	if n := networkOf(r); n.PacketsOut == 0 || n.PacketsIn != 0 || n.PacketsReordered != 0 {
		t.Errorf("%+v", n)
	}
}
