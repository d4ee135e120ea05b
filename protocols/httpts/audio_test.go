//go:build !noaac

package httpts

import (
	"testing"

	"github.com/weirmedia/weir/pkg/av"
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
