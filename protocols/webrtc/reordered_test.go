package webrtc

import (
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/codec/h265"
)

// H.265 with B-frames is not sent: alone it is refused, of a stream with sound that
// is sent and the reason told.
func TestH265Reordered(t *testing.T) {
	sps, err := hex.DecodeString("42010101600000030090000003000003001ea0208316595952930bc05a020000030002000003003210")
	if err != nil {
		t.Fatal(err)
	}
	record, err := h265.BuildConfig(nil, [][]byte{sps}, nil)
	if err != nil {
		t.Fatal(err)
	}
	video := &av.Track{Kind: av.Video, Codec: av.H265, Width: 64, Height: 48, Config: record}
	const why = "pictures of H.265 with B-frames cannot be shown in order: set bframes=0"
	offers := func(t *testing.T) *peer {
		t.Helper()
		p := newPeer(t)
		for _, kind := range []pion.RTPCodecType{pion.RTPCodecTypeVideo, pion.RTPCodecTypeAudio} {
			if _, err := p.AddTransceiverFromKind(kind, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
				t.Fatal(err)
			}
		}
		return p
	}
	t.Run("alone", func(t *testing.T) {
		r := newRig(t, nil)
		r.Publish(video)
		r.Frame(video, true)
		response, body := request(t, http.MethodPost, r.Plain+"/live/test/whep", typeSDP, offers(t).offer())
		if response.StatusCode != http.StatusUnsupportedMediaType || !strings.Contains(body, why) {
			t.Errorf("%s %s", response.Status, body)
		}
	})
	t.Run("with sound", func(t *testing.T) {
		r := newRig(t, nil)
		r.Publish(video, opus)
		r.Frame(video, true)
		r.Frame(opus, false)
		p := offers(t)
		p.post(r.Plain + "/live/test/whep")
		p.wait()
		left := r.Host.Sessions.List()[0].LeftOut
		if len(left) != 1 || left[0].Codec != "H265" || left[0].Why != why {
			t.Errorf("left out: %+v", left)
		}
	})
}
