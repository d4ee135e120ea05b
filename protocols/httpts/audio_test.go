//go:build !noaac

package httpts

import (
	"errors"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
)

// What MPEG-TS cannot carry viewers get as AAC, unless they want it as it is.
func TestAudioUnchosen(t *testing.T) {
	phone := &av.Track{ID: 1, Kind: av.Audio, Codec: av.G711A, SampleRate: 8000, Channels: 1}
	r := httplivetest.New(t, New(), httplivetest.Options{})
	r.Publish(httplivetest.Video, phone)
	for query, sound := range map[string]bool{"": true, "?audio=copy": false} {
		next := kinds(t, r.Get(r.Plain+"/live/test.ts"+query, false).Body)
		if got := next(); got != av.Video {
			t.Fatalf("%q: begins with %s", query, got)
		}
		for range 10 {
			r.Frame(phone, false)
		}
		r.Frame(httplivetest.Video, true)
		if got := next(); (got == av.Audio) != sound {
			t.Errorf("%q: goes on with %s", query, got)
		}
	}
}

// So do those who come before the stream has told what its sound is.
func TestAudioUnchosenEarly(t *testing.T) {
	phone := &av.Track{ID: 1, Kind: av.Audio, Codec: av.G711A, SampleRate: 8000, Channels: 1}
	r := httplivetest.New(t, New(), httplivetest.Options{})
	came := make(chan struct{}, 1) // a key frame is asked for when somebody waits for one
	claim := bus.Claim{Owner: "me", Kill: func(reason.Reason) {}, Refresh: func() { came <- struct{}{} }}
	var err error
	if r.Pub, err = r.Host.Bus.Publish("live/test", claim); err != nil {
		t.Fatal(err)
	}
	s, answer := r.Dial("/live/test.ts", "")
	if s == nil {
		t.Fatal(answer.Status)
	}
	<-came
	if err := errors.Join(r.Pub.Hint([av.Kinds]bool{av.Video: true, av.Audio: true}),
		r.Pub.SetTrack(httplivetest.Video), r.Pub.SetTrack(phone)); err != nil {
		t.Fatal(err)
	}
	r.Frame(httplivetest.Video, true)
	next := kinds(t, s.Body(t))
	if got := next(); got != av.Video {
		t.Fatalf("begins with %s", got)
	}
	for range 10 {
		r.Frame(phone, false)
	}
	r.Frame(httplivetest.Video, true)
	if got := next(); got != av.Audio {
		t.Errorf("goes on with %s", got)
	}
}
