//go:build !noaac

package hls

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/bus"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/transcode"
	"github.com/weirmedia/weir/protocols/hls/segment"
)

// Viewers get the sound that they choose, in playlists and segments of their own,
// which are gone when nobody asks for them; without a choice, what segments cannot
// carry is made AAC. What cannot be had is told.
func TestAudio(t *testing.T) {
	choices := []struct {
		choice                 transcode.Choice
		query, codecs, address string
		missing                int
	}{
		{transcode.Unchosen, "", `CODECS="avc1.42c00a,mp4a.40.2"`, "", 0},
		{transcode.Copy, "?audio=copy", `CODECS="avc1.42c00a"`, "audio=copy", 1},
		{transcode.AsOpus, "?audio=opus", `CODECS="avc1.42c00a,opus"`, "audio=opus", 0},
	}
	for _, sessions := range []Sessions{SessionsOn, SessionsOff} {
		t.Run(string(sessions), func(t *testing.T) {
			c := defaults()
			c.Sessions = sessions
			r := newRig(t, options{config: c})
			s := r.publish(25, phone()...)
			muxers := map[transcode.Choice]*muxer{}
			for _, c := range choices {
				m, release := r.choose(s, c.choice)
				defer release()
				muxers[c.choice] = m
			}
			s.play(150)
			for _, c := range choices {
				m := muxers[c.choice]
				index := r.get("/live/test/index.m3u8"+c.query, http.StatusOK)
				if !strings.Contains(index.body, c.codecs+",") || strings.Contains(index.body, "audio=") != (c.address != "") ||
					!strings.Contains(index.body, c.address) {
					t.Errorf("%q: %s", c.query, index.body)
				}
				if l := r.playlist("/live/test/" + mediaLine.FindString(index.body)); !strings.HasPrefix(l.Segments[0].URI, m.epoch) {
					t.Errorf("%q: segments of another muxer: %s", c.query, l.Segments[0].URI)
				}
				if n := len(m.leftOut.Tracks()); n != c.missing {
					t.Errorf("%q: %d tracks are left out, want %d", c.query, n, c.missing)
				}
			}
			r.get("/live/test/index.m3u8?audio=flac", http.StatusBadRequest)
			r.get("/live/test/~hls/fmp4.m3u8?session=a&audio=flac", http.StatusBadRequest)
		})
	}
}

// phone is a picture and a sound that segments cannot carry.
func phone() []*av.Track {
	return []*av.Track{
		{ID: 0, Kind: av.Video, Codec: av.H264, Config: h264Config, Width: 64, Height: 36},
		{ID: 1, Kind: av.Audio, Codec: av.G711U, SampleRate: 8000, Channels: 1},
	}
}

// choose has what s publishes cut, with that sound, from its next picture on.
func (r *rig) choose(s *source, c transcode.Choice) (*muxer, func()) {
	r.t.Helper()
	m, release, err := r.service.acquire(r.host.Bus.Stream("live/test"), rendition{segment.FMP4, c})
	if err != nil {
		r.t.Fatal(err)
	}
	s.begin(m)
	return m, release
}

// The muxer of a choice is gone when nobody asks for it.
func TestAudioGone(t *testing.T) {
	r := newRig(t, options{})
	s := r.publish(25, phone()...)
	m, release := r.choose(s, transcode.AsOpus)
	s.play(150)
	r.open("?audio=opus")
	release()
	if r.service.muxer("live/test", m.epoch) == nil {
		t.Fatal("the viewer has no muxer")
	}
	r.host.Sessions.KillAll(reason.Kicked)
	eventually(t, "the muxer is gone", func() bool { return r.service.muxer("live/test", m.epoch) == nil })
}

// Segments that are made always are begun before the stream has told what its sound
// is, and are those of viewers who choose nothing.
func TestAudioAlways(t *testing.T) {
	c := defaults()
	c.Mode = Always
	r := newRig(t, options{config: c})
	pub, err := r.host.Bus.Publish("live/test", bus.Claim{Owner: "me", Kill: func(reason.Reason) {}})
	if err != nil {
		t.Fatal(err)
	}
	made := func() (list []*muxer) {
		r.service.mu.Lock()
		defer r.service.mu.Unlock()
		return slices.Collect(maps.Values(r.service.muxers))
	}
	eventually(t, "there is a muxer", func() bool { return len(made()) == 1 })
	s := &source{t: t, pub: pub, tracks: phone(), gop: 25}
	if err := pub.Hint([av.Kinds]bool{av.Video: true, av.Audio: true}); err != nil {
		t.Fatal(err)
	}
	for _, track := range s.tracks {
		if err := pub.SetTrack(track); err != nil {
			t.Fatal(err)
		}
	}
	s.begin(made()[0])
	s.play(150)
	if index := r.get("/live/test/index.m3u8", http.StatusOK); !strings.Contains(index.body, `CODECS="avc1.42c00a,mp4a.40.2"`) {
		t.Error(index.body)
	}
	if n := len(made()); n != 1 {
		t.Errorf("%d muxers: viewers have one of their own", n)
	}
}

// A publisher who returns with sound that must be transcoded is heard too.
func TestAudioLater(t *testing.T) {
	r := newRig(t, options{})
	s := r.publish(25, phone()[0])
	r.warm(s, segment.FMP4)
	s.play(150)
	if index := r.get("/live/test/index.m3u8", http.StatusOK); !strings.Contains(index.body, `CODECS="avc1.42c00a",`) {
		t.Fatal(index.body)
	}
	s.pub.Close()
	s = r.publish(25, phone()...)
	eventually(t, "the sound is there", func() bool {
		s.play(2) // no faster than it is transcoded
		return strings.Contains(r.get("/live/test/index.m3u8", http.StatusOK).body, `CODECS="avc1.42c00a,mp4a.40.2"`)
	})
}
