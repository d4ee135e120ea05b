package library

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// maxPage bounds a page of List.
const maxPage = 1000

// Query chooses segments: those of Stream (all if empty) that overlap [From, To); zero
// times mean without bound.
type Query struct {
	Stream   string
	From, To time.Time
	After    string // ID of the last of the page before
	Limit    int    // 1..1000, which it is brought into
}

// List returns segments by stream, then start, and whether there are more. It fails
// with ErrNotFound if After is there no more.
func (l *Library) List(q Query) (list []Segment, more bool, err error) {
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return nil, false, nil
	}
	q.Limit = min(max(q.Limit, 1), maxPage)
	streams, after := []string{q.Stream}, ""
	if q.Stream == "" {
		streams = l.streams()
	}
	if q.After != "" {
		last, err := l.Get(q.After)
		if err != nil {
			return nil, false, err
		}
		after = last.key() + "\x00" // the next key that there could be
		streams = slices.DeleteFunc(streams, func(s string) bool { return s < last.Stream })
	}
	for _, stream := range streams {
		lo, hi := l.keys(stream, q.From, q.To)
		err := l.scan(max(lo, after), hi, func(s Segment) bool {
			if !q.From.IsZero() && !s.End().After(q.From) {
				return true
			}
			if more = len(list) == q.Limit; !more {
				list = append(list, s)
			}
			return !more
		})
		if err != nil || more {
			return list, more, err
		}
	}
	return list, false, nil
}

// keys returns a range of keys that has all segments of stream that overlap [from, to).
func (l *Library) keys(stream string, from, to time.Time) (lo, hi string) {
	lo, hi = streamKeys(stream)
	if !from.IsZero() {
		lo = startKey(stream, from.Add(-l.longest(stream)))
	}
	if !to.IsZero() { // a start is in whole milliseconds: up to the next one
		hi = startKey(stream, to.Add(time.Millisecond-1))
	}
	return lo, hi
}

// longest returns how long a segment of stream is at most.
func (l *Library) longest(stream string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tallies[stream]
	if t == nil {
		return 0
	}
	d := t.longest
	lo, hi := streamKeys(stream)
	for _, c := range l.overlay.within(lo, hi) {
		s := c.shown()
		d = max(d, s.Duration)
	}
	return d
}

// streams returns the names of all streams with segments, in order.
func (l *Library) streams() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.tallies))
}

// scan calls yield with the segments whose keys are of [lo, hi), in order, until that
// returns false. yield does not wait.
func (l *Library) scan(lo, hi string, yield func(Segment) bool) error {
	if lo >= hi {
		return nil
	}
	l.mu.Lock() // before the index is read: what is written into it meanwhile is in both
	over := l.overlay.within(lo, hi)
	l.mu.Unlock()
	// pass yields what lies over the index below key, and reports whether key itself does.
	pass := func(key string) (covered, goOn bool) {
		for len(over) > 0 && over[0].key <= key {
			c := over[0]
			over = over[1:]
			covered = c.key == key
			if !c.removed && !yield(c.shown()) {
				return covered, false
			}
		}
		return covered, true
	}
	return l.store.view(func(segments, _ *bbolt.Bucket) error {
		if segments != nil {
			c := segments.Cursor()
			for k, v := c.Seek([]byte(lo)); k != nil && string(k) < hi; k, v = c.Next() {
				covered, goOn := pass(string(k))
				if !goOn {
					return nil
				}
				if covered {
					continue
				}
				s, err := decodeSegment(k, v)
				if err != nil {
					return err
				}
				if !yield(s) {
					return nil
				}
			}
		}
		pass(hi)
		return nil
	})
}

// Summary is what there is of one stream.
type Summary struct {
	Stream   string
	Segments int
	Bytes    int64
	From, To time.Time
}

// Streams returns all streams with segments, by name.
func (l *Library) Streams() ([]Summary, error) {
	var out []Summary
	for _, stream := range l.streams() {
		s, err := l.summary(stream)
		if err != nil {
			return nil, err
		}
		if s.Segments > 0 {
			out = append(out, s)
		}
	}
	return out, nil
}

func (l *Library) summary(stream string) (Summary, error) {
	out := Summary{Stream: stream}
	l.mu.Lock()
	if t := l.tallies[stream]; t != nil {
		out.Segments = t.segments
	}
	out.Bytes = l.bytesOf(stream)
	l.mu.Unlock()
	lo, hi := streamKeys(stream)
	err := l.scan(lo, hi, func(s Segment) bool {
		out.From = s.Start
		return false
	})
	if err != nil {
		return out, err
	}
	last, err := l.last(lo, hi)
	out.To = last.End()
	return out, err
}

// bytesOf returns the bytes of a stream's segments. The lock is held.
func (l *Library) bytesOf(stream string) int64 {
	var n int64
	if t := l.tallies[stream]; t != nil {
		n = t.bytes
	}
	lo, hi := streamKeys(stream)
	for _, c := range l.overlay.within(lo, hi) {
		if c.file != nil {
			n += c.file.bytes.Load()
		}
	}
	return n
}

// last returns the segment with the greatest key of [lo, hi), zero if there is none.
func (l *Library) last(lo, hi string) (Segment, error) {
	l.mu.Lock()
	over := l.overlay.within(lo, hi)
	l.mu.Unlock()
	var newest Segment
	covered := make(map[string]bool, len(over))
	for _, c := range over {
		covered[c.key] = true
		if !c.removed {
			newest = c.shown()
		}
	}
	err := l.store.view(func(segments, _ *bbolt.Bucket) error {
		if segments == nil {
			return nil
		}
		c := segments.Cursor()
		k, v := c.Seek([]byte(hi))
		if k == nil {
			k, v = c.Last()
		}
		for ; k != nil && string(k) >= lo; k, v = c.Prev() {
			if string(k) >= hi || covered[string(k)] {
				continue
			}
			s, err := decodeSegment(k, v)
			if err == nil && (newest.ID == "" || s.key() > newest.key()) {
				newest = s
			}
			return err
		}
		return nil
	})
	return newest, err
}

// Get returns one segment; ErrNotFound.
func (l *Library) Get(id string) (Segment, error) {
	l.mu.Lock()
	c := l.overlay.byID[id]
	var over change
	if c != nil {
		over = *c
	}
	l.mu.Unlock()
	switch {
	case c != nil && over.removed:
		return Segment{}, ErrNotFound
	case c != nil:
		return over.shown(), nil
	}
	var s Segment
	err := l.store.view(func(segments, ids *bbolt.Bucket) (err error) {
		if ids == nil {
			return ErrNotFound
		}
		key := ids.Get([]byte(id))
		if key == nil {
			return ErrNotFound
		}
		s, err = decodeSegment(key, segments.Get(key))
		return err
	})
	return s, err
}

// Reader reads a file; until it is closed the segment is not removed by retention.
// Close may be called more than once.
type Reader interface {
	io.ReadSeekCloser
	io.ReaderAt
}

type reader struct {
	*os.File
	release func()
}

// Close implements io.Closer.
func (r *reader) Close() error {
	r.release()
	return r.File.Close()
}

// Open opens a segment's file, also one that is being written. It fails with
// ErrNotFound if there is none.
func (l *Library) Open(id string) (Segment, Reader, error) {
	l.mu.Lock()
	l.readers[id]++
	l.mu.Unlock()
	release := sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.readers[id]--; l.readers[id] == 0 {
			delete(l.readers, id)
		}
	})
	s, file, err := l.open(id)
	if err != nil {
		release()
		return s, nil, err
	}
	return s, &reader{file, release}, nil
}

func (l *Library) open(id string) (Segment, *os.File, error) {
	s, err := l.Get(id)
	if err != nil {
		return s, nil, err
	}
	var file *os.File
	err = l.inside(func(root *os.Root) (err error) {
		file, err = root.Open(s.File)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: its file has gone: %w", ErrNotFound, err)
	}
	if err != nil || s.Writing {
		return s, file, err
	}
	i, err := file.Stat()
	if err == nil && i.Mode().IsRegular() && i.Size() != s.Bytes {
		err = fmt.Errorf("%w: %s is not the file that it was", ErrNotFound, s.File)
	}
	if err != nil {
		file.Close()
		return s, nil, err
	}
	return s, file, nil
}

// Hold keeps retention from a segment for some time from now: somebody plays it.
func (l *Library) Hold(id string, d time.Duration) {
	until := time.Now().Add(d)
	l.mu.Lock()
	defer l.mu.Unlock()
	if until.After(l.held[id]) {
		l.held[id] = until
	}
}
