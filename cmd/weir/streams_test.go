package main

import (
	"errors"
	"reflect"
	"testing"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/webrtc"
)

func TestDescribeWebRTC(t *testing.T) {
	none := []api.OmissionInfo{}
	for _, c := range []struct {
		name string
		v    webrtc.Verdict
		want api.WebRTCInfo
	}{
		{"whole", webrtc.Verdict{FrameRate: 30}, api.WebRTCInfo{Playable: true, FrameRate: 30, LeftOut: none}},
		{"B-frames", webrtc.Verdict{FrameRate: 18, Without: 12}, api.WebRTCInfo{Playable: true, Why: "some pictures are B-frames, which cannot be sent: set bframes=0", FrameRate: 18, LeftOut: none}},
		{"not", webrtc.Verdict{Err: errors.New("why"), LeftOut: []av.Omission{{Kind: av.Audio, Codec: "MP3", Why: "no MP3"}}},
			api.WebRTCInfo{Why: "why", LeftOut: []api.OmissionInfo{{Kind: "audio", Codec: "MP3", Why: "no MP3"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := describeWebRTC(c.v); !reflect.DeepEqual(*got, c.want) {
				t.Errorf("%+v, want %+v", *got, c.want)
			}
		})
	}
}
