package library

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

const (
	// storeVersion is that of the keys and values. An index of another version is set
	// aside and made anew.
	storeVersion = "1"
	// lockTimeout is how long an index that is in use is waited for: not at all, but 0
	// would mean for ever.
	lockTimeout = time.Millisecond
)

// The buckets of the index, and the key of its version.
var (
	headBucket     = []byte("weir")
	versionKey     = []byte("version")
	segmentsBucket = []byte("segments") // key -> record
	idsBucket      = []byte("ids")      // ID -> key
)

var errForeign = errors.New("it is no index of this version")

// store is the index on disk. It is safe for concurrent use.
type store struct {
	path     string
	log      *slog.Logger
	rebuilds prometheus.Counter

	mu    sync.RWMutex
	db    *bbolt.DB // nil if there is none yet, or it cannot be opened
	stale bool      // there is one that could not be opened: what it has is not known
}

// load opens the index if there is one, and returns the segments that it has, by stream
// and start. What cannot be read is set aside.
func (s *store) load() (known []Segment) {
	if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := guarded(func() (err error) {
		if s.db, err = openDB(s.path); err != nil {
			return err
		}
		return s.db.View(func(tx *bbolt.Tx) (err error) {
			known, err = readAll(tx)
			return err
		})
	})
	switch {
	case err == nil:
		return known
	case unavailable(err):
		s.stale = true
		s.log.Warn("the index of recordings cannot be opened, it is kept in memory until it can",
			slog.String("file", s.path), slog.Any("error", err))
		return nil
	}
	if s.db != nil {
		_ = guarded(s.db.Close) // it was only read
		s.db = nil
	}
	s.setAside(err)
	return nil
}

// unavailable reports whether an error says nothing about what is in the index.
func unavailable(err error) bool {
	var path *fs.PathError
	var number syscall.Errno
	return errors.Is(err, bbolterrors.ErrTimeout) || errors.As(err, &path) || errors.As(err, &number)
}

// guarded turns a panic of f into an error, also one by a page that the file turns out
// not to have: bbolt reads what it maps without doubting it.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f()
}

func openDB(path string) (*bbolt.DB, error) {
	return bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout, FreelistType: bbolt.FreelistMapType})
}

// readAll reads the whole index, so that what is broken is known now.
func readAll(tx *bbolt.Tx) (known []Segment, err error) {
	head, segments, ids := tx.Bucket(headBucket), tx.Bucket(segmentsBucket), tx.Bucket(idsBucket)
	if head == nil || segments == nil || ids == nil || string(head.Get(versionKey)) != storeVersion {
		return nil, errForeign
	}
	n := 0
	if err := ids.ForEach(func(_, _ []byte) error { n++; return nil }); err != nil {
		return nil, err
	}
	err = segments.ForEach(func(k, v []byte) error {
		seg, err := decodeSegment(k, v)
		if err != nil {
			return err
		}
		if n--; n < 0 || string(ids.Get([]byte(seg.ID))) != string(k) {
			return fmt.Errorf("the segment %s is there under another name", seg.ID)
		}
		known = append(known, seg)
		return nil
	})
	return known, err
}

// view calls f with the keys of segments, or with nil if there is no index on disk.
func (s *store) view(f func(segments, ids *bbolt.Bucket) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return f(nil, nil)
	}
	return guarded(func() error {
		return s.db.View(func(tx *bbolt.Tx) error { return f(tx.Bucket(segmentsBucket), tx.Bucket(idsBucket)) })
	})
}

// update writes changes, all or none, and has the disk keep them. It makes or opens
// the index if that was not done yet. One goroutine at a time calls it.
func (s *store) update(changes []change) error {
	if err := s.open(); err != nil {
		return err
	}
	return guarded(func() error {
		return s.db.Update(func(tx *bbolt.Tx) error {
			segments, ids := tx.Bucket(segmentsBucket), tx.Bucket(idsBucket)
			for i := range changes {
				if err := changes[i].write(segments, ids); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// open makes sure that there is an index. What one has that could not be opened before
// is not known, so it goes.
func (s *store) open() error {
	if s.db != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o750); err != nil {
		return err
	}
	var db *bbolt.DB
	err := guarded(func() (err error) {
		if db, err = openDB(s.path); err != nil {
			return err
		}
		return db.Update(s.prepare)
	})
	if err != nil {
		if db != nil {
			_ = guarded(db.Close) // the other error tells more
		}
		if !unavailable(err) { // such as one that could not be made whole
			s.setAside(err)
		}
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.db, s.stale = db, false
	return nil
}

// prepare makes the buckets.
func (s *store) prepare(tx *bbolt.Tx) error {
	for _, name := range [][]byte{headBucket, segmentsBucket, idsBucket} {
		if s.stale && tx.Bucket(name) != nil {
			if err := tx.DeleteBucket(name); err != nil {
				return err
			}
		}
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return tx.Bucket(headBucket).Put(versionKey, []byte(storeVersion))
}

// setAside renames an index that cannot be read, so that another can be made.
func (s *store) setAside(why error) {
	aside := s.path + ".broken"
	s.log.Warn("the index of recordings cannot be read, it is set aside and made anew from the files",
		slog.String("file", s.path), slog.String("aside", aside), slog.Any("error", why))
	s.rebuilds.Inc()
	if err := os.Rename(s.path, aside); err != nil {
		s.stale = true
		s.log.Error("the index of recordings cannot be set aside", slog.Any("error", err))
	}
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	return guarded(db.Close)
}
