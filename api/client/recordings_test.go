package client

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/session"
)

// recordings are files that the API shows.
type recordings struct {
	api.Recordings
	asked   api.RecordingQuery
	removed string
}

// List implements api.Recordings.
func (r *recordings) List(q api.RecordingQuery) ([]api.RecordingInfo, bool, error) {
	r.asked = q
	return []api.RecordingInfo{{ID: "x", Stream: "live/a b"}}, true, nil
}

// Streams implements api.Recordings.
func (*recordings) Streams() ([]api.RecordedStreamInfo, error) {
	return []api.RecordedStreamInfo{{Stream: "live/a b", Recordings: 1, Bytes: 7}}, nil
}

// Free implements api.Recordings.
func (*recordings) Free() *int64 { return nil }

// Remove implements api.Recordings.
func (r *recordings) Remove(id string) error {
	r.removed = id
	return api.ErrBeingWritten
}

// recorders record one stream.
type recorders struct {
	started api.RecorderRequest
	stopped string
}

// Recorders implements api.Recorders.
func (*recorders) Recorders() []api.RecorderInfo {
	return []api.RecorderInfo{{Stream: "live/b"}, {Stream: "live/a"}}
}

// Start implements api.Recorders.
func (r *recorders) Start(q api.RecorderRequest) error {
	r.started = q
	return nil
}

// Stop implements api.Recorders.
func (r *recorders) Stop(stream string) error {
	r.stopped = stream
	return nil
}

// TestRecordings: what the client asks for is what the API does.
func TestRecordings(t *testing.T) {
	files, writers := new(recordings), new(recorders)
	server := httptest.NewServer(api.New(api.Options{
		Loopback: func() bool { return true }, Sessions: session.NewRegistry(session.Options{}),
		Remote: httpserver.New(httpserver.Options{}).Remote, Recordings: files, Recorders: writers,
	}))
	defer server.Close()
	c, err := New(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := t.Context()
	list, more, err := c.Recordings(ctx, url.Values{"stream": {"live/a b"}, "limit": {"1"}})
	if err != nil || !more || len(list) != 1 || list[0].ID != "x" || files.asked.Stream != "live/a b" || files.asked.Limit != 1 {
		t.Errorf("%+v %v %v, asked %+v", list, more, err, files.asked)
	}
	if all, err := c.Recorded(ctx); err != nil || all.Bytes != 7 || len(all.Streams) != 1 || all.FreeBytes != nil {
		t.Errorf("%+v %v", all, err)
	}
	var no *Error
	if err := c.RemoveRecording(ctx, "x y"); !errors.As(err, &no) || no.Status != http.StatusConflict || no.Code != "being_written" || files.removed != "x y" {
		t.Errorf("%v %q", err, files.removed)
	}
	all, err := c.Recorders(ctx)
	if err != nil || len(all) != 2 || all[0].Stream != "live/a" {
		t.Errorf("%+v %v", all, err)
	}
	before := config.Duration(10 * time.Second)
	if err := c.StartRecorder(ctx, api.RecorderRequest{Stream: "live/a", Before: &before}); err != nil || writers.started.Before == nil || *writers.started.Before != before || writers.started.SegmentDuration != nil {
		t.Errorf("%v %+v", err, writers.started)
	}
	if err := c.StopRecorder(ctx, "live/a"); err != nil || writers.stopped != "live/a" {
		t.Errorf("%v %q", err, writers.stopped)
	}
}
