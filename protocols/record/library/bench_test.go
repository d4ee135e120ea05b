package library

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirmedia/weir/remux/mediafile"
)

// fill returns a library that has n segments of 100 streams, without their files.
func fill(b *testing.B, n int) *Library {
	b.Helper()
	dir := b.TempDir()
	l, err := Open(Options{Folder: dir, Index: filepath.Join(dir, "recordings.db"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	for i := range n {
		s := someSegment(i)
		l.adopt(s)
		l.ended(s)
	}
	for dirty := 1; dirty > 0; time.Sleep(10 * time.Millisecond) {
		l.mu.Lock()
		dirty = l.overlay.dirty
		l.mu.Unlock()
	}
	return l
}

func someSegment(i int) Segment {
	stream := fmt.Sprintf("live/%02d", i%100)
	s := Segment{
		Stream: stream, Format: mediafile.MP4, Start: day.Add(time.Duration(i/100) * 10 * time.Minute), Duration: 10 * time.Minute, Bytes: 150e6,
		Tracks: []string{"H264 1280x720", "AAC"}, Why: "segment_duration",
	}
	s.File = stream + s.Start.Format("/2006-01-02/15-04-05.000.mp4")
	s.identify()
	return s
}

// BenchmarkList is a page of 100 of one hour of 100 streams, out of 100,000 segments:
// a week of 100 streams.
func BenchmarkList(b *testing.B) {
	l := fill(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		list, _, err := l.List(Query{From: day.Add(100 * time.Hour), To: day.Add(101 * time.Hour), Limit: 100})
		if err != nil || len(list) != 100 {
			b.Fatal(len(list), err)
		}
	}
}

// BenchmarkCommit is what it costs to have the disk keep the beginning or end of 100
// segments at once, with as many as BenchmarkList has.
func BenchmarkCommit(b *testing.B) {
	l := fill(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		var changes []change
		for i := range 100 {
			s := someSegment(i)
			changes = append(changes, change{key: s.key(), segment: s})
		}
		if err := l.store.update(changes); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad is what Open costs for the index, besides walking the folder.
func BenchmarkLoad(b *testing.B) {
	l := fill(b, 100_000)
	if err := l.store.close(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s := &store{path: l.store.path, log: l.log, rebuilds: l.metrics.rebuilds}
		if n := len(s.load()); n != 100_000 {
			b.Fatal(n)
		}
		if err := s.close(); err != nil {
			b.Fatal(err)
		}
	}
	i, err := os.Stat(l.store.path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(i.Size())/100_000, "bytes/segment")
}
