package library

import (
	"cmp"
	"log/slog"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

const (
	// commitDelay gathers changes: one sync of the disk keeps all of them. What it
	// costs if weir is killed meanwhile is that files are looked at again.
	commitDelay = 100 * time.Millisecond
	// firstRetry and lastRetry bound the time until the index is written again if that
	// failed; it doubles.
	firstRetry, lastRetry = time.Second, 30 * time.Second
	// maxBatch bounds a transaction.
	maxBatch = 10_000
)

// change is what the index on disk lacks of one segment.
type change struct {
	key     string
	segment Segment
	removed bool
	file    *File // while it is written
	dirty   bool  // to be written into the index
	version uint64
}

// shown returns the segment as it is now.
func (c *change) shown() Segment {
	if c.file != nil {
		return c.file.Segment()
	}
	return c.segment
}

// write puts the change into the index.
func (c *change) write(segments, ids *bbolt.Bucket) error {
	key, id := []byte(c.key), []byte(c.segment.ID)
	if c.removed {
		if err := segments.Delete(key); err != nil {
			return err
		}
		return ids.Delete(id)
	}
	value, err := c.segment.encode()
	if err != nil {
		return err
	}
	if err := segments.Put(key, value); err != nil {
		return err
	}
	return ids.Put(id, key)
}

// overlay has what is not in the index on disk: changes, and all that is written. The
// lock of the library guards it.
type overlay struct {
	ordered  []*change // by key
	byID     map[string]*change
	versions uint64
	dirty    int
}

// put lays c over the index in place of what was there for its segment.
func (o *overlay) put(c change) {
	c.key, c.dirty = c.segment.key(), true
	o.versions++
	c.version = o.versions
	if old := o.byID[c.segment.ID]; old != nil {
		if !old.dirty {
			o.dirty++
		}
		*old = c
		return
	}
	if o.byID == nil {
		o.byID = make(map[string]*change)
	}
	o.byID[c.segment.ID] = &c
	o.ordered = slices.Insert(o.ordered, o.find(c.key), &c)
	o.dirty++
}

// find returns where key is or would be.
func (o *overlay) find(key string) int {
	i, _ := slices.BinarySearchFunc(o.ordered, key, func(c *change, key string) int { return cmp.Compare(c.key, key) })
	return i
}

// within returns copies of the changes with keys of [lo, hi).
func (o *overlay) within(lo, hi string) []change {
	var out []change
	for _, c := range o.ordered[o.find(lo):o.find(hi)] {
		out = append(out, *c)
	}
	return out
}

// unwritten returns some of what the index lacks.
func (o *overlay) unwritten() []change {
	var out []change
	for _, c := range o.ordered {
		if c.dirty && len(out) < maxBatch {
			out = append(out, *c)
		}
	}
	return out
}

// written notes that the index has changes.
func (o *overlay) written(changes []change) {
	for _, w := range changes {
		if c := o.byID[w.segment.ID]; c.version == w.version {
			c.dirty = false
			o.dirty--
		}
	}
	o.ordered = slices.DeleteFunc(o.ordered, func(c *change) bool {
		gone := !c.dirty && c.file == nil
		if gone {
			delete(o.byID, c.segment.ID)
		}
		return gone
	})
}

// persisting writes changes into the index until the library is closed.
func (l *Library) persisting() {
	retry := time.Duration(0) // 0 while it works
	for {
		if retry == 0 {
			if !l.sleep(l.persist, 0) || !l.sleep(nil, commitDelay) {
				return
			}
		} else if !l.sleep(nil, retry) {
			return
		}
		switch err := l.commit(); {
		case err == nil && retry > 0:
			l.log.Info("the index of recordings is written again")
			retry = 0
		case err == nil:
		default:
			l.metrics.storeErrors.Inc()
			if retry == 0 {
				l.log.Error("the index of recordings cannot be written, it is kept in memory until it can", slog.Any("error", err))
			}
			retry = min(max(2*retry, firstRetry), lastRetry)
		}
	}
}

// sleep waits for c, for d unless that is 0, or until the library is closed, of which
// it returns false.
func (l *Library) sleep(c <-chan struct{}, d time.Duration) bool {
	var timeout <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-c:
	case <-timeout:
	case <-l.stop:
		return false
	}
	return true
}

// commit writes what the index lacks. One goroutine at a time calls it.
func (l *Library) commit() error {
	for {
		l.mu.Lock()
		changes := l.overlay.unwritten()
		l.mu.Unlock()
		if len(changes) == 0 {
			return nil
		}
		if err := l.store.update(changes); err != nil {
			return err
		}
		l.mu.Lock()
		l.overlay.written(changes)
		l.mu.Unlock()
	}
}
