package webrtc

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	prtp "github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"

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

// What a player asks for is counted, and one that refers to a report of ours tells
// how far away it is.
func TestPlayerFeedback(t *testing.T) {
	r := newRig(t, nil)
	r.Publish(httplivetest.Video)
	p := newPeer(t)
	type asked struct {
		receiver *pion.RTPReceiver
		track    *pion.TrackRemote
	}
	tracks := make(chan asked, 1)
	p.OnTrack(func(track *pion.TrackRemote, receiver *pion.RTPReceiver) { tracks <- asked{receiver, track} })
	if _, err := p.AddTransceiverFromKind(pion.RTPCodecTypeVideo, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	p.post(r.Plain + "/live/test/whep")
	p.wait()
	r.Eventually("media flows", func() bool {
		r.Frame(httplivetest.Video, false)
		return len(tracks) == 1
	})
	video := <-tracks
	packets, _, err := video.receiver.ReadRTCP()
	if err != nil {
		t.Fatal(err)
	}
	told, ok := packets[0].(*rtcp.SenderReport)
	if !ok {
		t.Fatalf("the first packet is a %T", packets[0])
	}
	source := uint32(video.track.SSRC())
	if err := p.WriteRTCP([]rtcp.Packet{
		&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: source, LastSenderReport: uint32(told.NTPTime >> 16)}}},
		&rtcp.PictureLossIndication{MediaSSRC: source},
	}); err != nil {
		t.Fatal(err)
	}
	r.Eventually("the round trip is known", func() bool { return networkOf(r).RoundTrip > 0 })
	r.Eventually("the request for a key frame is counted", func() bool { return counted(t, r, "weir_webrtc_key_frame_requests_total") == 1 })
	r.Eventually("a packet is sent again", func() bool { // those of the replay at the beginning are not
		r.Frame(httplivetest.Video, false)
		newest, _, err := video.track.ReadRTP()
		if err != nil {
			t.Fatal(err)
		}
		if err := p.WriteRTCP([]rtcp.Packet{&rtcp.TransportLayerNack{MediaSSRC: source, Nacks: []rtcp.NackPair{
			{PacketID: newest.SequenceNumber}, {PacketID: newest.SequenceNumber - 1000}, // which nobody ever had
		}}}); err != nil {
			t.Fatal(err)
		}
		return counted(t, r, "weir_webrtc_retransmitted_packets_total") > 0
	})
	r.Eventually("all that was asked for is counted, of which at most half was there", func() bool {
		again := counted(t, r, "weir_webrtc_retransmitted_packets_total")
		return counted(t, r, "weir_webrtc_nacked_packets_total") >= 2*again
	})
}

// counted returns the sum of a counter's samples.
func counted(t *testing.T, r *httplivetest.Rig, name string) (sum float64) {
	t.Helper()
	families, err := r.Host.Metrics.(prometheus.Gatherer).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
