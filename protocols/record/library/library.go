// Package library keeps recorded segments: files below one folder, and an index of
// them that can be made anew from the files.
//
// The index is a bbolt file whose keys are ordered by stream and start, so that a page
// of a list is a range scan. What it does not have yet, and what is being written, is
// in memory and laid over it (overlay): nobody waits for the disk to list, and if the
// index cannot be written nothing is lost, since the next Open reads the files.
//
// Locks: Library.mu is held for moments only, never while a file or the index is read
// or written; it may be taken inside a transaction of the index, not the other way
// round.
package library

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/remux/mediafile"
)

var (
	// ErrNotFound says that there is no such segment, or not any more.
	ErrNotFound = errors.New("there is no such recording")
	// ErrWriting says that the segment is being written.
	ErrWriting = errors.New("the recording is being written")
)

// Keep is how much of one stream is kept; zero values mean without limit.
type Keep struct {
	Age   time.Duration // since the segment's end
	Bytes int64         // of the stream's segments together
}

// Options say where a library is.
type Options struct {
	Folder string // of the files; made when the first is written
	Index  string // file of the index; made when there is something to keep in it
	Log    *slog.Logger
	// Keep says what is kept of a stream; nil means everything. Bytes is of all
	// together, 0 for no limit. Both may be changed by SetKeep.
	Keep  func(stream string) Keep
	Bytes int64
	// Removed is told of segments that retention removed; nil for nobody. It is called
	// by one goroutine at a time.
	Removed func(Segment)
}

// Library is safe for concurrent use.
type Library struct {
	folder  string
	log     *slog.Logger
	removed func(Segment)
	media   media
	store   *store
	metrics metrics
	free    atomic.Int64 // bytes that can be written, as retention saw it; negative if it cannot tell

	begun  time.Time
	opened time.Time // the same by the clock, which may be set later

	mu      sync.Mutex
	keep    func(stream string) Keep
	bound   int64 // of all bytes
	overlay overlay
	tallies map[string]*tally    // by stream
	readers map[string]int       // by ID
	held    map[string]time.Time // until when, by ID
	leaving map[string]bool      // IDs that are being removed

	persist, retain chan struct{} // there is something to do; of one element
	stop            chan struct{}
	workers         sync.WaitGroup
}

// media reads and mends files.
type media struct {
	describe func(r io.ReaderAt, size int64) (mediafile.Info, error)
	mend     func(f mediafile.File, size int64) (mediafile.Info, error)
}

// tally is what is known of a stream's segments together.
type tally struct {
	segments int
	bytes    int64         // of those that have ended
	longest  time.Duration // that ever was, so that ranges find what began before them
}

// Open reads the index and brings it in line with the files: what was being written
// when weir ended is mended, what is not known is looked at, what has gone is dropped.
// It removes nothing, and writes nothing if there is nothing to keep. A folder that is
// not there is empty. An index that is broken or not weir's is set aside; one that
// cannot be opened, or that another weir uses, is done without until it can. An error
// says that Folder is no folder.
func Open(o Options) (*Library, error) {
	return open(o, media{describe: mediafile.Describe, mend: mediafile.Mend})
}

func open(o Options, m media) (*Library, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if i, err := os.Stat(o.Folder); err == nil && !i.IsDir() {
		return nil, fmt.Errorf("%s is no folder", o.Folder)
	}
	l := &Library{
		folder: o.Folder, log: o.Log, removed: o.Removed, media: m, metrics: newMetrics(),
		bound: o.Bytes, tallies: make(map[string]*tally), readers: make(map[string]int), held: make(map[string]time.Time), leaving: make(map[string]bool),
		persist: make(chan struct{}, 1), retain: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	l.begun = time.Now()
	l.opened = l.begun.Round(0)
	l.setKeep(o.Keep, o.Bytes)
	l.store = &store{path: o.Index, log: o.Log, rebuilds: l.metrics.rebuilds}
	l.reconcile(l.store.load())
	l.measure()
	l.workers.Go(l.persisting)
	l.workers.Go(l.retaining)
	return l, nil
}

// Close writes what the index lacks and closes it. Files that are being written are
// Discarded or Ended before; those that are read can be read on.
func (l *Library) Close() error {
	close(l.stop)
	l.workers.Wait()
	return errors.Join(l.commit(), l.store.close())
}

// closing reports whether Close was called.
func (l *Library) closing() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

// SetKeep changes what is kept: of each stream, nil for everything, and bytes of all
// together, 0 for no limit.
func (l *Library) SetKeep(keep func(stream string) Keep, bytes int64) {
	l.setKeep(keep, bytes)
	wake(l.retain)
}

func (l *Library) setKeep(keep func(stream string) Keep, bytes int64) {
	if keep == nil {
		keep = func(string) Keep { return Keep{} }
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep, l.bound = keep, bytes
}

// inside calls f with the folder, which it opens anew since it may have been replaced.
// Nothing outside of it can be reached through what f gets.
func (l *Library) inside(f func(root *os.Root) error) error {
	root, err := os.OpenRoot(l.folder)
	if err != nil {
		return err
	}
	return errors.Join(f(root), root.Close())
}

// Free returns how many bytes can be written below the folder. It fails with
// errors.ErrUnsupported where that cannot be told.
func (l *Library) Free() (int64, error) {
	for dir := filepath.Clean(l.folder); ; dir = filepath.Dir(dir) {
		n, err := freeBytes(dir)
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return n, err
		}
	}
}

// wake tells who waits for c that there is something to do.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
