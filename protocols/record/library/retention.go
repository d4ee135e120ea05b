package library

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"syscall"
	"time"
)

// sweepInterval is how often retention looks at what there is when nothing ends.
const sweepInterval = time.Minute

// Causes of removals, in metrics.
const (
	causeAge     = "age"
	causeStream  = "stream_bytes"
	causeTotal   = "total_bytes"
	causeRequest = "request"
)

// Remove removes a segment and its file: ErrNotFound, or ErrWriting if it is written.
// Who reads the file can read on.
func (l *Library) Remove(id string) error {
	_, err := l.remove(id, causeRequest, func() error { return nil })
	return err
}

// remove removes a segment, unless it is written or may says no, which is called with
// the lock held.
func (l *Library) remove(id, cause string, may func() error) (Segment, error) {
	if err := l.claim(id, may); err != nil {
		return Segment{}, err
	}
	defer l.unclaim(id)
	s, err := l.Get(id)
	if err != nil {
		return s, err
	}
	if err := l.unlink(s.File, s.Bytes); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	l.forget(s)
	l.metrics.removed.WithLabelValues(cause).Inc()
	l.log.Debug("recording removed", slog.String("stream", s.Stream), slog.String("file", s.File), slog.String("cause", cause))
	return s, nil
}

// claim makes sure that one goroutine alone removes a segment.
func (l *Library) claim(id string, may func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.overlay.byID[id]; c != nil && c.file != nil {
		return ErrWriting
	}
	if l.leaving[id] {
		return ErrNotFound
	}
	if err := may(); err != nil {
		return err
	}
	l.leaving[id] = true
	return nil
}

func (l *Library) unclaim(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.leaving, id)
}

// unlink removes a file, and the folders above it that are empty then. A file that is
// not of size bytes is not the one that is meant: somebody removed that, and the name
// was free for another.
func (l *Library) unlink(name string, size int64) error {
	return l.inside(func(root *os.Root) error {
		i, err := root.Lstat(name)
		if err != nil {
			return err
		}
		if i.Size() != size {
			l.log.Warn("a recording is left alone, it is not the file that it was", slog.String("file", name))
			return nil
		}
		if err := root.Remove(name); err != nil {
			return err
		}
		for dir := path.Dir(name); dir != "." && removeFolder(root, dir) == nil; dir = path.Dir(dir) {
			continue // until one is not empty
		}
		return nil
	})
}

// removeFolder removes an empty folder, and no link to one that somebody made.
func removeFolder(root *os.Root, name string) error {
	i, err := root.Lstat(name)
	if err == nil && !i.IsDir() {
		err = &fs.PathError{Op: "rmdir", Path: name, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return err
	}
	return root.Remove(name)
}

func (l *Library) logFailedRemoval(s Segment, err error) {
	l.log.Warn("a recording cannot be removed", slog.String("stream", s.Stream), slog.String("file", s.File), slog.Any("error", err))
}

// retaining removes what is not to be kept until the library is closed, and looks how
// much room there is.
func (l *Library) retaining() {
	failing := make(map[string]bool)
	for l.sleep(l.retain, sweepInterval) {
		failing = l.sweep(time.Now(), failing)
		l.measure()
	}
}

// measure looks how much room there is, for the metrics: whoever asks for them must not
// wait for a disk that does not answer.
func (l *Library) measure() {
	free, err := l.Free()
	if err != nil {
		free = -1
	}
	l.free.Store(free)
}

// sweep is one round of retention. What it could not remove it leaves alone, and
// returns; what it could not last time either is not logged again.
func (l *Library) sweep(now time.Time, failedBefore map[string]bool) (failed map[string]bool) {
	l.mu.Lock()
	keep, bound := l.keep, l.bound
	for id, until := range l.held {
		if now.After(until) {
			delete(l.held, id)
		}
	}
	l.mu.Unlock()
	w := &sweeper{library: l, now: now, failed: make(map[string]bool), failedBefore: failedBefore}
	for _, stream := range l.streams() {
		w.stream(stream, keep(stream))
	}
	if bound > 0 {
		w.total(bound)
	}
	return w.failed
}

// sweeper is one round of retention.
type sweeper struct {
	library              *Library
	now                  time.Time
	failed, failedBefore map[string]bool // by ID
}

// stream removes what is too old of a stream, and the oldest while it has too many
// bytes, with those that are being written.
func (w *sweeper) stream(stream string, k Keep) {
	if k == (Keep{}) {
		return
	}
	for {
		c, ok := w.oldest(stream)
		switch {
		case !ok:
			return
		case k.Age > 0 && c.age > k.Age:
			w.remove(c.Segment, causeAge)
		case k.Bytes > 0 && w.library.bytes(stream) > k.Bytes:
			w.remove(c.Segment, causeStream)
		default:
			return
		}
	}
}

// total removes the oldest of all streams while there are too many bytes.
func (w *sweeper) total(bound int64) {
	oldest := make(map[string]candidate)
	for _, stream := range w.library.streams() {
		if c, ok := w.oldest(stream); ok {
			oldest[stream] = c
		}
	}
	for len(oldest) > 0 && w.library.totalBytes() > bound && !w.library.closing() {
		var first candidate
		for _, c := range oldest {
			if first.ID == "" || c.before(&first) {
				first = c
			}
		}
		w.remove(first.Segment, causeTotal)
		next, ok := w.oldest(first.Stream)
		if oldest[first.Stream] = next; !ok {
			delete(oldest, first.Stream)
		}
	}
}

// oldest returns the oldest segment of a stream that may be removed, none if the library
// is being closed.
func (w *sweeper) oldest(stream string) (oldest candidate, ok bool) {
	if w.library.closing() {
		return oldest, false
	}
	for i, e := range w.eras() {
		lo, hi := e.keys(stream)
		err := w.library.scan(lo, hi, func(s Segment) bool {
			if s.Writing || w.failed[s.ID] || w.library.inUse(s.ID, w.now) {
				return true
			}
			oldest, ok = candidate{s, i, e.age(&s)}, true
			return false
		})
		if err != nil {
			w.library.log.Error("the index of recordings cannot be read", slog.Any("error", err))
			return oldest, false
		}
		if ok {
			break
		}
	}
	return oldest, ok
}

var errInUse = errors.New("the recording is played")

func (w *sweeper) remove(s Segment, cause string) {
	l := w.library
	_, err := l.remove(s.ID, cause, func() error {
		if l.used(s.ID, w.now) {
			return errInUse
		}
		return nil
	})
	switch {
	case err == nil:
		if l.removed != nil {
			l.removed(s)
		}
		return
	case errors.Is(err, errInUse), errors.Is(err, ErrNotFound):
	case !w.failedBefore[s.ID]:
		l.logFailedRemoval(s, fmt.Errorf("%s: %w", cause, err))
	}
	w.failed[s.ID] = true
}

// inUse reports whether a segment is read or held.
func (l *Library) inUse(id string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.used(id, now)
}

// used is inUse while the lock is held.
func (l *Library) used(id string, now time.Time) bool {
	return l.readers[id] > 0 || now.Before(l.held[id])
}

// bytes returns the bytes of a stream.
func (l *Library) bytes(stream string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytesOf(stream)
}

// totalBytes returns the bytes of all streams.
func (l *Library) totalBytes() (n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.tallies {
		n += t.bytes
	}
	for _, c := range l.overlay.ordered {
		if c.file != nil {
			n += c.file.bytes.Load()
		}
	}
	return n
}
