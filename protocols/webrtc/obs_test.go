package webrtc

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
	"github.com/weirmedia/weir/remux/rtp"
)

// obsOffer has the shape of what OBS offers: the ICE session and the fingerprint
// stand once for all, sound comes first, and there are no candidates, neither here
// nor later.
const obsOffer = `v=0
o=rtc 2894726410 0 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=group:LS 0 1
a=msid-semantic:WMS *
a=setup:actpass
a=ice-ufrag:%[1]s
a=ice-pwd:%[2]s
a=ice-options:ice2,trickle
a=fingerprint:sha-256 %[3]s
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:0
a=sendonly
a=ssrc:%[4]s cname:rtc
a=ssrc:%[4]s msid:obs audio
a=msid:obs audio
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:1
a=sendonly
a=ssrc:%[5]s cname:rtc
a=ssrc:%[5]s msid:obs video
a=msid:obs video
a=rtcp-mux
a=rtpmap:96 H264/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtcp-fb:96 goog-remb
a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1
`

// newOBS returns a client with the payload types of OBS.
func newOBS(t *testing.T) *peer {
	t.Helper()
	engine := &pion.MediaEngine{}
	h264 := pion.RTPCodecCapability{MimeType: pion.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: "packetization-mode=1;profile-level-id=42e01f"}
	opus := pion.RTPCodecCapability{MimeType: pion.MimeTypeOpus, ClockRate: 48000, Channels: 2}
	if err := engine.RegisterCodec(pion.RTPCodecParameters{RTPCodecCapability: h264, PayloadType: 96}, pion.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	if err := engine.RegisterCodec(pion.RTPCodecParameters{RTPCodecCapability: opus, PayloadType: 111}, pion.RTPCodecTypeAudio); err != nil {
		t.Fatal(err)
	}
	return newPeer(t, pion.WithMediaEngine(engine))
}

// tokenOnly lets in who presents one token.
type tokenOnly string

var _ auth.Authorizer = tokenOnly("")

// Authorize implements auth.Authorizer.
func (o tokenOnly) Authorize(_ context.Context, r auth.Request) (auth.Grant, error) {
	if r.Credentials.Token != string(o) {
		return auth.Grant{}, reason.Wrap(reason.Unauthorized, &auth.Denied{Why: "another token", Authenticate: true})
	}
	return auth.Grant{User: "obs"}, nil
}

// What OBS does: it offers with a bearer token and adds no candidates, sends H.264
// and Opus, and ends with DELETE.
func TestOBS(t *testing.T) {
	r := newRig(t, nil)
	r.Host.Auth = tokenOnly("secret")
	p := newOBS(t)
	audio, video := p.addTrack(pion.MimeTypeOpus), p.addTrack(pion.MimeTypeH264)
	own := p.offer()
	find := func(pattern string, n int) string {
		t.Helper()
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(own, -1)
		if len(found) <= n {
			t.Fatalf("no %s in\n%s", pattern, own)
		}
		return found[n][1]
	}
	const ssrc = `a=ssrc:(\d+) cname`
	offer := fmt.Sprintf(strings.ReplaceAll(obsOffer, "\n", "\r\n"), find(`a=ice-ufrag:(\S+)`, 0), find(`a=ice-pwd:(\S+)`, 0), find(`a=fingerprint:sha-256 (\S+)`, 0), find(ssrc, 0), find(ssrc, 1))
	url := r.Plain + "/live/test/whip"
	if response, _ := request(t, http.MethodPost, url, typeSDP, offer, "Authorization: Bearer wrong"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("with another token: %s", response.Status)
	}
	response, answer := request(t, http.MethodPost, url, typeSDP, offer, "Authorization: Bearer secret")
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("%s %s", response.Status, answer)
	}
	location, err := response.Location()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	p.wait()

	muxers := make([]*rtp.Muxer, 2)
	for i, track := range []*av.Track{opus, httplivetest.Video} {
		if muxers[i], err = rtp.NewMuxer(track, rtp.MuxerOptions{PayloadType: 96, MaxPayload: 1100}); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	r.Eventually("both tracks are there", func() bool {
		n++
		sound := &av.Frame{Track: opus, DTS: picture(n, true).DTS, PTS: picture(n, true).PTS, Payload: []byte{0xFC, byte(n)}}
		for i, f := range []*av.Frame{sound, picture(n, true)} {
			packets, err := muxers[i].Mux(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, packet := range packets {
				if err := []*pion.TrackLocalStaticRTP{audio, video}[i].WriteRTP(packet); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(10 * time.Millisecond)
		l := r.Host.Bus.Stream("live/test").Layout()
		return l != nil && l.Ready && len(l.Tracks) == 2
	})
	if list := r.Host.Sessions.List(); len(list) != 1 || list[0].User != "obs" {
		t.Errorf("the sessions are %+v", list)
	}
	if response, body := request(t, http.MethodDelete, location.String(), "", ""); response.StatusCode != http.StatusOK {
		t.Errorf("DELETE: %s %s", response.Status, body)
	}
	r.Eventually("the session is over", func() bool { return len(r.Host.Sessions.List()) == 0 })
}
