package bus

import (
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

// A publisher that can is asked for a key frame, not too often, and by viewers who
// join only if the newest is old.
func TestAskKeyFrame(t *testing.T) {
	b := New(DefaultLimits())
	defer b.Close(reason.Shutdown)
	asked := 0
	p, err := b.Publish("live/test", Claim{Kill: func(reason.Reason) {}, Refresh: func() { asked++ }})
	if err != nil {
		t.Fatal(err)
	}
	track := &av.Track{Kind: av.Video, Codec: av.VP8}
	if err := p.SetTrack(track); err != nil {
		t.Fatal(err)
	}
	write := func(at time.Duration, key bool) {
		t.Helper()
		if err := p.Write(&av.Frame{Track: track, DTS: int64(at), PTS: int64(at), Key: key, Arrival: av.Now(), Payload: []byte{1}}); err != nil {
			t.Fatal(err)
		}
	}
	s := p.Stream()
	forget := func() { p.refreshed = 0 }

	s.Plain().Welcome()
	if asked != 1 {
		t.Errorf("asked %d times without a frame, want once", asked)
	}
	if !s.AskKeyFrame() || asked != 1 {
		t.Errorf("asked %d times at once, want once", asked)
	}
	forget()
	write(time.Second, true)
	write(2*time.Second, false)
	s.Plain().Welcome()
	if asked != 1 {
		t.Error("asked although the newest key frame is young")
	}
	write(time.Second+time.Duration(freshStart)+time.Millisecond, false)
	s.Plain().Subscribe(time.Second).Close()
	if asked != 2 {
		t.Error("not asked although the newest key frame is old")
	}
}

func TestAskKeyFrameOfWhoCannotBeAsked(t *testing.T) {
	b := New(DefaultLimits())
	defer b.Close(reason.Shutdown)
	p, err := b.Publish("live/test", Claim{Kill: func(reason.Reason) {}})
	if err != nil {
		t.Fatal(err)
	}
	if s := p.Stream(); s.AskKeyFrame() {
		t.Error("an encoder that nobody can ask was asked")
	}
	p.Close()
	if p.Stream().AskKeyFrame() {
		t.Error("a publisher that left was asked")
	}
}
