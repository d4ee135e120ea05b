//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmedia/weir/api"
)

// post sends JSON to the API and returns the status of the answer.
func (s *server) post(t *testing.T, path, body string) int {
	t.Helper()
	resp, err := http.Post(s.httpURL(path), "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode >= 300 {
		t.Logf("POST /%s %s: %s", path, body, answer)
	}
	return resp.StatusCode
}

// requirePost is post with the status that it must have.
func (s *server) requirePost(t *testing.T, path, body string, status int) {
	t.Helper()
	if got := s.post(t, path, body); got != status {
		t.Errorf("POST /%s %s: %d, want %d", path, body, got, status)
	}
}

// segmentReceiver is a service that answers events as it is told to, and keeps the files
// of recordings that it is told of.
type segmentReceiver struct {
	*httptest.Server

	mu    sync.Mutex
	ended []api.RecordingInfo // in the order in which they came
}

// startSegmentReceiver answers stream.published by stream.
func startSegmentReceiver(t *testing.T, answers map[string]string) *segmentReceiver {
	t.Helper()
	r := &segmentReceiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var e struct {
			Type, Stream string
			Data         json.RawMessage
		}
		if err := json.NewDecoder(req.Body).Decode(&e); err != nil {
			t.Errorf("a hook: %v", err)
		}
		switch e.Type {
		case "stream.published":
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, answers[e.Stream])
		case "record.segment":
			var file api.RecordingInfo
			if err := json.Unmarshal(e.Data, &file); err != nil || file.Stream != e.Stream {
				t.Errorf("%s of %s: %v", e.Data, e.Stream, err)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.ended = append(r.ended, file)
		case "record.error", "record.recovered":
			t.Errorf("%s: %s", e.Type, e.Data)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// files returns what came of a stream.
func (r *segmentReceiver) files(stream string) []api.RecordingInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.ended), func(f api.RecordingInfo) bool { return f.Stream != stream })
}

// requireTold waits until a receiver was told of n files of a stream, and checks that
// they are those of the API and of the disk.
func requireTold(t *testing.T, s *server, r *segmentReceiver, stream string, n int) []api.RecordingInfo {
	t.Helper()
	eventually(t, 15*time.Second, "events about the files of "+stream, func() bool { return len(r.files(stream)) >= n })
	told, listed := r.files(stream), s.recorded(t, stream)
	if len(told) != n || fmt.Sprint(told) != fmt.Sprint(listed) {
		t.Fatalf("told of\n%+v\nlisted are\n%+v\nwant %d", told, listed, n)
	}
	for _, file := range listed {
		path := filepath.Join(s.dir, "data/recordings", file.File)
		onDisk, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if fetched := fetch(t, http.MethodGet, s.recordedURL(file)); int64(len(onDisk)) != file.Bytes || !bytes.Equal(fetched.body, onDisk) {
			t.Errorf("%s has %d bytes on disk and %d by HTTP, listed are %d", file.File, len(onDisk), len(fetched.body), file.Bytes)
		}
	}
	return listed
}

// TestFullRecordWhenTold: recording begins and ends when the API or the answer of a hook
// says so, from before that on as far as the stream is in memory, and each file is told
// of as it is.
func TestFullRecordWhenTold(t *testing.T) {
	t.Parallel()
	const own = "hook/own"
	receiver := startSegmentReceiver(t, map[string]string{
		"hook/plain": `{"record": true}`,
		own:          `{"record": {"format": "ts", "segment_duration": "2s"}}`,
		"hook/no":    `{"record": false}`,
	})
	s := startServer(t, settings{
		"hooks.url": receiver.URL, "stream.grace": "1s",
		"record.streams": `[{streams: ["manual/**"], mode: manual, before: 4s, segment_duration: 4s}]`,
	})
	published := filePackets(t, hardClip.path(t))
	var publishers []*process
	for _, name := range []string{"hook/plain", own, "hook/no", "manual/test", "any/test"} {
		publishers = append(publishers, s.publish(t, hardClip, name, publishOptions{}))
	}
	const start, stop = "api/v1/recorders/start", "api/v1/recorders/stop"
	s.requirePost(t, start, `{"stream": "nobody/here"}`, http.StatusNotFound)
	s.requirePost(t, start, `{"stream": "any/test", "format": "avi"}`, http.StatusBadRequest)
	s.requirePost(t, stop, `{"stream": "manual/test"}`, http.StatusConflict)
	s.requirePost(t, start, `{"stream": "any/test", "format": "flv", "segment_duration": "0s"}`, http.StatusCreated)
	s.requirePost(t, start, `{"stream": "any/test"}`, http.StatusConflict)
	s.requirePost(t, stop, `{"stream": "any/test"}`, http.StatusNoContent)
	s.requirePost(t, stop, `{"stream": "any/test"}`, http.StatusConflict)

	eventually(t, 15*time.Second, "six seconds are in memory", func() bool {
		st, _ := s.stream(t, "manual/test")
		return st.FramesIn > 6*(25+47)
	})
	told := time.Now()
	s.requirePost(t, start, `{"stream": "manual/test"}`, http.StatusCreated)
	time.Sleep(3 * time.Second)
	stopped := time.Now()
	s.requirePost(t, stop, `{"stream": "manual/test"}`, http.StatusNoContent)
	for _, p := range publishers {
		p.kill()
	}

	files := requireTold(t, s, receiver, "manual/test", 2)
	if ago := told.Sub(files[0].Start); ago < 4*time.Second || ago > 7*time.Second {
		t.Errorf("the recording begins %v before it was told to, want 4 s, to the key frame before", ago)
	}
	length := 0.0
	var got []packet
	for _, file := range files {
		length += file.DurationS
		packets := readAsFLV(t, ffmpeg9(t).start, s.recordedURL(file), nil, 0)
		requireRun(t, published, packets)
		got = append(got, packets...)
	}
	if want := stopped.Sub(files[0].Start).Seconds(); math.Abs(length-want) > 1 {
		t.Errorf("%.3f s were recorded in %.3f s", length, want)
	}
	requireSameBytes(t, published, got)
	if last := files[1]; files[0].Why != "segment_duration" || last.Why != "stopped" {
		t.Errorf("%+v", files)
	}

	plain := requireTold(t, s, receiver, "hook/plain", 1)[0]
	if plain.Format != "mp4" || plain.Why != "unpublished" || plain.DurationS < 8 {
		t.Errorf("%+v", plain)
	}
	requireFromStart(t, published, readAsFLV(t, ffmpeg9(t).start, s.recordedURL(plain), nil, 0))
	several := receiver.files(own)
	if len(several) < 4 {
		t.Fatalf("%+v", several)
	}
	got = nil
	for _, file := range requireTold(t, s, receiver, own, len(several)) {
		if file.Format != "ts" {
			t.Errorf("%+v", file)
		}
		got = append(got, readAsFLV(t, ffmpeg9(t).start, s.recordedURL(file), nil, 0, fromTS...)...)
	}
	requireFromStart(t, withoutTimes(published), withoutTimes(got))
	if other := requireTold(t, s, receiver, "any/test", 1)[0]; other.Format != "flv" || other.Why != "stopped" {
		t.Errorf("%+v", other)
	}
	if files := receiver.files("hook/no"); len(files) > 0 {
		t.Errorf("nobody wanted %+v", files)
	}
}

// requireFromStart checks that got is what was published, from its beginning on.
func requireFromStart(t *testing.T, published, got []packet) {
	t.Helper()
	requireRun(t, published, got)
	for kind, all := range byKind(got) {
		if want := byKind(fromPicture(published))[kind][0]; all[0].hash != want.hash {
			t.Errorf("%s begins with %v, want %v", kind, all[0], want)
		}
	}
}

// TestFullRecordCommand: "weir record" leaves a complete file when it is interrupted,
// whatever it fetches, and "weir probe" knows it.
func TestFullRecordCommand(t *testing.T) {
	t.Parallel()
	s := startRTSPServer(t)
	published := filePackets(t, closedClip.path(t))
	compare := func(compare func(*testing.T, []packet, []packet)) func(*testing.T, []packet) {
		return func(t *testing.T, got []packet) { compare(t, published, got) }
	}
	for _, tt := range []struct {
		stream, url, format string
		fromFile            []string
		require             func(*testing.T, []packet)
	}{
		{"live/rtmp", s.rtmpURL("live/rtmp"), "mp4", nil, compare(requireRun)},
		{"live/http", s.httpURL("live/http.flv"), "flv", nil, compare(requireRun)},
		{"live/rtsp1", s.url("live/rtsp1"), "ts", fromTS, compare(requireSameUnits)},
		{"live/rtsp2", s.url("live/rtsp2"), "mp4", nil, compare(requireSameUnits)},
	} {
		t.Run(tt.stream+" to "+tt.format, func(t *testing.T) {
			t.Parallel()
			s.publish(t, closedClip, tt.stream, publishOptions{})
			file := filepath.Join(t.TempDir(), "out."+tt.format)
			record(t, file, someSeconds, weirBinary(t), "record", tt.url, file)
			var report struct {
				Recording struct {
					Stream      string
					Start       time.Time
					Seconds     float64
					Complete    bool
					Bytes, Good int64
				}
			}
			probe := start(t, time.Minute, nil, weirBinary(t), "probe", "--json", file)
			probe.mustSucceed(t)
			if err := json.Unmarshal([]byte(probe.out.String()), &report); err != nil {
				t.Fatal(err)
			}
			got := readAsFLV(t, ffmpeg9(t).start, "pipe:0", mustOpen(t, file), 0, tt.fromFile...)
			tt.require(t, got)
			requireDecodes(t, start, file)
			came := lengthOf(got, func(p packet) int64 { return p.dts })
			if r := report.Recording; r.Stream != tt.stream || !r.Complete || r.Bytes < someSeconds || r.Seconds < came-aFrame || r.Seconds > came+aFrame || time.Since(r.Start) > time.Minute {
				t.Errorf("weir probe finds %+v, the packets take %.3f s", r, came)
			}
		})
	}
}

// mustOpen opens a file until the end of the test.
func mustOpen(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// showRecorded shows an address of the same origin in a video of the page's own.
const showRecorded = `(() => {
	const v = document.createElement("video");
	v.src = %q;
	window.recorded = v;
	document.body.replaceChildren(v);
	v.play();
	return true;
})()`

// TestFullChromiumRecordedByServer: a browser plays what the server recorded, as its
// address gives it, and seeks in it.
func TestFullChromiumRecordedByServer(t *testing.T) {
	t.Parallel()
	f := ffmpeg9(t)
	s := startServer(t, settings{"record.streams": recordRules, "stream.grace": "1s"})
	clips := []recordedClip{
		{clip: reorderedClip, formats: []string{"mp4"}},
		{clip: audioOnlyClip, formats: []string{"mp4"}},
		{clip: h264Opus.clip, formats: []string{"mp4"}, since9: true},
		{clip: av1Opus.clip, formats: []string{"mp4"}, since9: true},
	}
	var ended []func()
	for _, c := range clips {
		e, _ := c.publish(t, f, s)
		ended = append(ended, e)
	}
	b := openPage(t, s.httpURL(""))
	for i, c := range clips {
		t.Run(c.name, func(t *testing.T) {
			ended[i]()
			file := s.recorded(t, "mp4/"+c.name)[0]
			var ok bool
			b.eval(t, fmt.Sprintf(showRecorded, s.recordedURL(file)), &ok)
			b.eventually(t, 20*time.Second, "it plays", `recorded.currentTime > 0.2 && !recorded.error`)
			var seen struct {
				Duration, Begin float64
				Ranges, Width   int
			}
			b.eval(t, `({duration: recorded.duration, begin: recorded.buffered.start(0), ranges: recorded.buffered.length, width: recorded.videoWidth})`, &seen)
			if seen.Duration < file.DurationS-3*aFrame || seen.Duration > file.DurationS+3*aFrame || seen.Begin > 0.1 || seen.Ranges != 1 || (seen.Width == 0) != (c.name == audioOnlyClip.name) {
				t.Errorf("%+v of %.3f s", seen, file.DurationS)
			}
			b.eval(t, `(recorded.currentTime = 4.9, true)`, &ok)
			b.eventually(t, 20*time.Second, "it seeks, and plays to its end", `recorded.ended && !recorded.error`)
			var sound int
			if b.eval(t, `recorded.webkitAudioDecodedByteCount`, &sound); sound == 0 {
				t.Error("no sound was decoded")
			}
		})
	}
}
