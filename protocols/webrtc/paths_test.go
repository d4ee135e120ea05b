package webrtc

import (
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
	"github.com/weirmedia/weir/test/freeport"
)

// stunServer answers that it sees everybody at 203.0.113.5:9999. It is counted how
// often it is asked.
func stunServer(t *testing.T) (address string, asked *atomic.Int64) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked = &atomic.Int64{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			request := &stun.Message{Raw: buf[:n]}
			if err := request.Decode(); err != nil || request.Type != stun.BindingRequest {
				t.Errorf("asked %x: %v", buf[:n], err)
				return
			}
			asked.Add(1)
			answer, err := stun.Build(stun.NewTransactionIDSetter(request.TransactionID), stun.BindingSuccess,
				&stun.XORMappedAddress{IP: net.IPv4(203, 0, 113, 5), Port: 9999}, stun.Fingerprint)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := conn.WriteTo(answer.Raw, from); err != nil {
				t.Error(err)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return conn.LocalAddr().String(), asked
}

// Clients hear of the address that a STUN server sees, and connect by others as
// before.
func TestSTUN(t *testing.T) {
	address, asked := stunServer(t)
	r := newRig(t, func(c *Config) { c.STUN = address })
	for _, name := range []string{"a", "b"} {
		p := newPeer(t)
		p.addTrack(pion.MimeTypeH264)
		p.post(r.Plain + "/live/" + name + "/whip")
		if answer := p.RemoteDescription().SDP; strings.Count(answer, " 203.0.113.5 9999 typ srflx raddr 0.0.0.0 rport 9") != 1 || !strings.Contains(answer, " 127.0.0.1 ") {
			t.Errorf("the candidates are not those: %s", answer)
		}
		p.wait()
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

// A STUN server that does not answer costs one offer a moment.
func TestSTUNSilent(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	r := newRig(t, func(c *Config) { c.STUN = silent.LocalAddr().String() })
	p := newPeer(t)
	p.addTrack(pion.MimeTypeH264)
	p.post(r.Plain + "/live/test/whip")
	if answer := p.RemoteDescription().SDP; strings.Contains(answer, "srflx") {
		t.Errorf("a candidate from nowhere: %s", answer)
	}
	p.wait()
}

func TestSTUNAddresses(t *testing.T) {
	for server, want := range map[string]bool{
		"": true, "stun.example.org:3478": true, "[2001:db8::1]:3478": true,
		"stun:stun.example.org:3478": false, "stun.example.org": false, ":3478": false, "x:0": false, "x:70000": false, "x:stun": false,
	} {
		c := New().(*Config)
		c.STUN = server
		if err := c.Validate(); (err == nil) != want {
			t.Errorf("%q: %v", server, err)
		}
	}
}

// A client that UDP does not reach plays by TCP.
func TestPlayByTCP(t *testing.T) {
	r := newRig(t, nil)
	r.Publish(httplivetest.Video)
	var settings pion.SettingEngine
	settings.SetNetworkTypes([]pion.NetworkType{pion.NetworkTypeTCP4})
	settings.SetIncludeLoopbackCandidate(true)
	p := newPeer(t, pion.WithSettingEngine(settings))
	if _, err := p.AddTransceiverFromKind(pion.RTPCodecTypeVideo, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	came := make(chan *pion.TrackRemote, 1)
	p.OnTrack(func(track *pion.TrackRemote, _ *pion.RTPReceiver) {
		if _, _, err := track.ReadRTP(); err == nil {
			came <- track
		}
	})
	if offer := p.offer(); strings.Contains(offer, " udp ") {
		t.Fatalf("the offer has candidates by UDP: %s", offer)
	}
	response, answer := request(t, http.MethodPost, r.Plain+"/live/test/whep", typeSDP, p.LocalDescription().SDP)
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("%s %s", response.Status, answer)
	}
	if err := p.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	p.wait()
	select {
	case <-came:
	case <-time.After(waitLong):
		t.Fatal("no media came")
	}
	pair, err := p.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair.Remote.Protocol != pion.ICEProtocolTCP {
		t.Errorf("connected by %v, %v", pair, err)
	}
}

// Connections by TCP beyond the limit are refused, and counted.
func TestMaxConnections(t *testing.T) {
	address := freeport.Address(t)
	r := newRig(t, func(c *Config) { c.Listen, c.MaxConnections = config.Listen(address), 1 })
	for range 2 {
		if conn, err := net.Dial("tcp", address); err == nil { // the second may learn of it already
			defer conn.Close()
		}
	}
	r.Eventually("one is refused", func() bool {
		refusals := r.Host.Sessions.Totals().Refusals
		return len(refusals) == 1 && refusals[0].Protocol == protocol && refusals[0].Reason == reason.LimitReached && refusals[0].Count == 1
	})
}
