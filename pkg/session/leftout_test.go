package session_test

import (
	"reflect"
	"strconv"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

func TestLeftOut(t *testing.T) {
	ac3 := av.Omission{Kind: av.Audio, Codec: "AC3", Why: "no number"}
	jpeg := av.Omission{Kind: av.Video, Codec: "M-JPEG", Why: "unknown"}
	var none *session.LeftOut
	if none.Tracks() != nil {
		t.Error("nil leaves something out")
	}
	l := new(session.LeftOut)
	for i, step := range []struct {
		tracks  []av.Omission
		changed bool
	}{{nil, false}, {[]av.Omission{ac3}, true}, {[]av.Omission{ac3}, false}, {[]av.Omission{jpeg}, true}, {nil, true}} {
		if got := l.Set(step.tracks); got != step.changed || !reflect.DeepEqual(l.Tracks(), step.tracks) {
			t.Errorf("step %d: changed %v, %v", i, got, l.Tracks())
		}
	}

	found := new(session.LeftOut)
	if !found.Add(ac3) || found.Add(ac3) || !found.Add(jpeg) || !reflect.DeepEqual(found.Tracks(), []av.Omission{ac3, jpeg}) {
		t.Errorf("found one by one: %v", found.Tracks())
	}
	for i := range 1000 {
		found.Add(av.Omission{Kind: av.Video, Codec: strconv.Itoa(i)})
	}
	if n := len(found.Tracks()); n > 100 {
		t.Errorf("%d tracks are remembered", n)
	}

	r := session.NewRegistry(session.Options{})
	shared, variant, input := new(session.LeftOut), new(session.LeftOut), new(session.LeftOut)
	shared.Set([]av.Omission{ac3})
	variant.Set([]av.Omission{ac3, jpeg})
	input.Set([]av.Omission{jpeg})
	open(t, r, viewer("a"), ignore).Without(shared)
	open(t, r, viewer("a"), ignore).Without(shared)
	open(t, r, viewer("a"), ignore).Without(variant)
	open(t, r, viewer("b"), ignore)
	publisher := open(t, r, session.Info{Protocol: "rtsp", Action: session.Publish, Stream: "a"}, ignore)
	publisher.Without(input)
	want := map[string][]session.Lack{"a": {
		{Protocol: "rtsp", Action: session.Publish, Omission: jpeg},
		{Protocol: "rtmp", Action: session.Play, Omission: jpeg}, {Protocol: "rtmp", Action: session.Play, Omission: ac3},
	}}
	if got := r.Lacks(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if got := r.List(); !reflect.DeepEqual(got[0].LeftOut, []av.Omission{ac3}) || got[3].LeftOut != nil {
		t.Errorf("got %+v", got)
	}
	publisher.Close(reason.Unpublished, nil)
	if got := r.Lacks()["a"]; len(got) != 2 {
		t.Errorf("after the publisher left: %+v", got)
	}
}
