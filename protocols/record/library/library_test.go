package library

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirmedia/weir/remux/mediafile"
)

// TestListing: segments by stream and range, page by page, whether the index on disk
// has them, memory does, or each some.
func TestListing(t *testing.T) {
	at := func(minutes int) time.Time { return day.Add(time.Duration(minutes) * time.Minute) }
	for name, settle := range map[string]func(*rig){
		"in memory": func(*rig) {},
		"on disk":   func(r *rig) { r.settled() },
		"restarted": func(r *rig) { r.reopen() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.add("live/b", "b/1.mp4", at(0), 600)
			r.add("live/a", "a/2.mp4", at(10), 600)
			settle(r)
			r.add("live/a", "a/1.mp4", at(0), 600)
			r.add("live/a/x", "x/1.mp4", at(5), 60)
			r.add("live/a", "a/old.mp4", time.UnixMilli(-5), 1)
			r.add("live/a", "a/3.mp4", at(20), 60)
			settle(r)
			for _, c := range []struct {
				query Query
				want  string
			}{
				{Query{}, "a/old.mp4 a/1.mp4 a/2.mp4 a/3.mp4 x/1.mp4 b/1.mp4"},
				{Query{Stream: "live/a"}, "a/old.mp4 a/1.mp4 a/2.mp4 a/3.mp4"},
				{Query{Stream: "live"}, ""},
				{Query{Stream: "live/a", From: at(1)}, "a/1.mp4 a/2.mp4 a/3.mp4"},
				{Query{Stream: "live/a", From: at(10)}, "a/2.mp4 a/3.mp4"},
				{Query{Stream: "live/a", From: at(10), To: at(20)}, "a/2.mp4"},
				{Query{Stream: "live/a", From: at(10), To: at(20).Add(time.Nanosecond)}, "a/2.mp4 a/3.mp4"},
				{Query{Stream: "live/a", To: at(0)}, "a/old.mp4"},
				{Query{From: at(5), To: at(6)}, "a/1.mp4 x/1.mp4 b/1.mp4"},
				{Query{From: at(21)}, ""},
				{Query{From: at(6), To: at(5)}, ""},
			} {
				if got := r.files(c.query); got != c.want {
					t.Errorf("%+v: %s, want %s", c.query, got, c.want)
				}
			}
			streams, err := r.Streams()
			if err != nil || len(streams) != 3 || streams[0].Stream != "live/a" || streams[0].Segments != 4 ||
				!streams[0].From.Equal(time.UnixMilli(-5)) || !streams[0].To.Equal(at(21)) || !streams[2].To.Equal(at(10)) || streams[2].Bytes < 600 {
				t.Errorf("%+v %v", streams, err)
			}
		})
	}
}

// TestListingAgainstModel compares random histories with a plain list.
func TestListingAgainstModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	r := newRig(t)
	model := map[string]Segment{}
	for i := range 150 {
		stream := fmt.Sprint("s/", random.IntN(3))
		switch n := random.IntN(20); {
		case n < 13:
			start := day.Add(time.Duration(random.IntN(100_000)) * time.Millisecond)
			s := r.add(stream, fmt.Sprintf("%s/%d.mp4", stream, i), start, 1+random.IntN(20))
			model[s.ID] = s
		case n < 17:
			for id := range model {
				if err := r.Remove(id); err != nil {
					t.Fatal(err)
				}
				delete(model, id)
				break
			}
		case n < 18:
			r.settled()
		case n < 19:
			r.reopen()
		}
		from := day.Add(time.Duration(random.IntN(100_000)) * time.Millisecond)
		q := Query{Stream: stream, From: from, To: from.Add(time.Duration(random.IntN(30_000)) * time.Millisecond)}
		if random.IntN(4) == 0 {
			q = Query{Stream: stream}
		}
		want := map[string]bool{}
		for _, s := range model {
			if s.Stream == stream && (q.From.IsZero() || s.End().After(q.From) && s.Start.Before(q.To)) {
				want[s.ID] = true
			}
		}
		got := r.list(q)
		for i, s := range got {
			if !want[s.ID] || !reflect.DeepEqual(s, model[s.ID]) || i > 0 && got[i-1].Start.After(s.Start) {
				t.Fatalf("%+v: %+v", q, s)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%+v: %d, want %d", q, len(got), len(want))
		}
		var bytes, total int64
		for _, s := range model {
			bytes += s.Bytes
		}
		all, err := r.Streams()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			total += s.Bytes
			last := r.list(Query{Stream: s.Stream})
			if !s.From.Equal(last[0].Start) || !s.To.Equal(last[len(last)-1].End()) || s.Segments != len(last) {
				t.Fatalf("%+v of %+v", s, last)
			}
		}
		if bytes != total || r.totalBytes() != total {
			t.Fatal(bytes, total, r.totalBytes())
		}
	}
}

// TestWriting: a segment that is written is listed as far as it is, can be read, and
// cannot be removed.
func TestWriting(t *testing.T) {
	r := newRig(t)
	f := r.create("live/a", "a/1.mp4", day.Add(123456*time.Nanosecond))
	r.settled()
	r.write(f, "ff")
	f.Note(2 * time.Second)
	id := f.Segment().ID
	s, err := r.Get(id)
	if err != nil || !s.Writing || s.Duration != 2*time.Second || s.Bytes != int64(len(header("live/a", day.Add(123456*time.Nanosecond)))+2) || !s.Start.Equal(day) || s.Why != "" {
		t.Errorf("%+v %v", s, err)
	}
	if list := r.list(Query{From: day.Add(time.Second)}); len(list) != 1 || list[0].Bytes != s.Bytes {
		t.Errorf("%+v", list)
	}
	if err := r.Remove(id); !errors.Is(err, ErrWriting) {
		t.Error(err)
	}
	_, reader, err := r.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	r.write(f, "f.")
	if text, err := io.ReadAll(reader); err != nil || !strings.HasSuffix(string(text), "\nfff.") {
		t.Errorf("%q %v", text, err)
	}
	if _, err := reader.ReadAt(make([]byte, 1), 0); err != nil {
		t.Error(err)
	}
	s, err = f.End(3*time.Second, "unpublished")
	if err != nil || s.Writing || s.Why != "unpublished" || s.ID != id {
		t.Errorf("%+v %v", s, err)
	}
	if err := r.Remove(id); err != nil {
		t.Error(err)
	}
	if _, err := reader.Seek(0, io.SeekStart); err != nil {
		t.Error(err)
	}
	if text, err := io.ReadAll(reader); err != nil || !strings.HasSuffix(string(text), "fff.") {
		t.Errorf("who reads cannot read on: %q %v", text, err)
	}
	if err := reader.Close(); err != nil || len(r.readers) != 0 {
		t.Error(err, r.readers)
	}
	for _, again := range []error{r.Remove(id), func() error { _, err := r.Get(id); return err }(), func() error { _, _, err := r.Open(id); return err }(),
		func() error { _, _, err := r.List(Query{After: id}); return err }()} {
		if !errors.Is(again, ErrNotFound) {
			t.Error(again)
		}
	}
	if got := r.onDisk(); got != "" {
		t.Errorf("left: %s", got)
	}
	if _, err := os.Stat(filepath.Join(r.options.Folder, "a")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the empty folder is there:", err)
	}
}

// TestNames: nothing outside of the folder is written, and no file twice.
func TestNames(t *testing.T) {
	r := newRig(t)
	for _, bad := range []string{"", ".", "..", "../x.mp4", "a/../../x.mp4", "/x.mp4", "a//x.mp4", "a/./x.mp4", "a/", "bad\xff.mp4"} {
		_, err := r.Create(Segment{Stream: "live/a", File: bad, Format: mediafile.MP4, Start: day})
		var path *fs.PathError
		if !errors.As(err, &path) || !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	outside := t.TempDir()
	r.put("keep.txt", "")
	if err := os.Symlink(outside, filepath.Join(r.options.Folder, "out")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Create(Segment{Stream: "live/a", File: "out/x.mp4", Format: mediafile.MP4, Start: day}); err == nil {
		t.Error("a link was followed")
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 0 {
		t.Error(entries, err)
	}
	r.put("a b/ü\n.mp4", "mine")
	for _, want := range []string{"a b/ü\n-2.mp4", "a b/ü\n-3.mp4"} {
		if s := r.add("live/ü", "a b/ü\n.mp4", day, 1); s.File != want {
			t.Errorf("%q, want %q", s.File, want)
		}
	}
	if text, err := os.ReadFile(filepath.Join(r.options.Folder, "a b/ü\n.mp4")); err != nil || string(text) != "mine" {
		t.Errorf("%q %v", text, err)
	}
}

// TestNothingIsMade: without recordings there are neither files nor folders.
func TestNothingIsMade(t *testing.T) {
	r := newRig(t)
	if list := r.list(Query{}); len(list) != 0 {
		t.Error(list)
	}
	r.reopen()
	r.close()
	if entries, err := os.ReadDir(filepath.Dir(r.options.Folder)); err != nil || len(entries) != 0 {
		t.Error(entries, err)
	}
}

func TestFolderIsAFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Folder: name, Index: name + ".db"}); err == nil {
		t.Error("no error")
	}
}

// TestRemovedUnderTheWriter: a file or folder that somebody removes is noticed, and is
// not in the index; the next segment makes the folder anew.
func TestRemovedUnderTheWriter(t *testing.T) {
	r := newRig(t)
	f := r.create("live/a", "a/1.mp4", day)
	if err := f.Check(); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(r.options.Folder); err != nil {
		t.Fatal(err)
	}
	r.write(f, "f")
	if err := f.Check(); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	g := r.create("live/a", "a/1.mp4", day)
	if err := f.Check(); !errors.Is(err, fs.ErrNotExist) {
		t.Error("another file is taken for it:", err)
	}
	if _, err := f.End(time.Second, "error"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	r.write(g, "ff.")
	if _, err := g.End(2*time.Second, "unpublished"); err != nil {
		t.Error(err)
	}
	if list := r.list(Query{}); len(list) != 1 || list[0].Duration != 2*time.Second {
		t.Errorf("%+v", list)
	}
	r.reopen()
	if list := r.list(Query{}); len(list) != 1 || list[0].Duration != 2*time.Second {
		t.Errorf("%+v", list)
	}
}

// TestDiscard: nothing is left of a segment.
func TestDiscard(t *testing.T) {
	r := newRig(t)
	f := r.create("live/a", "a/b/1.mp4", day)
	f.Discard()
	if list, disk := r.list(Query{}), r.onDisk(); len(list) != 0 || disk != "" {
		t.Errorf("%+v %s", list, disk)
	}
	if streams, err := r.Streams(); err != nil || len(streams) != 0 {
		t.Errorf("%+v %v", streams, err)
	}
}

// TestFailedWrite: after a write that failed the file is cut back to what is whole.
func TestFailedWrite(t *testing.T) {
	for _, c := range []struct {
		text  string
		whole int
	}{{"ffx", 2}, {"x", 0}} {
		r := newRig(t)
		f := r.create("live/a", "a/1.mp4", day)
		r.write(f, c.text)
		path := filepath.Join(r.options.Folder, "a/1.mp4")
		good := f.file
		bad, err := os.Open(path) // cannot be written
		if err != nil {
			t.Fatal(err)
		}
		f.file = bad
		if _, err := f.Write([]byte("f")); err == nil {
			t.Fatal("no error")
		}
		f.file = good
		bad.Close()
		s, err := f.End(5*time.Second, "error")
		if c.whole == 0 {
			if err == nil || len(r.list(Query{})) != 0 || r.onDisk() != "" {
				t.Errorf("%v %+v %s", err, r.list(Query{}), r.onDisk())
			}
			continue
		}
		text, readErr := os.ReadFile(path)
		if err != nil || readErr != nil || !strings.HasSuffix(string(text), "\nff.") || s.Duration != 2*time.Second || s.Bytes != int64(len(text)) {
			t.Errorf("%+v %v %q %v", s, err, text, readErr)
		}
	}
}

// TestOneNameForTwo: streams whose files would have one name have one each, whole.
func TestOneNameForTwo(t *testing.T) {
	r := newRig(t)
	a, b := r.create("live/a", "x/1.mp4", day), r.create("cam/a", "x/1.mp4", day)
	for range 3 {
		r.write(a, "f")
		r.write(b, "ff")
	}
	for _, f := range []*File{a, b} {
		r.write(f, ".")
		if _, err := f.End(time.Second, "unpublished"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := r.Create(Segment{Stream: "live/b", File: "x/1.mp4/2.mp4", Format: mediafile.MP4, Start: day})
	if !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a folder where a file is: %v", err)
	}
	r.close()
	if err := os.Remove(r.options.Index); err != nil {
		t.Fatal(err)
	}
	r.open()
	for stream, seconds := range map[string]time.Duration{"live/a": 3, "cam/a": 6} {
		list := r.list(Query{Stream: stream})
		if len(list) != 1 || list[0].Duration != seconds*time.Second {
			t.Errorf("%s: %+v", stream, list)
		}
	}
}

// TestManyOfOneName: of a name that is there very often not all are tried, and there is no
// end of recording.
func TestManyOfOneName(t *testing.T) {
	const many = 200
	r := newRig(t)
	r.put("x/1.mp4", "")
	for n := 2; n <= many; n++ {
		r.put(fmt.Sprintf("x/1-%d.mp4", n), "")
	}
	s := r.add("live/a", "x/1.mp4", day, 1)
	if s.File == fmt.Sprintf("x/1-%d.mp4", many+1) || !strings.HasPrefix(s.File, "x/1-") || len(s.File) > len("x/1")+15 {
		t.Error(s.File)
	}
}
