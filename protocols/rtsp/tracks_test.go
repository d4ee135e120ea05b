package rtsp_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/session"
)

// logLines keeps the lines of a log.
type logLines struct {
	mu   sync.Mutex
	list []string
}

func (l *logLines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, string(line))
	return len(line), nil
}

// has reports whether there is a line with all of the texts.
func (l *logLines) has(texts ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.list {
		found := 0
		for _, text := range texts {
			if strings.Contains(line, text) {
				found++
			}
		}
		if found == len(texts) {
			return true
		}
	}
	return false
}

// A track that cannot be used is left out; the others are published.
func TestRecordUnknownBesideKnown(t *testing.T) {
	r := newRig(t, auth.Config{})
	d, _, _ := describe(t, footage(t, "bframes.flv"))
	d.Medias = append(d.Medias, &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{&format.MJPEG{}}})
	tcp := gortsplib.TransportTCP
	c := &gortsplib.Client{Transport: &tcp}
	if err := c.StartRecording(r.url("live/test"), d); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if l := r.host.Bus.Stream("live/test").Layout(); len(l.Tracks) != 2 || !l.Ready {
		t.Errorf("layout %+v", l)
	}
	if lacks := r.host.Sessions.Lacks()["live/test"]; len(lacks) != 1 || lacks[0].Action != session.Publish ||
		lacks[0].Kind != av.Video || lacks[0].Codec != "M-JPEG" || lacks[0].Why == "" {
		t.Errorf("left out: %+v", lacks)
	}
}

// A track that RTP cannot carry is left out; the others are played.
func TestPlayUnknownBesideKnown(t *testing.T) {
	r := newRig(t, auth.Config{})
	frames := footage(t, "bframes.flv")
	p := r.feed("live/test", frames)
	if err := p.SetTrack(&av.Track{ID: 3, Kind: av.Audio, Codec: av.FLAC, SampleRate: 48000, Channels: 2}); err != nil {
		t.Fatal(err)
	}
	r.write(p, frames)
	r.play("live/test", gortsplib.TransportTCP)
	if list := r.host.Sessions.List(); len(list) != 1 || len(list[0].LeftOut) != 1 || list[0].LeftOut[0].Codec != "FLAC" {
		t.Errorf("sessions: %+v", list)
	}
}

// Players play on when a publisher returns with the same tracks, and are closed
// when it has others.
func TestReturn(t *testing.T) {
	r := newRig(t, auth.Config{})
	frames := footage(t, "bframes.flv")
	first := r.feed("live/test", frames)
	p := r.play("live/test", gortsplib.TransportTCP)
	r.eventually("media flows", func() bool { return len(p.frames) > 0 })
	first.Close()
	second := r.feed("live/test", frames)
	r.eventually("the same again", func() bool { return len(p.frames) > len(frames) })
	second.Close()
	r.feed("live/test", footage(t, "opus.flv"))
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatal("the player was not closed")
	}
	r.eventually("it is told why", func() bool { return r.log.has("reason=unsupported", `error="AAC track 1 changed`) })
}
