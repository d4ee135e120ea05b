package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

// lonelyOffer is of a client that no connection comes about with: it has no
// candidates.
func lonelyOffer(direction string) string {
	offer := "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
		"a=fingerprint:sha-256 " + strings.Repeat("0F:", 31) + "0F\r\na=setup:actpass\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
	for mid, codec := range []string{"H264/90000\r\na=fmtp:96 packetization-mode=1", "opus/48000/2"} {
		kind := []string{"video", "audio"}[mid]
		offer += fmt.Sprintf("m=%s 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:%d\r\na=%s\r\na=rtcp-mux\r\na=rtpmap:96 %s\r\n", kind, mid, direction, codec)
	}
	return offer
}

// ask makes a request from a local address, any if it is empty, and returns the
// answer with its body read.
func (s *testServer) ask(from, method, path, contentType, body string) (*http.Response, string, error) {
	url := path
	if strings.HasPrefix(path, "/") {
		url = "http://" + s.http.Addr().String() + path
	}
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("If-Match", "*")
	dialer := &net.Dialer{}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dialer.DialContext}, Timeout: patience}
	response, err := client.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response, string(text), err
}

// offer posts an offer and returns where its session is, nothing if it was refused.
func (s *testServer) offer(t testing.TB, from, path, sdp string) (resource string, status int) {
	response, _, err := s.ask(from, http.MethodPost, path, "application/sdp", sdp)
	if err != nil {
		t.Error(err)
		return "", 0
	}
	if response.StatusCode != http.StatusCreated {
		return "", response.StatusCode
	}
	location, err := response.Location()
	if err != nil {
		t.Error(err)
		return "", 0
	}
	return location.String(), response.StatusCode
}

// TestWebRTCNeverConnects: of 1,000 clients that never connect as many are let in
// as the limits say, clients of other addresses get in meanwhile, and nothing is
// left of any of them.
func TestWebRTCNeverConnects(t *testing.T) {
	const (
		clients     = 1000
		most, each  = 300, 200
		workers     = 8
		slack       = 2 << 20 // of some 60 MB that the sessions take
		fromOthers  = "127.0.0.2"
		fromAnother = "127.0.0.3"
	)
	s := startServer(t, func(s *settings) {
		brisk(s)
		c := s.webrtc()
		c.ConnectTimeout, c.MaxConnecting, c.MaxConnectingPerAddress = config.Duration(2*time.Second), most, each
	})
	nobody := func() bool { return len(s.sessions.List()) == 0 && len(s.bus.Streams()) == 0 }
	var mu sync.Mutex
	statuses := map[int]int{}
	flood := func(n int, from string) {
		var running sync.WaitGroup
		for worker := range workers {
			running.Go(func() {
				for i := worker; i < n; i += workers {
					_, status := s.offer(t, from, fmt.Sprintf("/live/%s-%d/whip", from, i), lonelyOffer("sendonly"))
					mu.Lock()
					statuses[status]++
					mu.Unlock()
				}
			})
		}
		running.Wait()
	}
	flood(most, "127.0.0.4") // pools and tables grow once
	eventually(t, "the first have ended", nobody)
	s.lines.forget()
	clear(statuses)
	before, size := measure(t), heap()

	flood(clients, "127.0.0.1")
	if statuses[http.StatusCreated] < each || statuses[http.StatusCreated]+statuses[http.StatusServiceUnavailable] != clients {
		t.Errorf("answers by status: %v", statuses)
	}
	t.Logf("%d sessions that connect: %d KB each", len(s.sessions.List()), (heap()-size)/1024/int64(max(len(s.sessions.List()), 1)))
	if resource, status := s.offer(t, fromOthers, "/live/other/whip", lonelyOffer("sendonly")); status != http.StatusCreated {
		t.Errorf("a client of another address: %d", status)
	} else if response, _, err := s.ask(fromOthers, http.MethodDelete, resource, "", ""); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%v, %v", response, err)
	}
	flood(most, fromOthers)
	if n := len(s.sessions.List()); n > most {
		t.Errorf("%d sessions connect, at most %d may", n, most)
	}
	if n := s.metric(t, "weir_webrtc_connecting"); n > most {
		t.Errorf("the metric says %v", n)
	}
	eventually(t, "all have ended", nobody)
	if _, status := s.offer(t, fromAnother, "/live/free/whip", lonelyOffer("sendonly")); status != http.StatusCreated {
		t.Errorf("afterwards: %d", status)
	}
	eventually(t, "that one has ended too", nobody)
	before.expect(t, "after all have ended")
	s.lines.forget()
	if grown := heap() - size; grown > slack {
		t.Errorf("the heap grew by %d bytes, want at most %d", grown, slack)
	}
	if n := s.ends("webrtc", session.Publish, reason.HandshakeTimeout); n < each {
		t.Errorf("%d ended since they did not connect, want %d", n, each)
	}
}

// TestWebRTCRounds: nothing is left of sessions that come, get as far as they like
// and go in some way.
func TestWebRTCRounds(t *testing.T) {
	const (
		rounds = 200
		slack  = 2 << 20 // of some 60 MB that the sessions take
	)
	s := startServer(t, func(s *settings) {
		brisk(s)
		s.webrtc().ConnectTimeout = config.Duration(2 * time.Second)
	})
	src := s.publish(t, "live/test", sourceOptions{})
	src.run()
	s.rounds(t, rounds, slack, s.visitWebRTC, func() {
		eventually(t, "only the publisher is there", func() bool { return len(s.sessions.List()) == 1 && len(s.bus.Streams()) == 1 })
	})
	for _, action := range []session.Action{session.Play, session.Publish} {
		if n := s.opened("webrtc", action); n < rounds/10 {
			t.Errorf("only %d sessions to %s began, want %d", n, action, rounds/10)
		}
	}
}

// visitWebRTC connects, does one of several things and goes in one of several ways.
// None of its steps needs to succeed: names may be busy.
func (s *testServer) visitWebRTC(t testing.TB, random *rand.Rand) {
	name := fmt.Sprintf("/rounds/%d", random.IntN(3))
	switch random.IntN(8) {
	case 0:
		_, _ = s.offer(t, "", name+"/whip", lonelyOffer("sendonly"))
	case 1: // a flood of offers for one name
		for range 10 {
			_, _ = s.offer(t, "", name+"/whip", lonelyOffer("sendonly"))
		}
	case 2:
		if resource, _ := s.offer(t, "", "/live/test/whep", lonelyOffer("recvonly")); resource != "" {
			_, _, _ = s.ask("", http.MethodDelete, resource, "", "")
		}
	case 3: // a flood of ICE restarts
		resource, _ := s.offer(t, "", "/live/test/whep", lonelyOffer("recvonly"))
		for n := range 10 {
			if resource != "" {
				fragment := fmt.Sprintf("a=ice-ufrag:again%d\r\na=ice-pwd:0123456789012345678901\r\n", n)
				_, _, _ = s.ask("", http.MethodPatch, resource, "application/trickle-ice-sdpfrag", fragment)
			}
		}
	case 4, 5:
		s.watchWebRTC(t, random.IntN(3))
	case 6:
		s.strayTCP(t, random.IntN(4))
	case 7:
		s.strayUDP(t)
	}
}

// watchWebRTC plays live/test by WHEP until media comes, and goes by DELETE, with a
// farewell, or as if the network were gone.
func (s *testServer) watchWebRTC(t testing.TB, leave int) {
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Error(err)
		return
	}
	quiet := &logging.DefaultLoggerFactory{Writer: io.Discard}
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: socket, Logger: quiet.NewLogger("ice")})
	var engine pion.SettingEngine
	engine.SetICEUDPMux(mux)
	engine.SetIncludeLoopbackCandidate(true)
	engine.SetNetworkTypes([]pion.NetworkType{pion.NetworkTypeUDP4})
	pc, err := pion.NewAPI(pion.WithSettingEngine(engine)).NewPeerConnection(pion.Configuration{})
	if err != nil {
		t.Error(err)
		return
	}
	defer func() {
		_ = pc.GracefulClose() // which may have nobody to talk to
		_ = mux.Close()
		_ = socket.Close()
	}()
	came := make(chan struct{}, 1)
	pc.OnTrack(func(track *pion.TrackRemote, _ *pion.RTPReceiver) {
		if _, _, err := track.ReadRTP(); err == nil {
			came <- struct{}{}
		}
	})
	resource, err := s.connectWebRTC(pc)
	if err != nil {
		t.Error(err)
		return
	}
	select {
	case <-came:
	case <-time.After(patience):
		t.Error("no media came")
	}
	switch leave {
	case 0:
		_, _, _ = s.ask("", http.MethodDelete, resource, "", "")
	case 1:
		_ = socket.Close()
	}
}

func (s *testServer) connectWebRTC(pc *pion.PeerConnection) (resource string, err error) {
	if _, err := pc.AddTransceiverFromKind(pion.RTPCodecTypeVideo, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
		return "", err
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return "", err
	}
	gathered := pion.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		return "", err
	}
	<-gathered
	response, body, err := s.ask("", http.MethodPost, "/live/test/whep", "application/sdp", pc.LocalDescription().SDP)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("%s %s", response.Status, body)
	}
	location, err := response.Location()
	if err != nil {
		return "", err
	}
	return location.String(), pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: body})
}

// strayTCP connects to the port of the media and says something that leads nowhere.
func (s *testServer) strayTCP(t testing.TB, what int) {
	conn, err := net.Dial("tcp", s.app.webrtc.String())
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	switch what {
	case 0: // nothing
	case 1:
		_, _ = conn.Write(bytes.Repeat([]byte{0xA5}, 2000))
	case 2: // half a packet
		_, _ = conn.Write([]byte{1, 0, 0})
	case 3: // to a session that is not there
		binding := binding(t)
		_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(binding))), binding...))
	}
	time.Sleep(10 * time.Millisecond)
}

// strayUDP sends packets to the port of the media that lead nowhere.
func (s *testServer) strayUDP(t testing.TB) {
	conn, err := net.Dial("udp", s.app.webrtc.String())
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	for _, packet := range [][]byte{{}, {0}, {0x80, 96, 0, 1}, bytes.Repeat([]byte{0x16}, 1400), binding(t)} {
		_, _ = conn.Write(packet)
	}
}

// binding returns a request for a session that is not there.
func binding(t testing.TB) []byte {
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("nobody:abcd"), stun.NewShortTermIntegrity("password"), stun.Fingerprint)
	if err != nil {
		t.Error(err)
		return nil
	}
	return m.Raw
}
