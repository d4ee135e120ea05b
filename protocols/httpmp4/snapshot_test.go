package httpmp4

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/av"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/protocols/internal/httplive/httplivetest"
	"github.com/weirmedia/weir/remux/fmp4"
)

const snapshotPath = "/live/test" + snapshotSuffix

// picture returns the answer to a request for a snapshot, and its one frame.
func picture(t *testing.T, r *httplivetest.Rig) (httplivetest.Answer, *av.Frame, []byte) {
	t.Helper()
	response := r.Get(r.Plain+snapshotPath, false)
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s, %v", response.Status, body, err)
	}
	d := fmp4.NewDemuxer(bytes.NewReader(body))
	f, err := d.Next()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Next(); err != io.EOF {
		t.Errorf("more than a frame: %v", err)
	}
	return response, f, body
}

func TestSnapshot(t *testing.T) {
	r := httplivetest.New(t, New(), httplivetest.Options{})
	r.Publish(httplivetest.Video, httplivetest.Audio)
	r.Frame(httplivetest.Video, false)
	response, f, body := picture(t, r)
	h := response.Header
	if h.Get("Content-Type") != "video/mp4" || h.Get("Cache-Control") != "no-store" || h.Get("Etag") == "" || h.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%v", h)
	}
	if !f.Key || f.DTS != 0 || f.PTS != 0 || f.Payload[4] != 0x65 {
		t.Errorf("frame %+v", f)
	}
	if n := len(r.Host.Sessions.List()); n != 0 {
		t.Errorf("%d sessions", n)
	}
	if _, _, again := picture(t, r); !bytes.Equal(again, body) {
		t.Error("other bytes for the same picture")
	}
	head := r.Status(r.Plain+snapshotPath, http.StatusOK, "", func(q *http.Request) { q.Method = http.MethodHead })
	if head.Get("Content-Length") != fmt.Sprint(len(body)) || head.Get("Etag") != h.Get("Etag") {
		t.Errorf("HEAD: %v", head)
	}
	unchanged := func(q *http.Request) { q.Header.Set("If-None-Match", h.Get("Etag")) }
	r.Status(r.Plain+snapshotPath, http.StatusNotModified, "", unchanged)
	r.Status(r.Plain+snapshotPath, http.StatusPartialContent, "ftyp", func(q *http.Request) { q.Header.Set("Range", "bytes=0-99") })

	// The next key frame is another picture.
	if err := r.Pub.Write(&av.Frame{Track: httplivetest.Video, Key: true, DTS: int64(time.Second), PTS: int64(time.Second), Arrival: av.Now(), Payload: []byte{0, 0, 0, 2, 0x65, 7}}); err != nil {
		t.Fatal(err)
	}
	r.Status(r.Plain+snapshotPath, http.StatusOK, "ftyp", unchanged)
	if _, f, _ := picture(t, r); len(f.Payload) != 6 {
		t.Errorf("payload %x", f.Payload)
	}
}

func TestSnapshotRefusals(t *testing.T) {
	r := httplivetest.New(t, New(), httplivetest.Options{})
	head := func(q *http.Request) { q.Method = http.MethodHead }
	r.Status(r.Plain+snapshotPath, http.StatusNotFound, "stream_not_found")
	r.Status(r.Plain+snapshotPath, http.StatusNotFound, "", head)
	r.Status(r.Plain+snapshotSuffix, http.StatusBadRequest, "bad_name")
	r.Status(r.Plain+snapshotPath, http.StatusMethodNotAllowed, "method_not_allowed", func(q *http.Request) { q.Method = http.MethodPost })
	r.Publish(httplivetest.Audio)
	r.Status(r.Plain+snapshotPath, http.StatusUnsupportedMediaType, "unsupported")
	r.Status(r.Plain+snapshotPath, http.StatusUnsupportedMediaType, "", head)

	off := httplivetest.New(t, &Config{}, httplivetest.Options{})
	off.Publish(httplivetest.Video)
	off.Status(off.Plain+snapshotPath, http.StatusNotFound, "not_found")
}

func TestSnapshotAuthorisation(t *testing.T) {
	hash, err := auth.HashPassword("secret")
	if err != nil {
		t.Fatal(err)
	}
	r := httplivetest.New(t, New(), httplivetest.Options{Users: fmt.Sprintf(
		"    - name: ann\n      password: %q\n      allow:\n        - actions: [play]\n          streams: [\"live/*\"]\n", hash)})
	r.Publish(httplivetest.Video)
	r.Status(r.Plain+snapshotPath, http.StatusUnauthorized, "unauthorized")
	r.Status(r.Plain+snapshotPath+"?user=ann&pass=secret", http.StatusOK, "ftyp")
	r.Status(r.Plain+"/other/test"+snapshotSuffix+"?user=ann&pass=secret", http.StatusForbidden, "unauthorized")
}

// limited is an answer with a deadline.
type limited struct {
	*httptest.ResponseRecorder
	until time.Time
}

// SetWriteDeadline is for http.ResponseController.
func (l *limited) SetWriteDeadline(t time.Time) error {
	l.until = t
	return nil
}

// Who takes nothing of an answer does not keep it for ever: the server has no deadline
// for what is below a stream.
func TestSnapshotDeadline(t *testing.T) {
	r := httplivetest.New(t, New(), httplivetest.Options{})
	r.Publish(httplivetest.Video)
	w := &limited{ResponseRecorder: httptest.NewRecorder()}
	(&snapshots{r.Host}).serve(w, httptest.NewRequest(http.MethodGet, snapshotPath, nil), "live/test")
	if w.Code != http.StatusOK || w.until.IsZero() {
		t.Errorf("%d, until %v", w.Code, w.until)
	}
}

// Who comes before the stream, or before its first key frame, waits as a player
// does, and is listed meanwhile.
func TestSnapshotWaits(t *testing.T) {
	r := httplivetest.New(t, New(), httplivetest.Options{Wait: time.Minute})
	waiting := func() bool {
		l := r.Host.Sessions.List()
		return len(l) == 1 && l[0].State == session.Waiting && l[0].Protocol == protocol
	}
	ask := func() <-chan int {
		done := make(chan int, 1)
		go func() { done <- r.Get(r.Plain+snapshotPath, false).StatusCode }()
		r.Eventually("it waits", waiting)
		return done
	}
	kicked := ask()
	r.Host.Sessions.KillAll(reason.Kicked)
	if status := <-kicked; status != http.StatusServiceUnavailable {
		t.Errorf("kicked: %d", status)
	}
	r.Eventually("nobody waits", func() bool { return len(r.Host.Sessions.List()) == 0 })
	done := ask()
	r.Begin()
	if err := r.Pub.SetTrack(httplivetest.Video); err != nil {
		t.Fatal(err)
	}
	r.Frame(httplivetest.Video, false)
	if !waiting() {
		t.Error("it does not wait for a key frame")
	}
	r.Frame(httplivetest.Video, true)
	if status := <-done; status != http.StatusOK {
		t.Errorf("%d", status)
	}
	r.Eventually("nobody waits", func() bool { return len(r.Host.Sessions.List()) == 0 })
}

// While the picture of a stream has stopped, its last is still shown to all.
func TestSnapshotOfSilentPicture(t *testing.T) {
	r := httplivetest.New(t, New(), httplivetest.Options{})
	r.Publish(httplivetest.Video, httplivetest.Audio)
	view := r.Host.Bus.Stream("live/test").Plain()
	defer view.Subscribe(time.Minute).Close()
	s := &snapshots{r.Host}
	before, err := s.newest("live/test")
	if err != nil {
		t.Fatal(err)
	}
	for range 6 * 25 { // more seconds than pictures may be away before sound is a start
		r.Frame(httplivetest.Audio, false)
	}
	after, err := s.newest("live/test")
	if err != nil || after.tag != before.tag {
		t.Errorf("%v, %v", after, err)
	}
}
