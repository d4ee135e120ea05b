package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

// recordings are those of the tests.
type recordings struct {
	asked   RecordingQuery
	token   string
	hold    string
	removed []string
	err     error // of all
}

var recordedAt = time.Date(2026, 11, 21, 15, 4, 5, 123e6, time.UTC)

// recording is what there is: "done", which has odd names, and "open", which is written.
func recording(id string) RecordingInfo {
	return RecordingInfo{
		ID: id, Stream: "live/test", File: "live/te st/ü\"\n;é%.mp4", Format: "mp4", Start: recordedAt, DurationS: 2.5, Bytes: 10,
		Writing: id == "open", Tracks: []string{"H264 1280x720", "AAC"}, Why: map[string]string{"done": "segment_duration"}[id],
	}
}

// List implements Recordings.
func (r *recordings) List(q RecordingQuery) ([]RecordingInfo, bool, error) {
	r.asked = q
	if q.After == "gone" {
		return nil, false, ErrNoRecording
	}
	if q.Stream == "none" {
		return nil, false, r.err
	}
	return []RecordingInfo{recording("done"), recording("open")}, q.Limit == 2, r.err
}

// Streams implements Recordings.
func (r *recordings) Streams() ([]RecordedStreamInfo, error) {
	return []RecordedStreamInfo{
		{Stream: "live/a", Recordings: 2, Bytes: 20, From: recordedAt, To: recordedAt.Add(time.Hour)},
		{Stream: "live/b", Recordings: 1, Bytes: 3, From: recordedAt, To: recordedAt},
	}, r.err
}

// Free implements Recordings.
func (*recordings) Free() *int64 { return new(int64(1 << 40)) }

// Get implements Recordings.
func (r *recordings) Get(id string) (RecordingInfo, error) {
	if id != "done" && id != "open" {
		return RecordingInfo{}, ErrNoRecording
	}
	return recording(id), r.err
}

// content is that of a file. One that is written grows with each look at its end.
type content struct {
	*strings.Reader
	grows bool
}

// Seek implements io.Seeker.
func (c *content) Seek(offset int64, whence int) (int64, error) {
	if c.grows && whence == io.SeekEnd {
		defer func() { c.Reader = strings.NewReader("0123456789and more") }()
	}
	return c.Reader.Seek(offset, whence)
}

// Close implements io.Closer.
func (*content) Close() error { return nil }

// Open implements Recordings.
func (r *recordings) Open(id, hold string) (RecordingFile, error) {
	info, err := r.Get(id)
	r.hold = hold
	return RecordingFile{&content{strings.NewReader("0123456789"), id == "open"}, info, "video/mp4"}, err
}

// Remove implements Recordings.
func (r *recordings) Remove(id string) error {
	if id == "open" {
		return ErrBeingWritten
	}
	_, err := r.Get(id)
	if err == nil {
		r.removed = append(r.removed, id)
	}
	return err
}

// Playlist implements Recordings.
func (r *recordings) Playlist(q RecordingQuery, token string) ([]byte, error) {
	r.asked, r.token = q, token
	switch q.Stream {
	case "live/flv":
		return nil, reason.Wrap(reason.Unsupported, errors.New("FLV cannot be played"))
	case "live/long":
		return nil, reason.Wrap(reason.BadRequest, errors.New("too many"))
	case "live/none":
		return nil, ErrNoRecording
	}
	return []byte("#EXTM3U\n"), r.err
}

// recorders are those of the tests.
type recorders struct {
	started RecorderRequest
	stopped string
}

// Recorders implements Recorders.
func (*recorders) Recorders() []RecorderInfo {
	return []RecorderInfo{
		{Stream: "live/b", State: "failed", Mode: "manual", Since: recordedAt, Error: "disk full", FailedAt: &recordedAt, Next: &recordedAt},
		{Stream: "live/a", State: "recording", Mode: "always", Session: "x", File: "a.mp4", Since: recordedAt, Segments: 3, Bytes: 7, FramesDropped: 1},
	}
}

// Start implements Recorders.
func (r *recorders) Start(q RecorderRequest) error {
	r.started = q
	switch {
	case q.Stream == "live/a":
		return ErrRecording
	case q.Stream == "live/none":
		return reason.Wrap(reason.StreamNotFound, errors.New("nobody publishes"))
	case q.Stream == "live/many":
		return reason.Wrap(reason.LimitReached, errors.New("too many"))
	case q.Format == "avi":
		return errors.New("format: must be mp4")
	}
	return nil
}

// Stop implements Recorders.
func (r *recorders) Stop(stream string) error {
	r.stopped = stream
	if stream != "live/a" {
		return ErrNotRecording
	}
	return nil
}

// code returns the status, code and field of an error.
func code(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var body struct{ Error struct{ Code, Field string } }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return fmt.Sprint(w.Code, " ", body.Error.Code, " ", body.Error.Field)
}

func TestRecordings(t *testing.T) {
	o := fixture(t)
	r := o.Recordings.(*recordings)
	h := New(o)
	w := ask(h, "GET", "/api/v1/recordings?stream=live/test&from=2026-01-02T15:04:05.5Z&to=2026-01-02T15:04:06%2B00:00&after=x&limit=2")
	const one = `{"id":"done","stream":"live/test","file":"live/te st/ü\"\n;é%.mp4","format":"mp4","start":"2026-11-21T15:04:05.123Z","duration_s":2.5,"bytes":10,"writing":false,"tracks":["H264 1280x720","AAC"],"why":"segment_duration"}`
	if !strings.HasPrefix(w.Body.String(), `{"more":true,"recordings":[`+one) {
		t.Errorf("%s", w.Body)
	}
	at := time.Date(2026, 1, 2, 15, 4, 5, 5e8, time.UTC)
	if want := (RecordingQuery{"live/test", at, at.Add(time.Second / 2), "x", 2}); !r.asked.From.Equal(want.From) || !r.asked.To.Equal(want.To) || r.asked.Stream != want.Stream || r.asked.After != "x" || r.asked.Limit != 2 {
		t.Errorf("%+v", r.asked)
	}
	if w := ask(h, "GET", "/api/v1/recordings?stream=none"); strings.TrimSpace(w.Body.String()) != `{"more":false,"recordings":[]}` || r.asked.Limit != maxPage || !r.asked.To.IsZero() {
		t.Errorf("%s %+v", w.Body, r.asked)
	}
	if w := ask(h, "GET", "/api/v1/recordings/streams"); !strings.Contains(w.Body.String(), `"bytes":23,"free_bytes":1099511627776`) {
		t.Errorf("%s", w.Body)
	}
	if w := ask(h, "GET", "/api/v1/recordings/done"); w.Body.String() != one {
		t.Errorf("%s", w.Body)
	}
	if w := ask(h, "DELETE", "/api/v1/recordings/done"); w.Code != http.StatusNoContent || len(r.removed) != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for target, want := range map[string]string{
		"GET /recordings?stream=a//b":                                                  "400 bad_name stream",
		"GET /recordings?from=yesterday":                                               "400 bad_request from",
		"GET /recordings?to=1795273200":                                                "400 bad_request to",
		"GET /recordings?from=2026-01-02T15:04:05Z&to=2026-01-02T15:04:04Z":            "400 bad_request to",
		"GET /recordings?from=2026-01-02T15:04:05Z&to=2026-01-02T15:04:05Z":            "400 bad_request to",
		"GET /recordings?limit=0":                                                      "400 bad_request limit",
		"GET /recordings?limit=1001":                                                   "400 bad_request limit",
		"GET /recordings?after=gone":                                                   "404 recording_not_found after",
		"GET /recordings/x":                                                            "404 recording_not_found id",
		"GET /recordings/..%2Fx":                                                       "404 recording_not_found id",
		"GET /recordings/x/file":                                                       "404 recording_not_found id",
		"GET /recordings/done/file.ts":                                                 "404 not_found file",
		"GET /recordings/done/other":                                                   "404 not_found file",
		"DELETE /recordings/x":                                                         "404 recording_not_found id",
		"DELETE /recordings/open":                                                      "409 being_written id",
		"GET /recordings/playlist.m3u8":                                                "400 bad_request stream",
		"GET /recordings/playlist.m3u8?stream=a//b":                                    "400 bad_name stream",
		"GET /recordings/playlist.m3u8?stream=live/none":                               "404 recording_not_found ",
		"GET /recordings/playlist.m3u8?stream=live/flv":                                "415 unsupported ",
		"GET /recordings/playlist.m3u8?stream=live/long":                               "400 bad_request ",
		"GET /recordings/playlist.m3u8?stream=a&from=2026-01-02T00:00:00Z&to=20260101": "400 bad_request to",
	} {
		method, path, _ := strings.Cut(target, " ")
		w := ask(h, method, "/api/v1"+path)
		if got := code(t, w); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
	r.err = io.ErrUnexpectedEOF
	for _, path := range []string{"", "/streams", "/done", "/done/file", "/playlist.m3u8?stream=a"} {
		if w := ask(h, "GET", "/api/v1/recordings"+path); w.Code != http.StatusInternalServerError || code(t, w) != "500 internal_error " {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// TestRecordingFile: ranges, and a name to keep it by.
func TestRecordingFile(t *testing.T) {
	o := fixture(t)
	h := New(o)
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, c := range []struct {
		method, target string
		change         []func(*http.Request)
		status         int
		body, ranges   string
	}{
		{"GET", "done/file?hold=1-2", nil, 200, "0123456789", ""},
		{"GET", "done/file.mp4", nil, 200, "0123456789", ""},
		{"GET", "open/file", nil, 200, "0123456789", ""},
		{"HEAD", "done/file", nil, 200, "", ""},
		{"GET", "done/file", []func(*http.Request){header("Range", "bytes=2-4")}, 206, "234", "bytes 2-4/10"},
		{"GET", "done/file", []func(*http.Request){header("Range", "bytes=-3")}, 206, "789", "bytes 7-9/10"},
		{"GET", "done/file", []func(*http.Request){header("Range", "bytes=8-")}, 206, "89", "bytes 8-9/10"},
		{"GET", "done/file", []func(*http.Request){header("Range", "bytes=2-4"), header("If-Range", `"done-10"`)}, 206, "234", "bytes 2-4/10"},
		{"GET", "done/file", []func(*http.Request){header("Range", "bytes=2-4"), header("If-Range", `"done-9"`)}, 200, "0123456789", ""},
		{"HEAD", "done/file", []func(*http.Request){header("Range", "bytes=2-4")}, 206, "", "bytes 2-4/10"},
		{"GET", "done/file", []func(*http.Request){header("Range", "bytes=10-")}, 416, "invalid range: failed to overlap\n", "bytes */10"},
		{"GET", "done/file", []func(*http.Request){header("If-None-Match", `"done-10"`)}, 304, "", ""},
	} {
		w := ask(h, c.method, "/api/v1/recordings/"+c.target, c.change...)
		if w.Code != c.status || w.Body.String() != c.body || w.Header().Get("Content-Range") != c.ranges {
			t.Errorf("%s %s: %d %q %v", c.method, c.target, w.Code, w.Body, w.Header())
		}
		if c.status >= 300 {
			continue
		}
		cache := "private, no-cache"
		if strings.HasPrefix(c.target, "open") {
			cache = "no-store"
		}
		if h := w.Header(); h.Get("Content-Type") != "video/mp4" || h.Get("Cache-Control") != cache || h.Get("Accept-Ranges") != "bytes" ||
			h.Get("Content-Disposition") != `attachment; filename*=utf-8''live_te%20st_%C3%BC%22%0A%3B%C3%A9%25.mp4` {
			t.Errorf("%s %s: %v", c.method, c.target, h)
		}
		if hold := o.Recordings.(*recordings).hold; (hold == "1-2") != strings.Contains(c.target, "hold") {
			t.Errorf("hold %q", hold)
		}
	}
}

func TestRecordingsPlaylist(t *testing.T) {
	o := fixture(t)
	h := New(o)
	for query, token := range map[string]string{"": "", "&token=good": "good"} {
		w := ask(h, "GET", "/api/v1/recordings/playlist.m3u8?from=2026-01-02T15:04:05Z&stream="+url.QueryEscape("live/a b")+query)
		r := o.Recordings.(*recordings)
		if w.Code != 200 || w.Body.String() != "#EXTM3U\n" || w.Header().Get("Content-Type") != "application/vnd.apple.mpegurl" || r.token != token ||
			r.asked.Stream != "live/a b" || r.asked.From.IsZero() || !r.asked.To.IsZero() {
			t.Errorf("%d %s %v %+v", w.Code, w.Body, w.Header(), r)
		}
	}
}

func TestRecorders(t *testing.T) {
	o := fixture(t)
	r := o.Recorders.(*recorders)
	h := New(o)
	w := ask(h, "GET", "/api/v1/recorders")
	if !strings.HasPrefix(w.Body.String(), `{"recorders":[{"stream":"live/a","state":"recording","mode":"always","session":"x","file":"a.mp4","since":"2026-11-21T15:04:05.123Z",`+
		`"segments":3,"bytes":7,"frames_dropped":1,"error":"","failed_at":null,"next":null},{"stream":"live/b"`) {
		t.Errorf("%s", w.Body)
	}
	post := func(path, body string) *httptest.ResponseRecorder {
		return ask(h, "POST", "/api/v1/recorders/"+path, func(r *http.Request) { r.Body = io.NopCloser(bytes.NewReader([]byte(body))) })
	}
	if w := post("start", `{"stream":"live/x","format":"ts","before":"10s","segment_duration":"1m"}`); w.Code != http.StatusCreated ||
		r.started.Stream != "live/x" || r.started.Format != "ts" || time.Duration(*r.started.Before) != 10*time.Second || time.Duration(*r.started.SegmentDuration) != time.Minute {
		t.Errorf("%d %s %+v", w.Code, w.Body, r.started)
	}
	if w := post("start", `{"stream":"live/x"}`); w.Code != http.StatusCreated || r.started.Before != nil || r.started.SegmentDuration != nil {
		t.Errorf("%d %s %+v", w.Code, w.Body, r.started)
	}
	if w := post("stop", `{"stream":"live/a"}`); w.Code != http.StatusNoContent || r.stopped != "live/a" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for request, want := range map[string]string{
		`start {"stream":"live/a"}`:                       "409 recording stream",
		`start {"stream":"live/none"}`:                    "404 stream_not_found stream",
		`start {"stream":"live/many"}`:                    "503 limit_reached ",
		`start {"stream":"live/x","format":"avi"}`:        "400 bad_request ",
		`start {"stream":"live/x","before":"long"}`:       "400 bad_request ",
		`start {"stream":"live/x","before":"-1s"}`:        "400 bad_request ",
		`start {"stream":"live/x","segment_duration":10}`: "400 bad_request segment_duration",
		`start {"stream":"live/x","keep":"1h"}`:           "400 bad_request keep",
		`start {"stream":"../x"}`:                         "400 bad_name stream",
		`start {}`:                                        "400 bad_name stream",
		`start`:                                           "400 bad_request ",
		`stop {"stream":"live/x"}`:                        "409 not_recording stream",
		`stop {"stream":"a//b"}`:                          "400 bad_name stream",
		`stop []`:                                         "400 bad_request ",
	} {
		path, body, _ := strings.Cut(request, " ")
		if got := code(t, post(path, body)); got != want {
			t.Errorf("%s: %s, want %s", request, got, want)
		}
	}
}
