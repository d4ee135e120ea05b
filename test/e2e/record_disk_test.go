//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/remux/mediafile"
)

// TestFullRecordDiskFull: three streams fill up a small disk, which has the index, too.
// Nobody who watches notices; each failure is told of once, and once there is room again
// it is recorded as before. What was recorded is playable.
func TestFullRecordDiskFull(t *testing.T) {
	t.Parallel()
	d := recordOnto(t, mountTmpfs(t, t.TempDir(), 20<<20, 0))
	ballast := filepath.Join(d.disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 17<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	d.publish(t)
	d.requireFailure(t, "disk_full", "no space left on device")
	time.Sleep(3 * time.Second) // it is tried again, and fails again
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	d.requireRecovery(t, "disk_full")
	d.requireWatched(t)
	d.requireFiles(t)
}

// TestFullRecordDiskAway: the folder of recordings is removed, and later becomes
// read-only, while files in it are written.
func TestFullRecordDiskAway(t *testing.T) {
	t.Parallel()
	d := recordOnto(t, t.TempDir())
	d.publish(t)
	folder := filepath.Join(d.disk, "recordings")
	d.eventuallyAll(t, 20*time.Second, "recorded", func(r api.RecorderInfo) bool { return r.State == "recording" && r.Bytes > 0 })
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	d.requireRecovery(t, "disk_error")
	mountTmpfs(t, folder, 1<<20, syscall.MS_RDONLY)
	d.requireFailure(t, "disk_error", "read-only file system")
	if err := syscall.Unmount(folder, 0); err != nil {
		t.Fatal(err)
	}
	d.requireRecovery(t, "disk_error")
	d.requireWatched(t)
	d.requireFiles(t)
}

// mountTmpfs mounts a file system in memory until the test ends. It needs root.
func mountTmpfs(t *testing.T, dir string, bytes int, flags uintptr) string {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Fatalf("mounting a tmpfs: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }) // unless the test did
	return dir
}

// diskful is a server that records three streams, each in a format of its own, and
// those who watch them.
type diskful struct {
	*server
	disk     string // data.dir of the server
	hooks    *hookReceiver
	watchers map[string]*watcher // by stream
	failures int                 // that were told of, of each stream
}

func recordOnto(t *testing.T, disk string) *diskful {
	t.Helper()
	d := &diskful{disk: disk, hooks: startReceiver(t), watchers: map[string]*watcher{}}
	d.server = startServer(t, settings{
		"data.dir": disk, "record.segment_duration": "3s", "record.streams": recordedFormats, "hooks.url": d.hooks.URL, "hooks.events": "[record.*]",
	})
	return d
}

func (d *diskful) publish(t *testing.T) {
	t.Helper()
	for _, format := range mediafile.Formats() {
		name := string(format) + "/a"
		d.server.publish(t, simpleClip, name, publishOptions{loop: true})
		d.watchers[name] = watch(openFLV(t, d.httpURL(name+".flv")))
	}
}

// eventuallyAll waits until a condition holds of the recorders of all streams.
func (d *diskful) eventuallyAll(t *testing.T, limit time.Duration, what string, ok func(api.RecorderInfo) bool) {
	t.Helper()
	var all []api.RecorderInfo
	defer func() {
		if t.Failed() {
			t.Logf("recorders: %+v", all)
		}
	}()
	eventually(t, limit, what, func() bool {
		all = d.recorders(t)
		return len(all) == len(d.watchers) && !slices.ContainsFunc(all, func(r api.RecorderInfo) bool { return !ok(r) })
	})
}

// recorders returns what the server says of them.
func (s *server) recorders(t *testing.T) []api.RecorderInfo {
	t.Helper()
	var answer struct{ Recorders []api.RecorderInfo }
	if err := json.Unmarshal([]byte(s.get(t, "api/v1/recorders")), &answer); err != nil {
		t.Fatalf("GET /api/v1/recorders: %v", err)
	}
	return answer.Recorders
}

// requireFailure waits until the recording of all streams fails, which the API and the
// metrics tell.
func (d *diskful) requireFailure(t *testing.T, reason, text string) {
	t.Helper()
	d.eventuallyAll(t, 40*time.Second, "no stream is recorded", func(r api.RecorderInfo) bool {
		return r.State == "failed" && strings.Contains(r.Error, text) && r.FailedAt != nil && r.Next != nil
	})
	if n := metric(t, d.server, fmt.Sprintf("weir_record_errors_total{reason=%q}", reason)); n < 3 {
		t.Errorf("%v errors are counted", n)
	}
	if n := metric(t, d.server, `weir_record_recorders{state="failed"}`); n != 3 {
		t.Errorf("%v recorders have failed", n)
	}
}

// requireRecovery waits until all streams are recorded again, and checks that hooks and
// log told of one more failure of each, and of its end.
func (d *diskful) requireRecovery(t *testing.T, reason string) {
	t.Helper()
	d.failures++
	for name := range d.watchers {
		eventually(t, 60*time.Second, name+" has recovered", func() bool { return d.hooks.counts(name)["record.recovered"] == d.failures })
		if n := d.hooks.counts(name)["record.error"]; n != d.failures {
			t.Errorf("%d times record.error of %s, want %d", n, name, d.failures)
		}
		told := slices.DeleteFunc(d.hooks.events(name), func(e hookEvent) bool { return e.Type == "record.segment" })
		for _, e := range told[len(told)-2:] {
			if e.Data.Reason != reason {
				t.Errorf("%s: %+v, want the reason %s", name, e, reason)
			}
		}
	}
	d.eventuallyAll(t, 10*time.Second, "all are recorded", func(r api.RecorderInfo) bool { return r.State == "recording" && r.Error == "" })
	if n := strings.Count(d.out.String(), `msg="recording failed"`); n != d.failures*len(d.watchers) {
		t.Errorf("the log tells %d times of failures, want %d for each of %d streams", n, d.failures, len(d.watchers))
	}
}

// requireWatched checks that those who watch miss nothing. Where the clip begins anew,
// pictures are a little more than 40 ms apart.
func (d *diskful) requireWatched(t *testing.T) {
	t.Helper()
	for name, w := range d.watchers {
		if n, gap, err := w.progress(); n < 300 || gap > 100 || err != nil {
			t.Errorf("who watches %s got %d packets, with a hole of %d ms, then %v", name, n, gap, err)
		}
	}
}

// requireFiles starts the server anew, and checks that it lists each file once, and that
// each is complete and plays.
func (d *diskful) requireFiles(t *testing.T) {
	t.Helper()
	d.stop(t)
	d.restart(t)
	listed := map[string]api.RecordingInfo{}
	for _, r := range d.recordings(t) {
		listed[r.File] = r
	}
	root := os.DirFS(filepath.Join(d.disk, "recordings"))
	names := globMedia(t, root)
	for _, name := range names {
		file := filepath.Join(d.disk, "recordings", name)
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		info, err := mediafile.Describe(bytes.NewReader(content), int64(len(content)))
		r, least := listed[name], time.Second/2
		if r.Why == "shutdown" {
			least = 1 // it may just have begun
		}
		if err != nil || !info.Complete || info.Duration < least || r.Writing || r.Bytes != int64(len(content)) {
			t.Errorf("%s is %+v, %v, listed as %+v", name, info, err, r)
		}
		if err := decodeQuietly(file); err != nil {
			t.Error(err)
		}
	}
	if len(names) != len(listed) || len(names) < 2*len(d.watchers) {
		t.Errorf("%d files, of which %d are listed", len(names), len(listed))
	}
}
