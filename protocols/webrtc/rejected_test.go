package webrtc

import (
	"net/http"
	"strings"
	"testing"

	pion "github.com/pion/webrtc/v4"
)

// Where the first section of an offer is rejected, our candidates stand in the
// first that is not: browsers ignore those of a rejected one.
func TestRejectedSection(t *testing.T) {
	r := newRig(t, nil)
	r.Publish(opus)
	r.Frame(opus, false)
	p := newPeer(t)
	for _, kind := range []pion.RTPCodecType{pion.RTPCodecTypeVideo, pion.RTPCodecTypeAudio} {
		if _, err := p.AddTransceiverFromKind(kind, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	p.post(r.Plain + "/live/test/whep")
	p.wait()
	_, answer, _ := strings.Cut(p.RemoteDescription().SDP, "m=video 0 ")
	video, audio, _ := strings.Cut(answer, "m=audio 9 ")
	if strings.Contains(video, "a=candidate:") || !strings.Contains(audio, "a=candidate:") {
		t.Errorf("the answer has the candidates elsewhere:\n%s", p.RemoteDescription().SDP)
	}
	response, fragment := request(t, http.MethodPatch, p.resource, typeFragment, "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n", "If-Match: *")
	if response.StatusCode != http.StatusOK || !strings.Contains(fragment, "m=audio 9 ") || !strings.Contains(fragment, "a=candidate:") {
		t.Errorf("the restart is answered with %s:\n%s", response.Status, fragment)
	}
}
