package hls

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/hls/segment"
)

// viewerOf returns the viewer of a playlist's path.
func (r *rig) viewerOf(path string) *viewer {
	r.t.Helper()
	_, id, _ := strings.Cut(path, "session=")
	v := r.service.find(viewerKey{"live/test", id})
	if v == nil {
		r.t.Fatalf("no viewer of %s", path)
	}
	return v
}

func TestSession(t *testing.T) {
	r := newRig(t, options{})
	s := r.publish(50)
	r.warm(s, segment.FMP4)
	s.play(330)
	path := r.open("")
	list := r.host.Sessions.List()
	if len(list) != 1 {
		t.Fatalf("%d sessions", len(list))
	}
	got := list[0]
	if got.Protocol != "hls" || got.Action != session.Play || got.Stream != "live/test" || got.State != session.Active || got.Agent == "" {
		t.Errorf("session %+v", got)
	}
	l := r.get(path, http.StatusOK)
	if strings.Contains(l.body, "session") {
		t.Errorf("the session's id is in\n%s", l.body)
	}
	if n := r.host.Sessions.List()[0].BytesOut; n <= uint64(len(l.body)) {
		t.Errorf("%d bytes are counted", n)
	}

	// One that is quiet for long ends, and is let in again if it comes back.
	v := r.viewerOf(path)
	v.expire()
	if n := len(r.host.Sessions.List()); n != 0 {
		t.Errorf("%d sessions after the end", n)
	}
	r.get(path, http.StatusOK)
	list = r.host.Sessions.List()
	if len(list) != 1 || list[0].ID == got.ID {
		t.Errorf("sessions after the return: %+v", list)
	}
	if totals := r.host.Sessions.Totals().Groups[0]; totals.Closes[reason.ClientClosed] != 1 || totals.Opened != 2 {
		t.Errorf("totals %+v", totals)
	}
	// A request that waits keeps the session.
	number, part := next(r.playlist(path))
	done := make(chan answer, 1)
	go func() {
		a, _ := r.try(http.MethodGet, fmt.Sprintf("%s&_HLS_msn=%d&_HLS_part=%d", path, number, part))
		done <- a
	}()
	r.waiting(1)
	r.viewerOf(path).expire()
	if n := len(r.host.Sessions.List()); n != 1 {
		t.Errorf("%d sessions while a request waits", n)
	}
	s.play(6)
	<-done
}

// What segments leave out is known of each session.
func TestSessionLeftOut(t *testing.T) {
	r := newRig(t, options{})
	s := r.publish(50,
		&av.Track{ID: 0, Kind: av.Video, Codec: av.H264, Config: h264Config, Width: 64, Height: 36},
		&av.Track{ID: 1, Kind: av.Audio, Codec: av.FLAC, SampleRate: 48000, Channels: 2})
	r.warm(s, segment.TS)
	s.play(330)
	r.open("?format=ts")
	if list := r.host.Sessions.List(); len(list) != 1 || len(list[0].LeftOut) != 1 || list[0].LeftOut[0].Codec != av.FLAC.String() {
		t.Errorf("sessions %+v", list)
	}
}

func TestKick(t *testing.T) {
	r := newRig(t, options{})
	s := r.publish(50)
	r.warm(s, segment.FMP4)
	s.play(330)
	path := r.open("")
	l := r.playlist(path)
	number, part := next(l)
	done := make(chan answer, 1)
	go func() {
		a, _ := r.try(http.MethodGet, fmt.Sprintf("%s&_HLS_msn=%d&_HLS_part=%d", path, number, part))
		done <- a
	}()
	r.waiting(1)
	v := r.viewerOf(path)
	r.host.Sessions.Kill(r.host.Sessions.List()[0].ID, reason.Kicked)
	if a := <-done; a.status != http.StatusForbidden || !strings.Contains(a.body, "kicked") {
		t.Errorf("the request that waited: %d %s", a.status, a.body)
	}
	r.get(path, http.StatusForbidden)
	if n := len(r.host.Sessions.List()); n != 0 {
		t.Errorf("%d sessions", n)
	}
	v.expire() // the grudge ends
	r.get(path, http.StatusOK)
}

func TestWithoutSessions(t *testing.T) {
	c := defaults()
	c.Sessions = SessionsOff
	r := newRig(t, options{config: c})
	wanted := new(atomic.Int64)
	r.host.Sessions.Observe(session.Observer{Wanted: func(stream string, by int) {
		if stream == "live/test" {
			wanted.Add(int64(by))
		}
	}})
	s := r.publish(50)
	r.warm(s, segment.FMP4)
	s.play(330)
	a := r.get("/live/test/index.m3u8", http.StatusOK)
	if !strings.HasSuffix(a.body, "\n~hls/fmp4.m3u8\n") || a.header.Get("Cache-Control") != cacheShortly {
		t.Errorf("%s\n%s", a.header.Get("Cache-Control"), a.body)
	}
	path := "/live/test/~hls/fmp4.m3u8"
	if a := r.get(path, http.StatusOK); a.header.Get("Cache-Control") != cacheShortly {
		t.Errorf("Cache-Control %q", a.header.Get("Cache-Control"))
	}
	l := r.playlist(path)
	if a := r.get(fmt.Sprintf("%s?_HLS_msn=%d", path, l.Sequence), http.StatusOK); a.header.Get("Cache-Control") != "max-age=12" {
		t.Errorf("Cache-Control %q", a.header.Get("Cache-Control"))
	}
	if n := len(r.host.Sessions.List()); n != 0 {
		t.Errorf("%d sessions", n)
	}
	if n := wanted.Load(); n != 1 {
		t.Errorf("the stream is wanted by %d", n)
	}
	r.service.find(viewerKey{stream: "live/test"}).close(reason.ClientClosed)
	if n := wanted.Load(); n != 0 {
		t.Errorf("the stream is wanted by %d after they have gone", n)
	}
}

func TestAuthorised(t *testing.T) {
	text, err := auth.HashPassword("secret")
	if err != nil {
		t.Fatal(err)
	}
	hash, err := auth.ParsePasswordHash(text)
	if err != nil {
		t.Fatal(err)
	}
	users := []auth.User{{Name: "eve", Password: hash, Allow: []auth.Rule{{Actions: []auth.Action{auth.Play}, Streams: patterns(t, "live/*")}}}}
	for _, sessions := range []Sessions{SessionsOn, SessionsOff} {
		t.Run(string(sessions), func(t *testing.T) {
			c := defaults()
			c.Sessions = sessions
			r := newRig(t, options{config: c, users: users})
			s := r.publish(50)
			r.warm(s, segment.FMP4)
			s.play(330)
			if a := r.get("/live/test/index.m3u8", http.StatusUnauthorized); a.header.Get("WWW-Authenticate") == "" {
				t.Error("nobody is asked for a password")
			}
			r.get("/live/test/index.m3u8?user=eve&pass=wrong", http.StatusUnauthorized)
			path := r.open("?user=eve&pass=secret")
			l := r.playlist(path)
			r.get("/live/test/~hls/"+l.Segments[0].URI, http.StatusOK)
			if got := strings.Contains(path, "secret"); got != (sessions == SessionsOff) {
				t.Errorf("the playlist is at %s", path)
			}
			if sessions == SessionsOff {
				r.get("/live/test/~hls/fmp4.m3u8", http.StatusUnauthorized)
				return
			}
			r.get("/live/test/~hls/fmp4.m3u8?session=guessed", http.StatusUnauthorized)
			if users := r.host.Sessions.List(); len(users) != 1 || users[0].User != "eve" {
				t.Errorf("sessions %+v", users)
			}
		})
	}
}

// TestShutdown: the end of the server ends the sessions at once, and requests
// that wait.
func TestShutdown(t *testing.T) {
	r := newRig(t, options{})
	s := r.publish(50)
	r.warm(s, segment.FMP4)
	s.play(330)
	path := r.open("")
	number, part := next(r.playlist(path))
	done := make(chan answer, 1)
	go func() {
		a, _ := r.try(http.MethodGet, fmt.Sprintf("%s&_HLS_msn=%d&_HLS_part=%d", path, number, part))
		done <- a
	}()
	r.waiting(1)
	r.host.Sessions.KillAll(reason.Shutdown)
	select {
	case a := <-done:
		if a.status != http.StatusServiceUnavailable {
			t.Errorf("%d %s", a.status, a.body)
		}
	case <-time.After(10 * time.Second):
		t.Error("the request still waits")
	}
}

// TestNoEndAtShutdown: a stream that is cut off by the end of the server has not
// ended; a player that knew it as ended would not come back after a restart.
func TestNoEndAtShutdown(t *testing.T) {
	c := defaults()
	c.Sessions = SessionsOff
	r := newRig(t, options{config: c})
	s := r.publish(50)
	r.warm(s, segment.FMP4)
	s.play(330)
	path := r.open("")
	number, part := next(r.playlist(path))
	done := make(chan answer, 1)
	go func() {
		a, _ := r.try(http.MethodGet, fmt.Sprintf("%s?_HLS_msn=%d&_HLS_part=%d", path, number, part))
		done <- a
	}()
	r.waiting(1)
	r.host.Bus.Close(reason.Shutdown)
	if a := <-done; a.status != http.StatusServiceUnavailable || strings.Contains(a.body, "ENDLIST") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestReopened: a request that comes while its quiet session is about to go
// begins another.
func TestReopened(t *testing.T) {
	r := newRig(t, options{})
	s := r.publish(50)
	r.warm(s, segment.FMP4)
	s.play(330)
	path := r.open("")
	_, id, _ := strings.Cut(path, "session=")
	v := r.service.find(viewerKey{"live/test", id})
	v.close(reason.ClientClosed)
	r.service.list(v) // as it is in the moment before
	r.get(path, http.StatusOK)
}
