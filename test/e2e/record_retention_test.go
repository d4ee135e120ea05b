//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/api"
)

// heavyClip has so many bytes that a connection cannot hold them.
var heavyClip = clip{"heavy", join(lavfi("nullsrc=s=640x360:r=25:d=6,geq=random(1)*255:128:128"), []string{
	"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:v", "20M", "-minrate", "20M", "-g", "25", "-bf", "0"})}

// TestFullRecordRetention: ten streams with short files have more bytes than are kept.
// There are never more than allowed and what is being written, and nothing is removed
// that somebody downloads or plays.
func TestFullRecordRetention(t *testing.T) {
	t.Parallel()
	const streams, ofOne, ofAll = 10, 256 << 10, 20 << 20
	s := startServer(t, settings{
		"record.segment_duration": "1s", "record.total_bytes": strconv.Itoa(ofAll),
		"record.streams": fmt.Sprintf(`[{streams: ["load/**"], keep_bytes: %d}, {streams: ["old/**"], segment_duration: 10s}, {streams: ["vod/**"], format: ts}]`, ofOne),
	})
	old := recordOnce(t, s, heavyClip, "old/download")
	recordOnce(t, s, shortGroupsClip, "vod/played")
	users := []<-chan error{download(s, old[0]), playSlowly(s, "vod/played")}
	for n := range streams {
		s.publish(t, shortGroupsClip, fmt.Sprint("load/", n), publishOptions{loop: true})
	}
	r := retention{server: s, ofOne: ofOne, ofAll: ofAll, largest: map[string]int64{}}
	for _, user := range users {
		r.sampleUntil(t, user)
	}
	eventually(t, 10*time.Second, "what nobody reads any more is removed", func() bool { return len(s.recordingsOf(t, "old/download")) == 0 })
	if len(r.largest) < streams {
		t.Errorf("recorded were %v", r.largest)
	}
	for _, cause := range []string{"stream_bytes", "total_bytes"} {
		if n := metric(t, s, fmt.Sprintf("weir_record_removed_total{cause=%q}", cause)); n == 0 {
			t.Errorf("nothing was removed because of %s", cause)
		}
	}
}

// recordOnce publishes a clip, faster than in real time, and returns what was recorded.
func recordOnce(t *testing.T, s *server, c clip, name string) (all []api.RecordingInfo) {
	t.Helper()
	startPublish(t, c, s.rtmpURL(name), publishOptions{input: []string{"-readrate", "6"}}).mustSucceed(t)
	eventually(t, 10*time.Second, name+" was recorded", func() bool {
		all = s.recordingsOf(t, name)
		return len(all) > 0 && !all[len(all)-1].Writing
	})
	return all
}

// recordingsOf returns what the server lists of a stream.
func (s *server) recordingsOf(t *testing.T, name string) []api.RecordingInfo {
	t.Helper()
	return slices.DeleteFunc(s.recordings(t), func(r api.RecordingInfo) bool { return r.Stream != name })
}

// narrow is a client whose connections hold little.
func narrow() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
		}
		return conn, err
	}}}
}

// download fetches a file within some fifteen seconds, and tells whether all of it came.
func download(s *server, r api.RecordingInfo) <-chan error {
	done := make(chan error, 1)
	go func() {
		resp, err := narrow().Get(s.httpURL("api/v1/recordings/" + r.ID + "/file"))
		if err != nil {
			done <- err
			return
		}
		defer resp.Body.Close()
		var got int64
		for err == nil {
			var n int64
			n, err = io.CopyN(io.Discard, resp.Body, r.Bytes/100)
			got += n
			time.Sleep(150 * time.Millisecond)
		}
		if errors.Is(err, io.EOF) && resp.StatusCode == http.StatusOK && got == r.Bytes {
			err = nil
		} else {
			err = fmt.Errorf("the download: %s, %d bytes of %d, then %w", resp.Status, got, r.Bytes, err)
		}
		done <- err
	}()
	return done
}

// playSlowly fetches a playlist of all that was recorded of a stream, and then all that
// it names, piece by piece with pauses, and tells whether all of it came.
func playSlowly(s *server, name string) <-chan error {
	done := make(chan error, 1)
	go func() { done <- playVOD(s, name) }()
	return done
}

func playVOD(s *server, name string) error {
	list, err := fetchRange(s.httpURL("api/v1/recordings/playlist.m3u8?stream="+url.QueryEscape(name)), "")
	if err != nil {
		return err
	}
	pieces, span := 0, ""
	for line := range strings.Lines(string(list)) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "#EXT-X-BYTERANGE:"); ok {
			size, offset, _ := strings.Cut(text, "@")
			n, _ := strconv.Atoi(size)
			at, _ := strconv.Atoi(offset)
			span = fmt.Sprintf("bytes=%d-%d", at, at+n-1)
		}
		if line == "" || line[0] == '#' {
			continue
		}
		if _, err := fetchRange(s.httpURL("api/v1/recordings/"+line), span); err != nil {
			return err
		}
		pieces++
		time.Sleep(700 * time.Millisecond)
	}
	if pieces < 15 {
		return fmt.Errorf("the playlist of %s has %d pieces:\n%s", name, pieces, list)
	}
	return nil
}

// fetchRange fetches a range of bytes, or all if that is empty.
func fetchRange(address, span string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	want := http.StatusOK
	if span != "" {
		want = http.StatusPartialContent
		request.Header.Set("Range", span)
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != want {
		err = errors.New(tail(string(body), 300))
	}
	if err != nil {
		return nil, fmt.Errorf("GET %s, %s: %s: %w", address, span, resp.Status, err)
	}
	return body, nil
}

// retention is what is looked at while files come and go.
type retention struct {
	*server
	ofOne, ofAll int64
	largest      map[string]int64 // file of each stream with load that there was
}

// sampleUntil looks again and again until a user of files is done.
func (r *retention) sampleUntil(t *testing.T, user <-chan error) {
	t.Helper()
	for timeout := time.After(40 * time.Second); ; {
		select {
		case err := <-user:
			if err != nil {
				t.Error(err)
			}
			return
		case <-timeout:
			t.Fatal("somebody downloads or plays for too long")
		case <-time.After(50 * time.Millisecond):
			r.sample(t)
		}
	}
}

// sample checks that there are not more bytes than allowed and one file of each stream,
// by what is listed, by metric, and on the disk.
func (r *retention) sample(t *testing.T) {
	t.Helper()
	of := map[string]int64{}
	onDisk, metered := folderBytes(t, filepath.Join(r.dir, "data", "recordings")), int64(metric(t, r.server, "weir_record_kept_bytes"))
	for _, file := range r.recordings(t) {
		if strings.HasPrefix(file.Stream, "load/") {
			of[file.Stream] += file.Bytes
			r.largest[file.Stream] = max(r.largest[file.Stream], file.Bytes)
		}
	}
	most := r.ofAll
	for stream, largest := range r.largest {
		most += largest
		if of[stream] > r.ofOne+largest {
			t.Errorf("%s has %d bytes, bound %d, its largest file has %d", stream, of[stream], r.ofOne, largest)
		}
	}
	if onDisk > most || metered > most {
		t.Errorf("there are %d bytes on the disk, %d by the metric, want %d at most", onDisk, metered, most)
	}
}

// folderBytes returns how many bytes the files of a folder have.
func folderBytes(t *testing.T, dir string) (sum int64) {
	t.Helper()
	for _, name := range globMedia(t, os.DirFS(dir)) {
		if i, err := os.Stat(filepath.Join(dir, name)); err == nil { // else it was removed
			sum += i.Size()
		}
	}
	return sum
}
