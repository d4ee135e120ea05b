package rtsp_test

import (
	"testing"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/pion/rtcp"
	prtp "github.com/pion/rtp"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/session"
)

func (r *rig) network() session.NetworkCounts {
	list := r.host.Sessions.List()
	if len(list) != 1 {
		return session.NetworkCounts{}
	}
	return list[0].Network
}

// What happens to a publisher's packets on the way is counted.
func TestRecordNetwork(t *testing.T) {
	r := newRig(t, auth.Config{})
	frames := footage(t, "bframes.flv")
	d, muxers, medias := describe(t, frames)
	var packets []*prtp.Packet
	track := frames[0].Track.ID
	for len(packets) < 200 {
		for _, f := range frames {
			if f.Track.ID != track {
				continue
			}
			more, err := muxers[track].Mux(f)
			if err != nil {
				t.Fatal(err)
			}
			packets = append(packets, more...)
		}
	}
	packets[20], packets[21] = packets[21], packets[20]
	packets[40], packets[43] = packets[43], packets[40]   // one is early, three are late
	packets = append(packets[:60:60], packets[65:200]...) // five are lost
	udp := gortsplib.TransportUDP
	c := &gortsplib.Client{Transport: &udp}
	if err := c.StartRecording(r.url("live/test"), d); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, p := range packets {
		if err := c.WritePacketRTP(medias[track], p); err != nil {
			t.Fatal(err)
		}
	}
	r.eventually("all are counted", func() bool { return r.network().PacketsIn == uint64(len(packets)) })
	if n := r.network(); n.PacketsReordered != 4 || n.PacketsLost != 5 || n.PacketsOut != 0 {
		t.Errorf("%+v", n)
	}
}

// What a player reports is believed.
func TestPlayNetwork(t *testing.T) {
	for _, transport := range []gortsplib.Transport{gortsplib.TransportTCP, gortsplib.TransportUDP} {
		t.Run(transport.String(), func(t *testing.T) {
			r := newRig(t, auth.Config{})
			frames := footage(t, "bframes.flv")
			r.feed("live/test", frames)
			p := r.play("live/test", transport)
			r.eventually("media flows", func() bool { return len(p.frames) > 10 })
			for m, s := range p.Stats().Session.Medias {
				for f, s := range s.Formats {
					if s.RemoteSSRC == 0 {
						continue
					}
					if err := p.WritePacketRTCP(m, &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{
						{SSRC: s.RemoteSSRC, TotalLost: 3, Jitter: uint32(f.ClockRate()) / 100},
					}}); err != nil {
						t.Fatal(err)
					}
				}
			}
			r.eventually("the reports came", func() bool { return r.network().PacketsLost == 6 && r.network().Jitter.Milliseconds() == 10 })
			if n := r.network(); n.PacketsOut == 0 || n.PacketsIn != 0 || n.PacketsReordered != 0 {
				t.Errorf("%+v", n)
			}
		})
	}
}

// A player that refers to a report of ours tells how far away it is.
func TestPlayRoundTrip(t *testing.T) {
	for _, transport := range []gortsplib.Transport{gortsplib.TransportTCP, gortsplib.TransportUDP} {
		t.Run(transport.String(), func(t *testing.T) {
			r := newRig(t, auth.Config{})
			r.answer = func(p *player, m *description.Media, pkt rtcp.Packet) {
				if told, ok := pkt.(*rtcp.SenderReport); ok {
					_ = p.WritePacketRTCP(m, &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{
						{SSRC: told.SSRC, LastSenderReport: uint32(told.NTPTime >> 16)},
					}}) // fails when the test is over
				}
			}
			r.feed("live/test", footage(t, "bframes.flv"))
			r.play("live/test", transport)
			r.eventually("the round trip is known", func() bool { return r.network().RoundTrip > 0 })
			if got := r.host.Sessions.Totals().Groups[0].RoundTrips; got.Sum <= 0 {
				t.Errorf("in all %+v", got)
			}
		})
	}
}
