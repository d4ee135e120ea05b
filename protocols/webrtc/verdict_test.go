package webrtc

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/codec/h264"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
)

func TestJudge(t *testing.T) {
	video := bus.TrackInfo{Track: &av.Track{Kind: av.Video, Codec: av.H264}, FrameRate: 30}
	bFrames, pyramid := video, video
	bFrames.LateRate = 12
	pyramid.LateRate, pyramid.NeededRate = 12, 4
	vp8 := bus.TrackInfo{Track: &av.Track{Kind: av.Video, Codec: av.VP8}, FrameRate: 25}
	sound := bus.TrackInfo{Track: opus, FrameRate: 50}
	aac := bus.TrackInfo{Track: httplivetest.Audio}
	mp3 := bus.TrackInfo{Track: &av.Track{Kind: av.Audio, Codec: av.MP3}}
	for _, c := range []struct {
		name          string
		tracks        []bus.TrackInfo
		rate, without float64
		leftOut       string
		err           error // nil, errors.ErrUnsupported for any
	}{
		{"pictures and sound", []bus.TrackInfo{video, sound}, 30, 0, "", nil},
		{"another codec", []bus.TrackInfo{vp8, aac}, 25, 0, "", nil},
		{"B-frames", []bus.TrackInfo{sound, bFrames}, 18, 12, "", nil},
		{"B-frames that are needed", []bus.TrackInfo{pyramid, sound}, 0, 0, "", h264.ErrReordered},
		{"and in the second track", []bus.TrackInfo{video, pyramid}, 0, 0, "", h264.ErrReordered},
		{"sound that cannot be transcoded", []bus.TrackInfo{video, mp3}, 30, 0, "MP3", nil},
		{"nothing that can be sent", []bus.TrackInfo{mp3}, 0, 0, "MP3", errors.ErrUnsupported},
		{"nothing", nil, 0, 0, "", errors.ErrUnsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := Judge(bus.Info{Tracks: c.tracks})
			var leftOut []string
			for _, o := range v.LeftOut {
				leftOut = append(leftOut, o.Codec)
			}
			if v.FrameRate != c.rate || v.Without != c.without || strings.Join(leftOut, " ") != c.leftOut {
				t.Errorf("%+v", v)
			}
			if (v.Err == nil) != (c.err == nil) || c.err != nil && reason.Of(v.Err, "") != reason.Unsupported ||
				errors.Is(c.err, h264.ErrReordered) && !errors.Is(v.Err, c.err) {
				t.Errorf("%v", v.Err)
			}
		})
	}
}

// A player of a stream that cannot be played, or not as a whole, is told when it
// asks.
func TestRefusesReordered(t *testing.T) {
	const refers, alone = 0x41, 0x01
	for _, c := range []struct {
		name   string
		late   byte // header of the B-frame
		query  string
		status int
		says   string
	}{
		{"others refer to B-frames", refers, "", http.StatusUnsupportedMediaType, "b-pyramid"},
		{"no others", alone, "", http.StatusCreated, "v=0"},
		{"all pictures or none", alone, "?whole=1", http.StatusUnsupportedMediaType, "bframes=0"},
		{"no sense", alone, "?whole=maybe", http.StatusBadRequest, "whole: must be 0 or 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.Publish(httplivetest.Video)
			for n := 2; n < 8; n += 2 {
				early, late := picture(n+1, false), picture(n+1, false)
				late.PTS -= int64(40 * time.Millisecond)
				late.Payload[4] = c.late
				for _, f := range []*av.Frame{early, late} {
					if err := r.Pub.Write(f); err != nil {
						t.Fatal(err)
					}
				}
			}
			p := newPeer(t)
			if _, err := p.AddTransceiverFromKind(pion.RTPCodecTypeVideo, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionRecvonly}); err != nil {
				t.Fatal(err)
			}
			response, body := request(t, http.MethodPost, r.Plain+"/live/test/whep"+c.query, typeSDP, p.offer())
			if response.StatusCode != c.status || !strings.Contains(body, c.says) {
				t.Errorf("%s %s", response.Status, body)
			}
		})
	}
}
