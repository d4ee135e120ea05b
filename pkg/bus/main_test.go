package bus

import (
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	video = &av.Track{ID: 0, Kind: av.Video, Codec: av.H264, Config: []byte("video")}
	audio = &av.Track{ID: 1, Kind: av.Audio, Codec: av.AAC, Config: []byte("audio")}
)

// ms turns milliseconds into nanoseconds.
func ms(n int64) int64 { return n * int64(time.Millisecond) }

// frame returns a frame of ten bytes that arrives now. dts is in milliseconds.
func frame(track *av.Track, dts int64, key bool) *av.Frame {
	return &av.Frame{Track: track, DTS: ms(dts), PTS: ms(dts), Arrival: av.Now(), Key: key, Payload: make([]byte, 10)}
}

// source is a publisher under test with what it was killed for.
type source struct {
	*Publisher
	t      testing.TB
	killed chan reason.Reason
}

func claim(owner string) (Claim, chan reason.Reason) {
	killed := make(chan reason.Reason, 4)
	return Claim{Owner: owner, Session: owner + "'s session", Kill: func(why reason.Reason) { killed <- why }}, killed
}

// publish makes owner the publisher of live/test, with tracks.
func publish(t testing.TB, b *Bus, owner string, tracks ...*av.Track) *source {
	t.Helper()
	c, killed := claim(owner)
	p, err := b.Publish("live/test", c)
	if err != nil {
		t.Fatal(err)
	}
	s := &source{p, t, killed}
	for _, track := range tracks {
		s.track(track)
	}
	return s
}

func (s *source) track(track *av.Track) {
	s.t.Helper()
	if err := s.SetTrack(track); err != nil {
		s.t.Fatal(err)
	}
}

func (s *source) write(frames ...*av.Frame) {
	s.t.Helper()
	for _, f := range frames {
		if err := s.Write(f); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *source) expectKilled(want ...reason.Reason) {
	s.t.Helper()
	for _, w := range want {
		select {
		case why := <-s.killed:
			if why != w {
				s.t.Errorf("killed because of %s, want %s", why, w)
			}
		default:
			s.t.Errorf("not killed, want %s", w)
		}
	}
	select {
	case why := <-s.killed:
		s.t.Errorf("killed because of %s", why)
	default:
	}
}

// expectReason fails unless err carries want.
func expectReason(t testing.TB, err error, want reason.Reason) {
	t.Helper()
	var e *reason.Error
	if !errors.As(err, &e) || e.Reason != want {
		t.Errorf("error %v, want one because of %s", err, want)
	}
}

// expectEnded fails unless v has ended because of want.
func expectEnded(t testing.TB, v *View, want reason.Reason) {
	t.Helper()
	select {
	case <-v.Done():
		if v.End() != want {
			t.Errorf("ended because of %s, want %s", v.End(), want)
		}
	default:
		t.Errorf("still there, want its end because of %s", want)
	}
}
