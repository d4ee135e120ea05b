package library

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirmedia/weir/remux/mediafile"
)

// kill ends a library as kill -9 would: what the index on disk lacks is lost.
func (r *rig) kill() {
	l := r.Library
	close(l.stop)
	l.workers.Wait()
	if err := l.store.close(); err != nil {
		r.t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.overlay.ordered {
		if c.file != nil {
			c.file.file.Close()
		}
	}
	r.Library = nil
}

// TestKilled: what was written is mended, whether the index knew of it or not, and is
// listed as it is; nothing is removed.
func TestKilled(t *testing.T) {
	for name, settle := range map[string]func(*rig){"known": func(r *rig) { r.settled() }, "unknown": func(*rig) {}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.add("live/a", "a/0.mp4", day.Add(-time.Hour), 3)
			f := r.create("live/a", "a/1.mp4", day)
			settle(r)
			r.write(f, "ffffx")
			empty := r.create("live/a", "a/2.mp4", day.Add(time.Minute)) // no frame yet
			ended := r.create("live/a", "a/3.mp4", day.Add(time.Hour))
			r.write(ended, "ff.") // killed before End
			settle(r)
			want := f.Segment()
			r.kill()
			r.open()
			if got := r.files(Query{}); got != "a/0.mp4 a/1.mp4 a/3.mp4" {
				t.Fatal(got)
			}
			s := r.list(Query{})[1]
			text, err := os.ReadFile(filepath.Join(r.options.Folder, "a/1.mp4"))
			if err != nil || !strings.HasSuffix(string(text), "\nffff.") || s.ID != want.ID || s.Writing || s.Duration != 4*time.Second ||
				s.Bytes != int64(len(text)) || s.Why != WhyInterrupted {
				t.Errorf("%+v %q %v", s, text, err)
			}
			if got := r.onDisk(); !strings.Contains(got, empty.Segment().File) {
				t.Errorf("a file was removed: %s", got)
			}
			before := r.list(Query{})
			r.reopen()
			if after := r.list(Query{}); !reflect.DeepEqual(before, after) {
				t.Errorf("%+v\nthen %+v", before, after)
			}
		})
	}
}

// TestHalfMended: what a disk took of mending is what retention removes.
func TestHalfMended(t *testing.T) {
	r := newRig(t)
	f := r.create("live/a", "a/1.mp4", day)
	r.write(f, "ffffx")
	r.kill()
	full := errors.New("no space left")
	l, err := open(r.options, media{describeText, func(f mediafile.File, size int64) (mediafile.Info, error) {
		i, err := describeText(f, size)
		return mediafile.Info{}, errors.Join(err, f.Truncate(i.Good), full)
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.Library = l
	list := r.list(Query{})
	if len(list) != 1 {
		t.Fatalf("%+v", list)
	}
	if err := r.Remove(list[0].ID); err != nil || r.onDisk() != "" {
		t.Errorf("%q is left: %v", r.onDisk(), err)
	}
}

// TestForeignFiles: files that others put there are left alone; what tells of what
// stream it is, is taken in; what has gone or changed is noticed.
func TestForeignFiles(t *testing.T) {
	r := newRig(t)
	gone, changed := r.add("live/a", "a/1.mp4", day, 3), r.add("live/a", "a/2.mp4", day.Add(time.Minute), 3)
	r.close()
	other := map[string]string{
		"holiday.mp4": "{}\nfff.", "notes.txt": header("live/a", day) + "f.", "a/broken.mp4": "\x00\x00", "a/empty.ts": "",
		"odd.mp4": header("live//\x00a", day) + "f.", "undated.mp4": header("live/a", time.Time{}) + "f.", "bad\xff.mp4": header("live/a", day) + "f.",
	}
	for name, text := range other {
		r.put(name, text)
	}
	outside := filepath.Join(t.TempDir(), "x.mp4")
	if err := os.WriteFile(outside, []byte(header("live/out", day)+"f."), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"link.mp4": outside, "linked": filepath.Dir(outside), "loop": "."} {
		if err := os.Symlink(to, filepath.Join(r.options.Folder, link)); err != nil {
			t.Fatal(err)
		}
	}
	r.put("b/new.mp4", header("/live/b/", day)+"ff.")
	r.put(changed.File, header("live/a", day.Add(time.Minute))+"ffffff.")
	if err := os.Remove(filepath.Join(r.options.Folder, gone.File)); err != nil {
		t.Fatal(err)
	}
	r.open()
	for range 2 {
		list := r.list(Query{})
		if len(list) != 2 || list[0].ID != changed.ID || list[0].Duration != 6*time.Second || list[1].File != "b/new.mp4" || list[1].Stream != "live/b" || list[1].Why != WhyFound || list[1].Duration != 2*time.Second {
			t.Errorf("%+v", list)
		}
		for name, text := range other {
			if got, err := os.ReadFile(filepath.Join(r.options.Folder, name)); err != nil || string(got) != text {
				t.Errorf("%s: %q %v", name, got, err)
			}
		}
		r.reopen()
	}
}

// TestSharedFolder: what another weir writes is not mended under its hands, and its
// index is left to it.
func TestSharedFolder(t *testing.T) {
	r := newRig(t)
	f := r.create("live/a", "a/1.mp4", day)
	r.write(f, "ffx")
	r.settled()
	second := &rig{t: t, logs: new(logs), options: r.options}
	second.open()
	if list := second.list(Query{}); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	own := second.add("live/b", "b/1.mp4", day, 2)
	eventually(t, "a try to write the index", func() bool { return second.metric("weir_record_index_errors_total") > 0 })
	if s, err := second.Get(own.ID); err != nil || s.Duration != 2*time.Second {
		t.Errorf("%+v %v", s, err)
	}
	if err := second.Close(); err == nil {
		t.Error("the index could be written")
	}
	r.write(f, "f")
	if text, err := os.ReadFile(filepath.Join(r.options.Folder, "a/1.mp4")); err != nil || !strings.HasSuffix(string(text), "ffxf") {
		t.Errorf("%q %v", text, err)
	}
	if _, err := f.End(time.Second, "unpublished"); err != nil {
		t.Error(err)
	}
	if got := r.files(Query{}); got != "a/1.mp4" {
		t.Error(got)
	}
}

// TestBrokenIndex: an index that is damaged anywhere is set aside and made anew, with
// the same IDs, and never costs the program or a segment.
func TestBrokenIndex(t *testing.T) {
	testBrokenIndex(t, 4, func(good []byte) map[string][]byte {
		return map[string][]byte{
			"empty": {}, "text": []byte("this is no index\n"), "zeros": make([]byte, 100_000), "foreign": bytes.Repeat([]byte("SQLite format 3\x00"), 4096),
			"header only": good[:4096], "cut": good[:len(good)/2], "cut within a page": good[:len(good)/3+77],
		}
	})
}

// testBrokenIndex opens a library with each index that damaged makes of a good one. At
// least so many of them must be set aside.
func testBrokenIndex(t *testing.T, least int, damaged func(good []byte) map[string][]byte) {
	r := newRig(t)
	for i := range 300 {
		r.add("live/a", "a/"+strings.Repeat("x", i%50)+".mp4", day.Add(time.Duration(i)*time.Second), 1)
	}
	want := r.list(Query{})
	for i := range want {
		want[i].Why, want[i].Tracks = "", nil // which only the index knows here
	}
	r.close()
	good, err := os.ReadFile(r.options.Index)
	if err != nil {
		t.Fatal(err)
	}
	rebuilt := 0
	for name, content := range damaged(good) {
		if err := os.WriteFile(r.options.Index, content, 0o600); err != nil {
			t.Fatal(err)
		}
		r.open()
		list := r.list(Query{})
		for i := range list {
			list[i].Why, list[i].Tracks = "", nil
		}
		if !reflect.DeepEqual(list, want) {
			t.Fatalf("%s: %d segments, want %d", name, len(list), len(want))
		}
		rebuilt += int(r.metric("weir_record_index_rebuilds_total"))
		s := r.add("live/b", "b.mp4", day, 1)
		r.reopen()
		if _, err := r.Get(s.ID); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := r.Remove(s.ID); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		r.close()
	}
	if rebuilt < least {
		t.Errorf("%d indexes were set aside", rebuilt)
	}
	if _, err := os.Stat(r.options.Index + ".broken"); err != nil {
		t.Error(err)
	}
}

// TestIndexCannotBeWritten: nothing is lost and nobody waits; the index catches up.
func TestIndexCannotBeWritten(t *testing.T) {
	r := newRig(t)
	folder := filepath.Dir(r.options.Index)
	if err := os.WriteFile(folder, nil, 0o600); err != nil { // a file where the folder shall be
		t.Fatal(err)
	}
	first := r.add("live/a", "a/1.mp4", day, 1)
	eventually(t, "a failure", func() bool { return r.logs.has("cannot be written") })
	second := r.add("live/a", "a/2.mp4", day.Add(time.Minute), 1)
	if err := r.Remove(first.ID); err != nil {
		t.Error(err)
	}
	if got := r.files(Query{}); got != second.File {
		t.Error(got)
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	eventually(t, "recovery", func() bool { return r.logs.has("is written again") })
	r.settled()
	r.kill()
	r.open()
	if list := r.list(Query{}); len(list) != 1 || !reflect.DeepEqual(list[0], second) {
		t.Errorf("%+v", list)
	}
	if r.logs.has("looked_at") {
		t.Error("files were looked at")
	}
}

// TestNameUsedAgain: of two recordings of one name, since somebody removed the first, the
// file is that of one alone after a start.
func TestNameUsedAgain(t *testing.T) {
	for _, second := range []string{"live/a", "live/b"} {
		r := newRig(t)
		first := r.add("live/a", "x/1.mp4", day, 3)
		if err := os.Remove(filepath.Join(r.options.Folder, "x/1.mp4")); err != nil {
			t.Fatal(err)
		}
		r.add(second, "x/1.mp4", day.Add(time.Hour), 5)
		if _, file, err := r.Open(first.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("the second is read as the first: %v", err)
			file.Close()
		}
		r.reopen()
		list := r.list(Query{})
		if len(list) != 1 || list[0].Stream != second || list[0].Duration != 5*time.Second {
			t.Errorf("%+v", list)
		}
		r.keeps(Keep{Bytes: 1}, 0)
		eventually(t, "retention", func() bool { return r.onDisk() == "" && len(r.streams()) == 0 && r.totalBytes() == 0 })
	}
}

// TestReplacedMeanwhile: a file says itself of which stream it is, whatever was there
// before under its name.
func TestReplacedMeanwhile(t *testing.T) {
	r := newRig(t)
	r.add("live/a", "x/1.mp4", day, 3)
	r.close()
	r.put("x/1.mp4", header("live/b", day.Add(time.Hour))+"fffff.")
	r.open()
	list := r.list(Query{})
	if len(list) != 1 || list[0].Stream != "live/b" || !list[0].Start.Equal(day.Add(time.Hour)) || list[0].Why != WhyFound {
		t.Errorf("%+v", list)
	}
}

// TestEndOfFullDisk: a file that the disk had no room to complete is completed at the next
// start.
func TestEndOfFullDisk(t *testing.T) {
	r := newRig(t)
	f := r.create("live/a", "a/1.mp4", day)
	r.write(f, "ffx")
	f.Cut()
	r.media.mend = func(mediafile.File, int64) (mediafile.Info, error) { return mediafile.Info{}, syscall.ENOSPC }
	if _, err := f.End(3*time.Second, "disk_full"); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	for range 2 {
		r.reopen()
		list := r.list(Query{})
		if len(list) != 1 || list[0].Duration != 2*time.Second || list[0].Why != "disk_full" {
			t.Errorf("%+v", list)
		}
		if text, err := os.ReadFile(filepath.Join(r.options.Folder, "a/1.mp4")); err != nil || !bytes.HasSuffix(text, []byte("\nff.")) {
			t.Errorf("%q %v", text, err)
		}
	}
}

// TestCut: what was cut off in the middle is completed at once.
func TestCut(t *testing.T) {
	r := newRig(t)
	f := r.create("live/a", "a/1.mp4", day)
	r.write(f, "ffx")
	f.Cut()
	s, err := f.End(3*time.Second, "internal_error")
	if err != nil || s.Duration != 2*time.Second {
		t.Errorf("%+v %v", s, err)
	}
	if text, err := os.ReadFile(filepath.Join(r.options.Folder, "a/1.mp4")); err != nil || !bytes.HasSuffix(text, []byte("\nff.")) {
		t.Errorf("%q %v", text, err)
	}
}
