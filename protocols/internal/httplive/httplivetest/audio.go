package httplivetest

import (
	"slices"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/websocket"
)

var (
	phone = &av.Track{ID: 1, Kind: av.Audio, Codec: av.G711U, SampleRate: 8000, Channels: 1}
	dolby = &av.Track{ID: 1, Kind: av.Audio, Codec: av.AC3, SampleRate: 48000, Channels: 2}
)

// testAudio: viewers get the sound that they choose, and are told what of it cannot
// be had.
func testAudio(t *testing.T, c Case) {
	r := New(t, c.New(), Options{})
	r.Publish(Video, phone)
	response := r.Get(r.Plain+c.path("?audio=opus"), false)
	next := c.Kinds(t, response.Body)
	expect(t, next, "v")
	for range 5 {
		r.Frame(phone, false)
	}
	expect(t, next, "aaa")
	if l := r.Host.Sessions.List(); len(l) != 1 || len(l[0].LeftOut) > 0 {
		t.Errorf("sessions %+v", l)
	}
	_ = response.Body.Close()
}

func testAudioMissing(t *testing.T, c Case) {
	r := New(t, c.New(), Options{})
	r.Publish(Video, dolby)
	response := r.Get(r.Plain+c.path("?audio=opus"), false)
	expect(t, c.Kinds(t, response.Body), "v")
	why := av.Omit(dolby, "AC-3 audio cannot be decoded")
	r.Eventually("the session says what is left out", func() bool { // it may be sent a picture before
		l := r.Host.Sessions.List()
		return len(l) == 1 && slices.Equal(l[0].LeftOut, []av.Omission{why})
	})
	s, answer := r.Dial(c.path("?audio=opus&video=0"), "")
	if s == nil {
		t.Fatal(answer.Status)
	}
	r.Frame(Video, true) // with which the log learns what the layout has
	s.ExpectClose(t, websocket.StatusPolicy, reason.Unsupported)
	_ = response.Body.Close()
}
