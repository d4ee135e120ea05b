package webrtc

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
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
