package library

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/remux/mediafile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The files of these tests are a line of JSON, an "f" for each second of media, and a
// full stop that makes them complete. An "x" stands for half a fragment.

// header returns the first line of a file.
func header(stream string, start time.Time) string {
	text, err := json.Marshal(mediafile.Header{Stream: stream, Start: start})
	if err != nil {
		panic(err)
	}
	return string(text) + "\n"
}

func describeText(r io.ReaderAt, size int64) (i mediafile.Info, err error) {
	text := make([]byte, size)
	if _, err := r.ReadAt(text, 0); err != nil && err != io.EOF {
		return i, err
	}
	line, rest, ok := bytes.Cut(text, []byte("\n"))
	if !ok || json.Unmarshal(line, &i.Header) != nil {
		return i, reason.Wrap(reason.BadMedia, errors.New("no header"))
	}
	frames := len(rest) - len(bytes.TrimLeft(rest, "f"))
	if frames == 0 {
		return i, reason.Wrap(reason.BadMedia, errors.New("no frame"))
	}
	i.Format, i.Duration, i.Good = mediafile.MP4, time.Duration(frames)*time.Second, int64(len(line)+1+frames)
	if i.Complete = bytes.HasSuffix(rest, []byte("f.")); i.Complete {
		i.Good++
	}
	return i, nil
}

func mendText(f mediafile.File, size int64) (mediafile.Info, error) {
	i, err := describeText(f, size)
	if err != nil || i.Complete {
		return i, err
	}
	if err := f.Truncate(i.Good); err != nil {
		return i, err
	}
	if _, err := f.WriteAt([]byte("."), i.Good); err != nil {
		return i, err
	}
	i.Complete, i.Good = true, i.Good+1
	return i, nil
}

// logs is a log that tests read.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logs) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

// rig is a library in a folder of its own.
type rig struct {
	*Library
	t       *testing.T
	options Options
	logs    *logs
}

var day = time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC)

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{t: t, logs: new(logs)}
	r.options = Options{
		Folder: filepath.Join(dir, "recordings"), Index: filepath.Join(dir, "index", "recordings.db"),
		Log: slog.New(slog.NewTextHandler(r.logs, nil)),
	}
	r.open()
	t.Cleanup(func() { r.close() })
	return r
}

func (r *rig) open() {
	r.t.Helper()
	l, err := open(r.options, media{describeText, mendText})
	if err != nil {
		r.t.Fatal(err)
	}
	r.Library = l
}

func (r *rig) close() {
	r.t.Helper()
	if r.Library == nil {
		return
	}
	if err := r.Close(); err != nil {
		r.t.Error(err)
	}
	r.Library = nil
}

// reopen does what a restart does.
func (r *rig) reopen() {
	r.t.Helper()
	r.close()
	r.open()
}

// create begins a segment.
func (r *rig) create(stream, file string, start time.Time) *File {
	r.t.Helper()
	f, err := r.Create(Segment{Stream: stream, File: file, Format: mediafile.MP4, Start: start, Tracks: []string{"H264 1280x720"}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(f, header(stream, start))
	return f
}

func (r *rig) write(f *File, text string) {
	r.t.Helper()
	if _, err := f.Write([]byte(text)); err != nil {
		r.t.Fatal(err)
	}
}

// add makes a segment of some seconds.
func (r *rig) add(stream, file string, start time.Time, seconds int) Segment {
	r.t.Helper()
	f := r.create(stream, file, start)
	r.write(f, strings.Repeat("f", seconds)+".")
	s, err := f.End(time.Duration(seconds)*time.Second, "segment_duration")
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// list returns all that a query chooses, by pages of two.
func (r *rig) list(q Query) (all []Segment) {
	r.t.Helper()
	for q.Limit = 2; ; {
		page, more, err := r.List(q)
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, page...)
		if !more {
			return all
		}
		q.After = page[len(page)-1].ID
	}
}

func (r *rig) files(q Query) string {
	r.t.Helper()
	var names []string
	for _, s := range r.list(q) {
		names = append(names, s.File)
	}
	return strings.Join(names, " ")
}

// metric returns the sum of a metric over its labels.
func (r *rig) metric(name string) (sum float64) {
	r.t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// onDisk returns the names of all files, in order.
func (r *rig) onDisk() string {
	r.t.Helper()
	var names []string
	err := filepath.WalkDir(r.options.Folder, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(r.options.Folder, path)
			names = append(names, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// put writes a file as somebody else would.
func (r *rig) put(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.options.Folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		r.t.Fatal(err)
	}
}

// eventually waits until ok, for a minute at most.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what, "does not happen")
		}
	}
}

// settled waits until the index on disk has everything.
func (r *rig) settled() {
	r.t.Helper()
	eventually(r.t, "writing the index", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.overlay.dirty == 0
	})
}
