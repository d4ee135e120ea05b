package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/api/client"
)

// fetch returns what is at a URL, and the status.
func fetch(t *testing.T, target string, header http.Header) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	must(t, err)
	r.Header = header
	c := http.Client{Transport: new(http.Transport)}
	defer c.CloseIdleConnections()
	answer, err := c.Do(r)
	must(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(t, err)
	return answer.StatusCode, string(body)
}

// TestRecordingsAPI: what was recorded is listed, fetched whole and in ranges, played
// and removed by the API.
func TestRecordingsAPI(t *testing.T) {
	_, stop := signal.NotifyContext(t.Context(), os.Interrupt) // what that leaves running is no leak
	stop()
	s := recordAll(t, func(*settings) {})
	publishClip(t, s.url("live/a"))
	segment := s.recorded(t, 1)[0]
	base := "http://" + s.http.Addr().String()
	c, err := client.New(base, "")
	must(t, err)
	defer c.Close()
	list, more, err := c.Recordings(t.Context(), url.Values{"stream": {"live/a"}})
	must(t, err)
	if more || len(list) != 1 || list[0].ID != segment.ID || list[0].DurationS < 1 || list[0].Why == "" || len(list[0].Tracks) != 2 {
		t.Fatalf("%+v", list)
	}
	all, err := c.Recorded(t.Context())
	must(t, err)
	if len(all.Streams) != 1 || all.Bytes != segment.Bytes || all.FreeBytes == nil || !all.Streams[0].From.Equal(segment.Start) {
		t.Errorf("%+v", all)
	}
	content, err := os.ReadFile(filepath.Join(s.settings.data.Dir, "recordings", segment.File))
	must(t, err)
	file := base + "/api/v1/recordings/" + segment.ID + "/file"
	if status, body := fetch(t, file, nil); status != http.StatusOK || body != string(content) {
		t.Errorf("%d, %d bytes, want %d", status, len(body), len(content))
	}
	if status, body := fetch(t, file, http.Header{"Range": {"bytes=4-7"}}); status != http.StatusPartialContent || body != "ftyp" {
		t.Errorf("%d %q", status, body)
	}
	status, text := fetch(t, base+"/api/v1/recordings/playlist.m3u8?stream=live/a&from="+segment.Start.Format(time.RFC3339), nil)
	pieces := regexp.MustCompile(`#EXT-X-BYTERANGE:(\d+)@(\d+)\n(.*)`).FindAllStringSubmatch(text, -1)
	if status != http.StatusOK || len(pieces) == 0 {
		t.Fatalf("%d %s", status, text)
	}
	if status, _ := fetch(t, base+"/api/v1/recordings/"+pieces[0][3], http.Header{"Range": {"bytes=0-99"}}); status != http.StatusPartialContent {
		t.Error(status)
	}
	var out bytes.Buffer
	command := recordingsCommand{serverFlags: serverFlags{Server: base}, Stream: "live/a", From: segment.Start.Add(-time.Second), To: segment.End().Add(time.Second)}
	must(t, command.Run(&console{out: &out}))
	if !strings.Contains(out.String(), segment.ID) || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("%s", &out)
	}
	must(t, c.RemoveRecording(t.Context(), segment.ID))
	refused(t, c.RemoveRecording(t.Context(), segment.ID), http.StatusNotFound, "recording_not_found")
	for _, path := range []string{"/" + segment.ID, "/" + segment.ID + "/file", "/playlist.m3u8?stream=live/a"} {
		if status, body := fetch(t, base+"/api/v1/recordings"+path, nil); status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

func refused(t *testing.T, err error, status int, code string) {
	t.Helper()
	var no *client.Error
	if !errors.As(err, &no) || no.Status != status || no.Code != code {
		t.Errorf("%v, want %d %s", err, status, code)
	}
}

// TestRecordersAPI: a stream is recorded from start to stop, neither twice.
func TestRecordersAPI(t *testing.T) {
	s := startServer(t, func(s *settings) { s.data.Dir = t.TempDir() })
	c, err := client.New("http://"+s.http.Addr().String(), "")
	must(t, err)
	defer c.Close()
	ctx := t.Context()
	refused(t, c.StartRecorder(ctx, api.RecorderRequest{Stream: "live/a"}), http.StatusNotFound, "stream_not_found")
	refused(t, c.StopRecorder(ctx, "live/a"), http.StatusConflict, "not_recording")
	stop := s.publish(t, "live/a", sourceOptions{}).run()
	defer stop()
	refused(t, c.StartRecorder(ctx, api.RecorderRequest{Stream: "live/a", Format: "avi"}), http.StatusBadRequest, "bad_request")
	must(t, c.StartRecorder(ctx, api.RecorderRequest{Stream: "live/a", Format: "ts"}))
	refused(t, c.StartRecorder(ctx, api.RecorderRequest{Stream: "live/a"}), http.StatusConflict, "recording")
	eventually(t, "a file", func() bool {
		list, err := c.Recorders(ctx)
		must(t, err)
		return len(list) == 1 && list[0].State == "recording" && list[0].File != ""
	})
	list, _, err := c.Recordings(ctx, nil)
	must(t, err)
	if len(list) != 1 || !list[0].Writing || list[0].Format != "ts" {
		t.Fatalf("%+v", list)
	}
	refused(t, c.RemoveRecording(ctx, list[0].ID), http.StatusConflict, "being_written")
	must(t, c.StopRecorder(ctx, "live/a"))
	eventually(t, "the end of the file", func() bool {
		list, _, err := c.Recordings(ctx, nil)
		must(t, err)
		return len(list) == 1 && !list[0].Writing
	})
	refused(t, c.StopRecorder(ctx, "live/a"), http.StatusConflict, "not_recording")
}
