package webrtc

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	pion "github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
	"github.com/weirmedia/weir/remux/rtp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// waitLong bounds waits that end soon unless something is broken.
const waitLong = 20 * time.Second

// opus is a track that browsers can be sent.
var opus = &av.Track{ID: 1, Kind: av.Audio, Codec: av.Opus, SampleRate: 48000, Channels: 2, Config: []byte("OpusHead\x01\x02\x00\x00\x80\xbb\x00\x00\x00\x00\x00")}

// newRig starts a server on the loopback.
func newRig(t *testing.T, change func(*Config)) *httplivetest.Rig {
	t.Helper()
	c := New().(*Config)
	c.Listen = "127.0.0.1:0"
	if change != nil {
		change(c)
	}
	return httplivetest.New(t, c, httplivetest.Options{})
}

// peer is a client.
type peer struct {
	*pion.PeerConnection
	t         *testing.T
	connected chan struct{}
	resource  string // URL
	etag      string
}

func newPeer(t *testing.T, options ...func(*pion.API)) *peer {
	t.Helper()
	var settings pion.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	options = append([]func(*pion.API){pion.WithSettingEngine(settings)}, options...)
	pc, err := pion.NewAPI(options...).NewPeerConnection(pion.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{PeerConnection: pc, t: t, connected: make(chan struct{})}
	pc.OnConnectionStateChange(func(s pion.PeerConnectionState) {
		if s == pion.PeerConnectionStateConnected {
			close(p.connected)
		}
	})
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return p
}

// offer returns an offer with all candidates.
func (p *peer) offer() string {
	p.t.Helper()
	o, err := p.CreateOffer(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	gathered := pion.GatheringCompletePromise(p.PeerConnection)
	if err := p.SetLocalDescription(o); err != nil {
		p.t.Fatal(err)
	}
	<-gathered
	return p.LocalDescription().SDP
}

// post opens a session at url.
func (p *peer) post(url string) {
	p.t.Helper()
	response, body := request(p.t, http.MethodPost, url, typeSDP, p.offer())
	if response.StatusCode != http.StatusCreated {
		p.t.Fatalf("%s %s", response.Status, body)
	}
	location, err := response.Location()
	if err != nil {
		p.t.Fatal(err)
	}
	p.resource, p.etag = location.String(), response.Header.Get("ETag")
	if err := p.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: body}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) wait() {
	p.t.Helper()
	select {
	case <-p.connected:
	case <-time.After(waitLong):
		p.t.Fatal("no connection")
	}
}

// request makes a request with headers of the form "Name: value".
func request(t *testing.T, method, url, contentType, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: waitLong}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

// addTrack makes p send a track, and returns what writes its packets.
func (p *peer) addTrack(mime string) *pion.TrackLocalStaticRTP {
	p.t.Helper()
	kind, _, _ := strings.Cut(mime, "/")
	track, err := pion.NewTrackLocalStaticRTP(pion.RTPCodecCapability{MimeType: mime}, kind, "test")
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.AddTrack(track); err != nil {
		p.t.Fatal(err)
	}
	return track
}

// picture returns a frame of a track, as they are published.
func picture(n int, key bool) *av.Frame {
	at := int64(n) * int64(40*time.Millisecond)
	f := &av.Frame{Track: httplivetest.Video, Key: key, DTS: at, PTS: at, Arrival: av.Now()}
	kind := byte(0x41)
	if key {
		kind = 0x65
	}
	nal := append([]byte{kind}, bytes.Repeat([]byte{byte(n + 1)}, 3000)...) // three packets
	f.Payload = append([]byte{0, 0, byte(len(nal) >> 8), byte(len(nal))}, nal...)
	return f
}

// What a client publishes by WHIP comes out of the bus as it was.
func TestPublish(t *testing.T) {
	r := newRig(t, nil)
	p := newPeer(t)
	video, audio := p.addTrack(pion.MimeTypeH264), p.addTrack(pion.MimeTypeOpus)
	p.post(r.Plain + "/live/test/whip")
	p.wait()
	stream := r.Host.Bus.Stream("live/test")
	if stream == nil {
		t.Fatal("there is no stream")
	}
	sub := stream.Plain().Subscribe(time.Minute)
	defer sub.Close()
	muxers := map[*pion.TrackLocalStaticRTP]*rtp.Muxer{}
	for to, track := range map[*pion.TrackLocalStaticRTP]*av.Track{video: httplivetest.Video, audio: opus} {
		m, err := rtp.NewMuxer(track, rtp.MuxerOptions{PayloadType: 96, MaxPayload: 1100})
		if err != nil {
			t.Fatal(err)
		}
		muxers[to] = m
	}
	send := func(to *pion.TrackLocalStaticRTP, f *av.Frame) {
		packets, err := muxers[to].Mux(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, packet := range packets {
			if err := to.WriteRTP(packet); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The server may be ready a little later than the client: what comes before is
	// lost.
	began := make(chan *av.Frame, 1)
	go func() {
		for {
			item, err := sub.Next(t.Context())
			if err != nil || item.Frame != nil {
				began <- item.Frame
				return
			}
		}
	}()
	for n := 0; ; n++ {
		send(video, picture(n, true))
		select {
		case <-began:
		case <-time.After(50 * time.Millisecond):
			continue
		}
		break
	}
	want := map[av.Kind][][]byte{}
	for n := range 10 {
		f := picture(n+100, n == 0)
		send(video, f)
		want[av.Video] = append(want[av.Video], f.Payload)
		sound := &av.Frame{Track: opus, DTS: f.DTS, PTS: f.PTS, Payload: []byte{0xFC, byte(n)}}
		send(audio, sound)
		want[av.Audio] = append(want[av.Audio], sound.Payload)
	}
	got := map[av.Kind][][]byte{}
	for len(got[av.Video]) < 10 || len(got[av.Audio]) < 10 {
		item, err := sub.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f := item.Frame
		if f != nil && (f.Track.Kind == av.Audio || f.Payload[len(f.Payload)-1] > 100) { // not of those above
			got[f.Track.Kind] = append(got[f.Track.Kind], f.Payload)
		}
	}
	for kind := range want {
		for i := range want[kind] {
			if !bytes.HasSuffix(got[kind][i], want[kind][i]) { // before a key frame there are its parameter sets
				t.Errorf("%s frame %d: %d bytes, want %d", kind, i, len(got[kind][i]), len(want[kind][i]))
			}
		}
	}
	if response, body := request(t, http.MethodDelete, p.resource, "", ""); response.StatusCode != http.StatusOK {
		t.Errorf("DELETE: %s %s", response.Status, body)
	}
	if response, _ := request(t, http.MethodDelete, p.resource, "", ""); response.StatusCode != http.StatusNotFound {
		t.Errorf("the second DELETE: %s", response.Status)
	}
}

// What is published comes out by WHEP as it was: from the key frame on, with times
// that increase.
func TestPlay(t *testing.T) {
	r := newRig(t, nil)
	r.Publish(httplivetest.Video, opus)
	write := func(f *av.Frame) {
		if err := r.Pub.Write(f); err != nil {
			t.Error(err)
		}
	}
	for n := range 20 {
		write(picture(n+2, n == 0))
	}
	p := newPeer(t)
	type received struct {
		payload []byte
		time    uint32
	}
	frames := make(chan received, 1000)
	p.OnTrack(func(track *pion.TrackRemote, _ *pion.RTPReceiver) {
		if track.Kind() != pion.RTPCodecTypeVideo {
			return
		}
		c := &codec{Codec: av.H264, params: pion.RTPCodecParameters{PayloadType: track.PayloadType()}}
		d, err := rtp.NewDemuxer(0, c.format())
		if err != nil {
			t.Error(err)
			return
		}
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			out, why := d.Demux(packet)
			if why != "" {
				t.Error(why)
			}
			for _, f := range out {
				frames <- received{f.Payload, packet.Timestamp}
			}
		}
	})
	for _, kind := range []pion.RTPCodecType{pion.RTPCodecTypeVideo, pion.RTPCodecTypeAudio} {
		if _, err := p.AddTransceiverFromKind(kind, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	p.post(r.Plain + "/live/test/whep")
	p.wait()
	go func() {
		for n := range 20 {
			time.Sleep(10 * time.Millisecond)
			write(picture(n+22, false))
		}
	}()
	var last uint32
	for n := range 40 {
		select {
		case f := <-frames:
			if want := picture(n+2, n == 0).Payload; !bytes.HasSuffix(f.payload, want) {
				t.Fatalf("frame %d: %d bytes that end in %d, want %d", n, len(f.payload), f.payload[len(f.payload)-1], want[len(want)-1])
			}
			if n > 0 && int32(f.time-last) <= 0 {
				t.Errorf("frame %d has the time %d after %d", n, f.time, last)
			}
			last = f.time
		case <-time.After(waitLong):
			t.Fatalf("%d frames came", n)
		}
	}
}
