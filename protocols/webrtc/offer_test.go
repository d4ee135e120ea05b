package webrtc

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/config"
)

// A track of H.264 is sent as the payload type of its profile, and as the first
// that can be used if the client names no such profile.
func TestCarrying(t *testing.T) {
	b := &strings.Builder{}
	b.WriteString("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 100 101\r\na=recvonly\r\na=rtpmap:96 VP8/90000\r\n")
	for i, line := range []string{
		"packetization-mode=0;profile-level-id=64001f", "packetization-mode=1;profile-level-id=42001f",
		"packetization-mode=1;profile-level-id=42e01f", "packetization-mode=1;profile-level-id=64001f", "packetization-mode=1;profile-level-id=rubbish",
	} {
		fmt.Fprintf(b, "a=rtpmap:%d H264/90000\r\na=fmtp:%d %s\r\n", 97+i, 97+i, line)
	}
	o, err := parseOffer(b.String())
	if err != nil {
		t.Fatal(err)
	}
	for config, want := range map[string]int{
		"0142001f": 98, "0142c01f": 99, "0142e00a": 99, "01640028": 100, "014d001f": 98, "": 98,
	} {
		bytes, err := hex.DecodeString(config)
		if err != nil {
			t.Fatal(err)
		}
		c := o.medias[0].carrying(&av.Track{Kind: av.Video, Codec: av.H264, Config: bytes})
		if c == nil || int(c.params.PayloadType) != want {
			t.Errorf("configuration %q: %+v, want the payload type %d", config, c, want)
		}
	}
	if c := o.medias[0].carrying(&av.Track{Kind: av.Video, Codec: av.VP9}); c != nil {
		t.Errorf("VP9: %+v", c)
	}
}

// Of the addresses that an offer names only the first are sent anything.
func TestTooManyCandidates(t *testing.T) {
	var sockets [2]net.PacketConn // of the last candidate that is kept, and of the next
	for i := range sockets {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		sockets[i] = conn
	}
	var lines strings.Builder
	for n := range 1000 {
		address := &net.UDPAddr{IP: net.IPv4(127, 1, byte(n>>8), byte(n)), Port: 9}
		if i := n - (maxCandidates - 1); i == 0 || i == 1 {
			address = sockets[i].LocalAddr().(*net.UDPAddr)
		}
		fmt.Fprintf(&lines, "a=candidate:%d 1 udp %d %s %d typ host\r\n", n, 2130706431-n, address.IP, address.Port)
	}
	r := newRig(t, func(c *Config) { c.ConnectTimeout = config.Duration(time.Second) })
	p := newPeer(t)
	p.addTrack(pion.MimeTypeH264)
	offer := regexp.MustCompile(`(?m)^a=candidate:.*\r\n`).ReplaceAllString(p.offer(), "")
	offer = strings.Replace(offer, "a=mid:0\r\n", "a=mid:0\r\n"+lines.String(), 1)
	if response, body := request(t, http.MethodPost, r.Plain+"/live/test/whip", typeSDP, offer); response.StatusCode != http.StatusCreated {
		t.Fatalf("%s %s", response.Status, body)
	}
	r.Eventually("the session has ended", func() bool { return len(r.Host.Sessions.Ended()) == 1 })
	read := func(i int, patience time.Duration) error {
		if err := sockets[i].SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		_, _, err := sockets[i].ReadFrom(make([]byte, receiveMTU))
		return err
	}
	if err := read(0, waitLong); err != nil {
		t.Errorf("the last candidate that is kept: %v", err)
	}
	if err := read(1, 10*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) { // all was sent before
		t.Errorf("the next candidate was sent something, or %v", err)
	}
}
