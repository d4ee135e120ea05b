package webrtc

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/pion/interceptor"
	prtp "github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
	"github.com/weirmedia/weir/protocols/internal/rtpfeed"
)

// The headers of the first packets of frames have the extensions that were
// negotiated, when they are due.
func TestStamp(t *testing.T) {
	const wall = 1_700_000_000_250_000_000 // 2023-11-14 22:13:20.25
	const second = int64(time.Second)
	plain := "8060000200000003" + "00000004"
	for _, c := range []struct {
		name       string
		negotiated []pion.RTPHeaderExtensionParameter
		want       string
	}{
		{"none", nil, plain},
		{"others", []pion.RTPHeaderExtensionParameter{{URI: "urn:x", ID: 1}}, plain},
		{"an id that needs more", []pion.RTPHeaderExtensionParameter{{URI: captureTimeURI, ID: 15}}, plain},
		{"time", []pion.RTPHeaderExtensionParameter{{URI: captureTimeURI, ID: 9}},
			"9060000200000003" + "00000004" + "bede0003" + "97" + "e8fe6f8040000000" + "000000"},
		{"delay", []pion.RTPHeaderExtensionParameter{{URI: playoutDelayURI, ID: 14}},
			"9060000200000003" + "00000004" + "bede0001" + "e2" + "00a123"},
		{"both", []pion.RTPHeaderExtensionParameter{{URI: playoutDelayURI, ID: 5}, {URI: captureTimeURI, ID: 1}},
			"9060000200000003" + "00000004" + "bede0004" + "17" + "e8fe6f8040000000" + "52" + "00a123" + "000000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var x extensions
			x.use(c.negotiated, &Config{MinPlayoutDelay: config.Duration(100 * time.Millisecond), MaxPlayoutDelay: config.Duration(2910 * time.Millisecond)})
			for _, frame := range []struct {
				start   bool
				arrival int64
				due     bool
			}{{true, 0, true}, {false, second - 1, false}, {false, second, true}, {true, second + 1, true}, {false, second + 2, false}} {
				h := prtp.Header{Version: 2, PayloadType: 96, SequenceNumber: 2, Timestamp: 3, SSRC: 4}
				x.stamp(&h, &rtpfeed.Entry{Start: frame.start, Arrival: frame.arrival}, wall)
				got, err := h.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				want := plain
				if frame.due {
					want = c.want
				}
				if hex.EncodeToString(got) != want {
					t.Errorf("%+v: %x, want %s", frame, got, want)
				}
			}
		})
	}
}

// Nothing is said about delays any more, once that is switched off, although it was
// negotiated.
func TestDelaySwitchedOff(t *testing.T) {
	var x extensions
	x.use([]pion.RTPHeaderExtensionParameter{{URI: playoutDelayURI, ID: 5}, {URI: captureTimeURI, ID: 1}}, &Config{})
	if x.playoutDelay != 0 || x.captureTime != 1 {
		t.Errorf("ids are %d and %d", x.playoutDelay, x.captureTime)
	}
}

// A client that offers extensions gets them under its own ids, one that does not
// gets none.
func TestNegotiatesExtensions(t *testing.T) {
	for _, c := range []struct {
		name    string
		offered []string
		delay   time.Duration
		want    map[string]bool
	}{
		{"none offered", nil, time.Second, nil},
		{"both", []string{"urn:x", playoutDelayURI, captureTimeURI}, time.Second, map[string]bool{playoutDelayURI: true, captureTimeURI: true}},
		{"no delay configured", []string{captureTimeURI, playoutDelayURI}, 0, map[string]bool{captureTimeURI: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(to *Config) { to.MaxPlayoutDelay = config.Duration(c.delay) })
			r.Publish(httplivetest.Video)
			engine := &pion.MediaEngine{}
			if err := engine.RegisterDefaultCodecs(); err != nil {
				t.Fatal(err)
			}
			for _, uri := range c.offered {
				if err := engine.RegisterHeaderExtension(pion.RTPHeaderExtensionCapability{URI: uri}, pion.RTPCodecTypeVideo); err != nil {
					t.Fatal(err)
				}
			}
			p := newPeer(t, pion.WithMediaEngine(engine), pion.WithInterceptorRegistry(&interceptor.Registry{}))
			if _, err := p.AddTransceiverFromKind(pion.RTPCodecTypeVideo, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
				t.Fatal(err)
			}
			first := make(chan map[string]bool, 1)
			p.OnTrack(func(track *pion.TrackRemote, receiver *pion.RTPReceiver) {
				packet, _, err := track.ReadRTP()
				if err != nil {
					t.Error(err)
					return
				}
				got := map[string]bool{}
				for _, e := range receiver.GetParameters().HeaderExtensions {
					if packet.GetExtension(uint8(e.ID)) != nil {
						got[e.URI] = true
					}
				}
				if len(got) != len(packet.GetExtensionIDs()) {
					t.Errorf("extensions %v under the ids %v", got, packet.GetExtensionIDs())
				}
				first <- got
			})
			p.post(r.Plain + "/live/test/whep")
			p.wait()
			select {
			case got := <-first:
				if len(got) != len(c.want) {
					t.Errorf("the first packet has %v, want %v", got, c.want)
				}
				for uri := range c.want {
					if !got[uri] {
						t.Errorf("the first packet lacks %s", uri)
					}
				}
			case <-time.After(waitLong):
				t.Fatal("no packet")
			}
		})
	}
}
