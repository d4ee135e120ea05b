package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/protocols/httpflv"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/protocols/rtsp"
	"github.com/weirmedia/weir/remux/flv"
	"github.com/weirmedia/weir/remux/rtp"
)

// inlet is a way to publish a stream.
type inlet struct {
	name     string
	protocol string
	port     func(s *testServer) string
	path     string // %s is the stream
	open     func(ctx context.Context, rawURL string, trust *tls.Config) (*sender, error)
	proofs   []string
	denied   []string // as of an outlet
	busy     string   // what one hears whose stream somebody else publishes
	revoked  string   // what one hears who may not publish any longer
	ended    string   // what one hears whom the API or another publisher ends
}

// inlets are all ways to publish.
func inlets() []inlet {
	const denied, bad = "NetStream.Publish.Denied", "NetStream.Publish.BadName"
	return []inlet{
		{"RTMP", "rtmp", func(s *testServer) string { return "rtmp://" + s.app.rtmp.String() }, "/%s", sendRTMP,
			byQuery, []string{denied, denied, denied}, bad, denied, bad},
		{"RTMPS", "rtmp", func(s *testServer) string { return "rtmps://" + s.app.rtmps.String() }, "/%s", sendRTMP,
			byQuery, []string{denied, denied, denied}, bad, denied, bad},
		{"RTSP", "rtsp", func(s *testServer) string { return "rtsp://" + s.app.rtsp.String() }, "/%s", sendRTSP,
			byHTTP, []string{"401", "401", "403"}, "409", "unexpected EOF", "unexpected EOF"},
		{"WHIP", "webrtc", func(s *testServer) string { return "http://" + s.http.Addr().String() }, "/%s/whip", sendWHIP,
			byHTTP, []string{"401 unauthorized", "401 unauthorized", "403 unauthorized"}, "409 stream_busy", "unexpected EOF", "unexpected EOF"},
	}
}

// sender publishes one stream.
type sender struct {
	send  func(f *av.Frame) error
	wait  func() error // returns why the server ended it, or that close was called
	close func()
}

// feeding is a sender that sends in real time until it ends.
type feeding struct {
	t      testing.TB
	sender *sender
	quit   chan struct{}
	once   sync.Once
	done   sync.WaitGroup
	over   atomic.Bool
	err    error // of the end; valid once over
}

// publish begins to publish a stream whose pictures have a mark, which is not 0.
func (m *matrix) publish(t testing.TB, i inlet, stream string, p proof, mark byte) (*feeding, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	opened, err := i.open(ctx, p.on(t, i.port(m.testServer)+fmt.Sprintf(i.path, stream)), m.trust)
	if err != nil {
		return nil, err
	}
	out := &feeding{t: t, sender: opened, quit: make(chan struct{})}
	out.done.Go(func() { out.run(mark) })
	out.done.Go(func() {
		out.err = opened.wait()
		out.over.Store(true)
	})
	t.Cleanup(out.leave)
	return out, nil
}

// feed is publish, for who must be let in.
func (m *matrix) feed(t testing.TB, i inlet, stream string, p proof, mark byte) *feeding {
	t.Helper()
	out, err := m.publish(t, i, stream, p, mark)
	if err != nil {
		t.Fatalf("%s by %s: %v", i.name, p.name, err)
	}
	return out
}

// run sends pictures, every fifth of which is a key frame.
func (p *feeding) run(mark byte) {
	clock := time.NewTicker(tick)
	defer clock.Stop()
	for n := 0; p.sender.send(markedPicture(n, n%5 == 0, mark)) == nil; n++ {
		select {
		case <-clock.C:
		case <-p.quit:
			return
		}
	}
}

// goesOn fails if the server has ended it.
func (p *feeding) goesOn() {
	p.t.Helper()
	if p.over.Load() {
		p.t.Errorf("the publisher was ended: %v", p.err)
	}
}

// ends waits for the end that comes from the server, and returns what it said.
func (p *feeding) ends() string {
	p.t.Helper()
	eventually(p.t, "the end of the publisher", p.over.Load)
	return heard(p.err)
}

// leave ends publishing.
func (p *feeding) leave() {
	p.once.Do(func() {
		close(p.quit)
		p.sender.close()
	})
	p.done.Wait()
}

// markedTrack is the track of pictures.
var markedTrack = sync.OnceValue(func() *av.Track {
	track, err := h264.TrackFromConfig(0, unhex(avcConfig))
	if err != nil {
		panic(err)
	}
	return track
})

// markedPicture returns a picture of which every byte is the mark of its publisher.
func markedPicture(n int, key bool, mark byte) *av.Frame {
	at := int64(n) * int64(tick)
	nal := append([]byte{0x41}, bytes.Repeat([]byte{mark}, 200)...)
	if key {
		nal[0] = 0x65
	}
	return &av.Frame{
		Track: markedTrack(), Key: key, DTS: at, PTS: at, Arrival: av.Now(),
		Payload: append(binary.BigEndian.AppendUint32(nil, uint32(len(nal))), nal...),
	}
}

func sendRTMP(ctx context.Context, rawURL string, trust *tls.Config) (*sender, error) {
	c, err := rtmp.Publish(ctx, rawURL, rtmp.ClientOptions{TLS: trust})
	if err != nil {
		return nil, err
	}
	// Only pictures come: nobody needs to wait for sound.
	metadata := amf0.Append(nil, "onMetaData", amf0.Object{{Name: "videocodecid", Value: 7.0}, {Name: "width", Value: 322.0}, {Name: "height", Value: 182.0}})
	err = errors.Join(c.WriteTag(flv.ScriptTag, 0, metadata),
		c.WriteTag(flv.VideoTag, 0, append([]byte{0x17, 0, 0, 0, 0}, unhex(avcConfig)...)))
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &sender{
		send: func(f *av.Frame) error {
			head := []byte{0x27, 1, 0, 0, 0}
			if f.Key {
				head[0] = 0x17
			}
			return c.WriteTag(flv.VideoTag, uint32(f.DTS/int64(time.Millisecond)), append(head, f.Payload...))
		},
		wait:  c.Wait,
		close: func() { _ = c.Close() }, // the server may have been first
	}, nil
}

func sendRTSP(ctx context.Context, rawURL string, _ *tls.Config) (*sender, error) {
	c, err := rtsp.Publish(ctx, rawURL, []*av.Track{markedTrack()}, rtsp.ClientOptions{Timeout: patience})
	if err != nil {
		return nil, err
	}
	return &sender{send: c.WriteFrame, wait: c.Wait, close: func() { _ = c.Close() }}, nil
}

// whip is a publisher by WebRTC.
type whip struct {
	pc       *pion.PeerConnection
	track    *pion.TrackLocalStaticRTP
	muxer    *rtp.Muxer
	resource *url.URL
	closed   chan struct{} // when the connection has ended
	once     sync.Once
	release  func()
}

// sendWHIP publishes by WHIP. What is sent before the connection stands is lost, as
// from any such client.
func sendWHIP(ctx context.Context, rawURL string, _ *tls.Config) (*sender, error) {
	w := &whip{closed: make(chan struct{})}
	err := w.prepare()
	if err == nil {
		err = w.connect(ctx, rawURL)
	}
	if err != nil {
		w.hangUp()
		return nil, err
	}
	return &sender{
		send: w.send,
		wait: func() error {
			<-w.closed
			w.hangUp()
			return io.ErrUnexpectedEOF // that is all that a connection tells
		},
		close: w.hangUp,
	}, nil
}

// prepare makes the connection, on a socket of 127.0.0.1.
func (w *whip) prepare() error {
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	quiet := &logging.DefaultLoggerFactory{Writer: io.Discard}
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: socket, Logger: quiet.NewLogger("ice")})
	w.release = func() {
		_ = mux.Close()
		_ = socket.Close()
	}
	var engine pion.SettingEngine
	engine.LoggerFactory = quiet
	engine.SetICEUDPMux(mux)
	engine.SetICEMaxBindingRequests(math.MaxUint16) // the machine may be slow
	engine.SetIncludeLoopbackCandidate(true)
	engine.SetNetworkTypes([]pion.NetworkType{pion.NetworkTypeUDP4})
	if w.pc, err = pion.NewAPI(pion.WithSettingEngine(engine)).NewPeerConnection(pion.Configuration{}); err != nil {
		return err
	}
	if w.track, err = pion.NewTrackLocalStaticRTP(pion.RTPCodecCapability{MimeType: pion.MimeTypeH264}, "video", "test"); err != nil {
		return err
	}
	sending, err := w.pc.AddTrack(w.track)
	if err != nil {
		return err
	}
	go func() { // reports, which nobody wants
		for b := make([]byte, 1500); ; {
			if _, _, err := sending.Read(b); err != nil {
				return
			}
		}
	}()
	w.muxer, err = rtp.NewMuxer(markedTrack(), rtp.MuxerOptions{PayloadType: 96, MaxPayload: 1100})
	return err
}

// connect makes the offer and waits until media can flow.
func (w *whip) connect(ctx context.Context, rawURL string) error {
	connected := make(chan struct{})
	var connecting, closing sync.Once
	w.pc.OnConnectionStateChange(func(state pion.PeerConnectionState) {
		switch state {
		case pion.PeerConnectionStateConnected:
			connecting.Do(func() { close(connected) })
		case pion.PeerConnectionStateClosed, pion.PeerConnectionStateFailed:
			closing.Do(func() { close(w.closed) })
		}
	})
	offer, err := w.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := pion.GatheringCompletePromise(w.pc)
	if err := w.pc.SetLocalDescription(offer); err != nil {
		return err
	}
	<-gathered
	answer, err := w.post(ctx, rawURL, w.pc.LocalDescription().SDP)
	if err != nil {
		return err
	}
	if err := w.pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: answer}); err != nil {
		return err
	}
	select {
	case <-connected:
		return nil
	case <-w.closed:
		return io.ErrUnexpectedEOF
	case <-ctx.Done():
		return ctx.Err()
	}
}

// post sends the offer and returns the answer.
func (w *whip) post(ctx context.Context, rawURL, offer string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, rawURL, bytes.NewReader([]byte(offer)))
	if err != nil {
		return "", err
	}
	if user := request.URL.User; user != nil {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	request.Header.Set("Content-Type", "application/sdp")
	response, body, err := roundTrip(request)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusCreated {
		return "", &httpflv.StatusError{Status: response.StatusCode, Code: errorCode(body)}
	}
	w.resource, err = response.Location()
	return body, err
}

func (w *whip) send(f *av.Frame) error {
	packets, err := w.muxer.Mux(f)
	for _, packet := range packets {
		if err == nil {
			err = w.track.WriteRTP(packet)
		}
	}
	return err
}

// hangUp ends the session and the connection.
func (w *whip) hangUp() {
	w.once.Do(func() {
		if w.resource != nil {
			if request, err := http.NewRequest(http.MethodDelete, w.resource.String(), http.NoBody); err == nil {
				_, _, _ = roundTrip(request) // the server may have ended it already
			}
		}
		if w.pc != nil {
			_ = w.pc.GracefulClose()
		}
		if w.release != nil {
			w.release()
		}
	})
}
