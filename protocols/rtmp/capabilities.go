package rtmp

import (
	"github.com/weirmedia/weir/pkg/amf0"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/protocols/rtmp/message"
	"github.com/weirmedia/weir/remux/flv"
)

// The bits of capsEx, by which both sides say what of Enhanced RTMP they know
// besides codecs (version 2, "Enhancing NetConnection connect Command").
const (
	capsReconnect  = 1
	capsMultitrack = 2
	capsModEx      = 4
	capsNanoOffset = 8
)

// canForward in a FourCcInfoMap says that the codec is passed on, neither
// decoded nor encoded.
const canForward = 4

// capabilities is what the answer to connect says of Enhanced RTMP.
func capabilities() amf0.Object {
	var list amf0.StrictArray
	infos := make([]amf0.Object, av.Kinds)
	for _, kind := range []av.Kind{av.Video, av.Audio} {
		for _, code := range flv.FourCCs(kind) {
			if kind == av.Video {
				list = append(list, code.String())
			}
			infos[kind] = append(infos[kind], amf0.Property{Name: code.String(), Value: float64(canForward)})
		}
	}
	return amf0.Object{
		{Name: "fourCcList", Value: list}, // of version 1, video only
		{Name: "videoFourCcInfoMap", Value: infos[av.Video]},
		{Name: "audioFourCcInfoMap", Value: infos[av.Audio]},
		{Name: "capsEx", Value: float64(capsReconnect | capsMultitrack | capsModEx | capsNanoOffset)},
	}
}

// has reports whether the client announced a capability. Of codecs what it
// announces is not looked at: players that say nothing can play them as well,
// and one that says too little would get no picture.
func has(info *message.Connect, capability int) bool {
	return info != nil && int(info.More.Number("capsEx"))&capability != 0
}
