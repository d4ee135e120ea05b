package vod

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirmedia/weir/protocols/record/library"
	"github.com/weirmedia/weir/remux/mediafile"
)

// TestCutFiles: files that end anywhere, as those of a weir that was killed do, are
// mended when a library opens that knows nothing of them, keep their ids and play.
func TestCutFiles(t *testing.T) {
	c := newClip(t, 3)
	for _, format := range mediafile.Formats() {
		t.Run(string(format), func(t *testing.T) {
			r := newRig(t)
			f, w := r.begin(c, format, day)
			id := f.Segment().ID
			_, file, err := r.library.Open(id)
			if err != nil {
				t.Fatal(err)
			}
			content := make([]byte, f.Segment().Bytes)
			if _, err := file.ReadAt(content, 0); err != nil {
				t.Fatal(err)
			}
			file.Close()
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := f.End(w.Duration(), "unpublished"); err != nil {
				t.Fatal(err)
			}
			random := rand.New(rand.NewPCG(5, 6))
			kept := 0
			for range 20 {
				kept += openCut(t, format, content[:random.IntN(len(content)+1)], id)
			}
			if kept < 10 {
				t.Errorf("%d of 20 files were kept", kept)
			}
		})
	}
}

// openCut opens a library with one file, and returns how many segments that has.
func openCut(t *testing.T, format mediafile.Format, content []byte, id string) int {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, fmt.Sprintf("a/%d.%s", day.Unix(), format))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := library.Open(library.Options{Folder: dir, Index: filepath.Join(t.TempDir(), "index")})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	list, _, err := l.List(library.Query{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		return 0
	}
	s := list[0]
	if s.ID != id || s.Stream != "live/a" || !s.Start.Equal(day) || s.Why != library.WhyInterrupted || s.Format != format || len(s.Tracks) == 0 || s.Duration <= 0 {
		t.Errorf("%+v", s)
	}
	mended, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := mediafile.Describe(strings.NewReader(string(mended)), int64(len(mended)))
	if err != nil || !info.Complete || info.Duration != s.Duration || s.Bytes != int64(len(mended)) {
		t.Errorf("%+v of %+v: %v", info, s, err)
	}
	if format == mediafile.FLV {
		return 1
	}
	if text, err := New(l).Playlist(Range{Stream: "live/a", From: day.Add(-time.Hour)}); err != nil || !strings.Contains(string(text), id) {
		t.Errorf("%s %v", text, err)
	}
	return 1
}
