package bus

import (
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// Viewers that take one video track must find its key frame at a start point:
// key frames of further tracks are none.
func TestOnlyTheLeadingVideoTrackStarts(t *testing.T) {
	b := New(afterOpening())
	defer b.Close(reason.Shutdown)
	first := &av.Track{ID: 0, Kind: av.Video, Codec: av.H264, Config: []byte("first")}
	second := &av.Track{ID: 2, Kind: av.Video, Codec: av.H264, Config: []byte("second")}
	p, err := b.Publish("live/test", Claim{Owner: "me", Kill: func(reason.Reason) {}})
	if err != nil {
		t.Fatal(err)
	}
	for _, track := range []*av.Track{second, first} {
		if err := p.SetTrack(track); err != nil {
			t.Fatal(err)
		}
	}
	const second1 = int64(1e9)
	for i, f := range []*av.Frame{
		{Track: second, Key: true}, // before the first key frame of the leading track
		{Track: first, Key: true},
		{Track: second, Key: true},
		{Track: first},
		{Track: first, Key: true, DTS: second1},
		{Track: second, Key: true, DTS: second1},
	} {
		f.Payload, f.Arrival = []byte{byte(i)}, av.Now()
		if err := p.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	v := b.Stream("live/test").Plain()
	entries, _ := v.Read(0, make([]Entry, 10))
	var starts []byte
	for _, e := range entries {
		if e.Start {
			starts = append(starts, e.Payload[0])
		}
	}
	if string(starts) != "\x04" { // the ring keeps the newest group only
		t.Errorf("start points at frames %v, want [4]", starts)
	}
	info := b.Stream("live/test").Info()
	if info.FramesEarly != 1 || info.GOP.Seconds() != 1 {
		t.Errorf("%d early frames, a GOP of %v; want 1 and 1s", info.FramesEarly, info.GOP)
	}
}
