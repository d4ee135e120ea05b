package library

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// removals are what retention told of.
type removals struct {
	mu    sync.Mutex
	files []string
}

func (m *removals) add(s Segment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files = append(m.files, s.File)
}

func (m *removals) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.files, " ")
}

func (r *rig) keeps(k Keep, total int64) { r.SetKeep(func(string) Keep { return k }, total) }

func retentionRig(t *testing.T) (*rig, *removals) {
	t.Helper()
	m := new(removals)
	r := newRig(t)
	r.close()
	r.options.Removed = m.add
	r.open()
	return r, m
}

// TestAge: what ended too long ago goes, oldest first; what is written stays, however
// old, and so do other streams.
func TestAge(t *testing.T) {
	r, m := retentionRig(t)
	now := time.Now()
	writing := r.create("live/a", "a/0.mp4", now.Add(-5*time.Hour))
	for i, age := range []time.Duration{4 * time.Hour, 3 * time.Hour, time.Hour + time.Second, time.Minute} {
		r.add("live/a", fmt.Sprintf("a/%d.mp4", i+1), now.Add(-age), 2)
	}
	r.add("live/b", "b/1.mp4", now.Add(-4*time.Hour), 2)
	r.SetKeep(func(stream string) Keep {
		if stream == "live/a" {
			return Keep{Age: time.Hour}
		}
		return Keep{}
	}, 0)
	eventually(t, "retention", func() bool { return m.String() == "a/1.mp4 a/2.mp4" })
	if got := r.onDisk(); got != "a/0.mp4 a/3.mp4 a/4.mp4 b/1.mp4" {
		t.Error(got)
	}
	if n := r.metric("weir_record_removed_total"); n != 2 {
		t.Error(n)
	}
	writing.Discard()
}

// TestClockSetAhead: what was recorded before somebody set the clock is not as old as it
// looks, and does not keep what is.
func TestClockSetAhead(t *testing.T) {
	r, m := retentionRig(t)
	now := time.Now()
	wrong := now.Add(-100 * time.Hour) // by the clock when weir began, just now
	r.opened = wrong.Round(0)
	r.add("live/a", "a/before.mp4", wrong.Add(-time.Hour), 2)
	r.add("live/a", "a/now.mp4", wrong, 2)
	r.add("live/a", "a/between.mp4", now.Add(-50*time.Hour), 2)
	r.add("live/a", "a/young.mp4", now.Add(-time.Hour), 2)
	r.keeps(Keep{Age: 24 * time.Hour}, 0)
	eventually(t, "retention", func() bool { return m.String() == "a/before.mp4 a/between.mp4" })
	if got := r.onDisk(); got != "a/now.mp4 a/young.mp4" {
		t.Error(got)
	}
	r.keeps(Keep{Age: 24 * time.Hour, Bytes: 1}, 0)
	eventually(t, "room", func() bool { return r.onDisk() == "" })
}

// TestCloseEndsRetention: who closes a library does not wait for all that is to go.
func TestCloseEndsRetention(t *testing.T) {
	r, m := retentionRig(t)
	for i := range 3 {
		r.add("live/a", fmt.Sprintf("a/%d.mp4", i), day.Add(time.Duration(i)*time.Hour), 2)
		r.add("live/b", fmt.Sprintf("b/%d.mp4", i), day.Add(time.Duration(i)*time.Hour), 2)
	}
	close(r.stop)
	r.workers.Wait()
	r.keeps(Keep{Age: time.Hour, Bytes: 1}, 1)
	r.sweep(time.Now(), nil)
	if got := m.String(); got != "" {
		t.Errorf("%s went", got)
	}
	if err := r.store.close(); err != nil {
		t.Error(err)
	}
	r.Library = nil
}

// TestBytes: the oldest of the stream, or of all, go while there are too many bytes, of
// which those that are being written are some; what is read or held is passed over.
func TestBytes(t *testing.T) {
	size := int64(len(header("live/a", day))) + 901
	for _, total := range []bool{false, true} {
		t.Run(fmt.Sprint("total ", total), func(t *testing.T) {
			r, m := retentionRig(t)
			var ids []string
			for i := range 6 {
				ids = append(ids, r.add("live/a", fmt.Sprintf("a/%d.mp4", i), day.Add(time.Duration(i)*time.Hour), 900).ID)
			}
			r.add("live/b", "b/0.mp4", day.Add(-time.Hour), 900)
			_, reader, err := r.Open(ids[1])
			if err != nil {
				t.Fatal(err)
			}
			r.Hold(ids[2], time.Hour)
			keep, want := Keep{Bytes: 4 * size}, "a/0.mp4 a/3.mp4"
			if total {
				keep, want = Keep{}, "b/0.mp4 a/0.mp4 a/3.mp4"
				r.keeps(keep, 4*size)
			} else {
				r.keeps(keep, 0)
			}
			eventually(t, "retention", func() bool { return m.String() == want })
			writing := r.create("live/a", "a/6.mp4", day.Add(6*time.Hour))
			r.write(writing, strings.Repeat("f", 900))
			r.keeps(keep, map[bool]int64{true: 4 * size}[total])
			eventually(t, "room for what is written", func() bool { return m.String() == want+" a/4.mp4" })
			if err := reader.Close(); err != nil {
				t.Fatal(err)
			}
			r.write(writing, ".")
			if _, err := writing.End(900*time.Second, "segment_duration"); err != nil {
				t.Fatal(err)
			}
			r.add("live/a", "a/7.mp4", day.Add(7*time.Hour), 900)
			eventually(t, "the end of reading", func() bool { return m.String() == want+" a/4.mp4 a/1.mp4" })
		})
	}
}

// TestBoundHolds: while many streams record, their bytes never exceed the bound by
// more than the segments that are being written.
func TestBoundHolds(t *testing.T) {
	const streams, rounds, seconds = 5, 20, 500
	r, _ := retentionRig(t)
	size := int64(len(header("live/0", day))) + seconds + 1
	r.keeps(Keep{Bytes: 3 * size}, 0)
	for round := range rounds {
		for i := range streams {
			stream := fmt.Sprint("live/", i)
			r.add(stream, fmt.Sprintf("%s/%d.mp4", stream, round), day.Add(time.Duration(round)*time.Minute), seconds)
			eventually(t, "retention", func() bool { return r.bytes(stream) <= 3*size })
		}
	}
	if got := r.files(Query{Stream: "live/3"}); got != "live/3/17.mp4 live/3/18.mp4 live/3/19.mp4" {
		t.Error(got)
	}
	if n := len(strings.Fields(r.onDisk())); n != 3*streams {
		t.Error(n)
	}
}

// TestCannotRemove: what cannot be removed stays in the index, is told once, and does
// not keep others.
func TestCannotRemove(t *testing.T) {
	r, m := retentionRig(t)
	// A folder with the name of a file stands for what cannot be removed: the tests may
	// run as root, whom permissions do not stop.
	bad := r.add("live/a", "a/1.mp4", day, 3)
	r.add("live/a", "a/2.mp4", day.Add(time.Hour), 3)
	path := filepath.Join(r.options.Folder, "a/1.mp4")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o750); err != nil {
		t.Fatal(err)
	}
	i, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	r.settled()
	bad.Bytes = i.Size() // else it would be taken for another file
	r.mu.Lock()
	r.overlay.put(change{segment: bad})
	r.mu.Unlock()
	r.keeps(Keep{Age: time.Hour}, 0)
	eventually(t, "retention", func() bool { return m.String() == "a/2.mp4" })
	eventually(t, "a line in the log", func() bool { return r.logs.has("cannot be removed") })
	failed := r.sweep(time.Now(), map[string]bool{bad.ID: true})
	if !failed[bad.ID] || len(failed) != 1 {
		t.Error(failed)
	}
	if n := strings.Count(r.logs.text.String(), "cannot be removed"); n != 1 {
		t.Errorf("told %d times", n)
	}
	if got := r.files(Query{}); got != "a/1.mp4" {
		t.Error(got)
	}
}

// TestReplacedFile: a name that was free for another file does not cost that.
func TestReplacedFile(t *testing.T) {
	r, m := retentionRig(t)
	r.add("live/a", "a/1.mp4", day, 3)
	if err := os.Remove(filepath.Join(r.options.Folder, "a/1.mp4")); err != nil {
		t.Fatal(err)
	}
	r.add("live/a", "a/1.mp4", time.Now(), 5)
	r.keeps(Keep{Age: time.Hour}, 0)
	eventually(t, "retention", func() bool { return m.String() == "a/1.mp4" })
	list := r.list(Query{})
	if len(list) != 1 || list[0].Duration != 5*time.Second || r.onDisk() != "a/1.mp4" {
		t.Errorf("%+v %s", list, r.onDisk())
	}
}

// TestLinkedFolder: a link to a folder is no empty folder.
func TestLinkedFolder(t *testing.T) {
	r := newRig(t)
	r.put("disk/other.txt", "")
	if err := os.Symlink("disk", filepath.Join(r.options.Folder, "live")); err != nil {
		t.Fatal(err)
	}
	s := r.add("live/a", "live/1.mp4", day, 3)
	if err := r.Remove(s.ID); err != nil {
		t.Error(err)
	}
	if got := r.onDisk(); got != "disk/other.txt live" {
		t.Error(got)
	}
}

// TestTogether: readers, writers, lists and retention at once, for the race detector.
func TestTogether(t *testing.T) {
	r, _ := retentionRig(t)
	r.keeps(Keep{Bytes: 20_000}, 50_000)
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			stream := fmt.Sprint("live/", i)
			for n := range 50 {
				f, err := r.Create(Segment{Stream: stream, File: fmt.Sprintf("%s/x/%d.mp4", stream, n%7), Format: "mp4", Start: day.Add(time.Duration(n) * time.Second)})
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = f.Write([]byte(header(stream, day) + strings.Repeat("f", 3000)))
				f.Note(time.Second)
				if _, err := f.End(time.Second, "x"); err != nil {
					t.Error(err)
				}
			}
		})
		group.Go(func() {
			for range 100 {
				list, _, err := r.List(Query{Limit: 1000})
				if err != nil || !slices.IsSortedFunc(list, func(a, b Segment) int { return strings.Compare(a.key(), b.key()) }) {
					t.Error(err)
				}
				for _, s := range list {
					if _, reader, err := r.Open(s.ID); err == nil {
						if b, err := os.ReadFile(filepath.Join(r.options.Folder, s.File)); err == nil && len(b) < 10 {
							t.Log("short")
						}
						reader.Close()
					}
					r.Hold(s.ID, time.Microsecond)
				}
				if _, err := r.Streams(); err != nil {
					t.Error(err)
				}
				if len(list) > 0 {
					_ = r.Remove(list[len(list)/2].ID)
				}
			}
		})
	}
	group.Wait()
	r.keeps(Keep{Bytes: 1}, 0)
	eventually(t, "retention", func() bool { return r.totalBytes() == 0 })
	if got := r.onDisk(); got != "" {
		t.Error(got)
	}
	if _, err := os.Stat(r.options.Folder); err != nil {
		t.Error(err)
	}
}
