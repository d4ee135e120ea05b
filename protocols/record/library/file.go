package library

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/weirmedia/weir/pkg/reason"
)

const (
	// inOrder is how many files of the same name are numbered in order. Further numbers are
	// drawn, of ten digits at most: who is the ten-thousandth need not try all others.
	inOrder = 100
	// maxTries bounds how often a name is tried that is there.
	maxTries = 200
	// maxMissing bounds how often a folder is made anew that goes meanwhile.
	maxMissing = 100
)

// File is a segment that is written. It is used by one goroutine at a time.
type File struct {
	library  *Library
	file     *os.File
	segment  Segment // as it was made
	bytes    atomic.Int64
	duration atomic.Int64
	failed   bool // a write did
}

var _ io.Writer = (*File)(nil)

// Create makes a file for a segment, of which Stream, File, Format, Start and Tracks
// are set. A file that is there already is never touched: the name gets "-2", "-3", …
// before its extension. Folders are made. Errors are those of the file system, or
// *fs.PathError with os.ErrInvalid for a path that leaves the folder.
func (l *Library) Create(s Segment) (*File, error) {
	if !fs.ValidPath(s.File) || s.File == "." {
		return nil, &fs.PathError{Op: "create", Path: s.File, Err: fs.ErrInvalid}
	}
	if err := os.MkdirAll(l.folder, 0o750); err != nil {
		return nil, err
	}
	var file *os.File
	err := l.inside(func(root *os.Root) (err error) {
		file, s.File, err = createFile(root, s.File)
		return err
	})
	if err != nil {
		return nil, err
	}
	lockFile(file) // so that another weir does not take it for one of a dead weir
	s.Bytes, s.Writing, s.Why = 0, true, ""
	s.identify()
	if old, err := l.Get(s.ID); err == nil { // whose file somebody else removed
		l.forget(old)
	}
	f := &File{library: l, file: file, segment: s}
	l.mu.Lock()
	l.overlay.put(change{segment: s, file: f})
	l.tally(s.Stream).segments++
	l.mu.Unlock()
	wake(l.persist)
	return f, nil
}

// createFile makes a file and returns its name.
func createFile(root *os.Root, name string) (*os.File, string, error) {
	extension := path.Ext(name)
	stem := strings.TrimSuffix(name, extension)
	missing := 0
	for n := 1; n <= maxTries; {
		switch {
		case n > inOrder:
			name = fmt.Sprintf("%s-%d%s", stem, inOrder+1+rand.IntN(1e9), extension) //nolint:gosec // a number needs no secrecy
		case n > 1:
			name = fmt.Sprintf("%s-%d%s", stem, n, extension)
		}
		file, err := createBelow(root, name)
		switch {
		case err == nil:
			return file, name, nil
		case errors.Is(err, fs.ErrExist):
			n++
		case (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) && missing < maxMissing: // retention removed the empty folder just now
			missing++
		default:
			return nil, "", err
		}
	}
	return nil, "", &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
}

func createBelow(root *os.Root, name string) (*os.File, error) {
	dir := path.Dir(name)
	err := root.MkdirAll(dir, 0o750)
	if errors.Is(err, fs.ErrExist) { // a file has its name, against which no number helps, or the folder went meanwhile
		err = &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return nil, err
	}
	return root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
}

// Write implements io.Writer.
func (f *File) Write(b []byte) (int, error) {
	n, err := f.file.Write(b)
	f.bytes.Add(int64(n))
	f.failed = f.failed || err != nil
	return n, err
}

// Sync has the disk keep what was written.
func (f *File) Sync() error { return f.file.Sync() }

// Check fails with fs.ErrNotExist if the file is not any more where it was made: what
// is written into a file that somebody removed is lost without an error. While too many
// files are open it cannot tell, and does not fail.
func (f *File) Check() error {
	err := f.library.inside(func(root *os.Root) error {
		there, err := root.Lstat(f.segment.File)
		if err != nil {
			return err
		}
		own, err := f.file.Stat()
		if err == nil && !os.SameFile(there, own) {
			err = &fs.PathError{Op: "check", Path: f.segment.File, Err: fs.ErrNotExist}
		}
		return err
	})
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return nil
	}
	return err
}

// Segment returns the segment as the index has it. It may be called by any goroutine.
func (f *File) Segment() Segment {
	s := f.segment
	s.Bytes, s.Duration = f.bytes.Load(), time.Duration(f.duration.Load())
	return s
}

// Note updates the duration in listings; Bytes are counted by Write.
func (f *File) Note(duration time.Duration) { f.duration.Store(int64(duration)) }

// Cut notes that what was written may not be whole at its end, as after a write that failed.
func (f *File) Cut() { f.failed = true }

// End syncs and closes the file and returns the segment. After a write that failed, or Cut,
// the file is cut back to what is whole; if that cannot be done, it is at the next Open.
// The index has it as ended even if an error is returned, unless there is nothing to keep:
// a file that somebody removed, or in which no frame is whole, which is removed.
func (f *File) End(duration time.Duration, why string) (Segment, error) {
	s := f.Segment()
	s.Duration, s.Why, s.Writing = duration, why, false
	err := f.Check()
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.Join(err, f.file.Close())
		f.library.forget(f.Segment())
		return s, err
	}
	if f.failed {
		size, _ := f.file.Seek(0, io.SeekEnd) // fails for no regular file
		info, mendErr := f.library.media.mend(f.file, size)
		if mendErr == nil && info.Duration <= 0 {
			mendErr = errNoMedia
		}
		if reason.Of(mendErr, "") == reason.BadMedia {
			f.Discard()
			return s, mendErr
		}
		if err = errors.Join(err, mendErr); mendErr == nil {
			s.Duration = info.Duration
		}
	}
	err = errors.Join(err, f.file.Sync())
	if size, sizeErr := f.file.Seek(0, io.SeekEnd); sizeErr == nil {
		s.Bytes = size
	}
	err = errors.Join(err, f.file.Close())
	s.unfinished = err != nil
	f.library.ended(s)
	return s, err
}

// Discard closes and removes the file.
func (f *File) Discard() {
	s := f.Segment()
	size, _ := f.file.Seek(0, io.SeekEnd) // fails for no regular file
	f.file.Close()
	if err := f.library.unlink(s.File, size); err != nil {
		f.library.logFailedRemoval(s, err)
	}
	f.library.forget(s)
}

// ended notes that a segment is written no more.
func (l *Library) ended(s Segment) {
	l.mu.Lock()
	l.overlay.put(change{segment: s})
	t := l.tally(s.Stream)
	t.bytes += s.Bytes
	t.longest = max(t.longest, s.Duration)
	l.mu.Unlock()
	wake(l.persist)
	wake(l.retain)
}

// tally returns the tally of a stream. The lock is held.
func (l *Library) tally(stream string) *tally {
	t := l.tallies[stream]
	if t == nil {
		t = new(tally)
		l.tallies[stream] = t
	}
	return t
}

// forget takes a segment out of the index.
func (l *Library) forget(s Segment) {
	l.mu.Lock()
	t := l.tally(s.Stream)
	if !s.Writing {
		t.bytes -= s.Bytes
	}
	if t.segments--; t.segments == 0 {
		delete(l.tallies, s.Stream)
	}
	l.overlay.put(change{segment: s, removed: true})
	l.mu.Unlock()
	wake(l.persist)
}
