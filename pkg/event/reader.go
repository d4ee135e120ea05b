package event

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// ReaderOptions say what a reader gets.
type ReaderOptions struct {
	Filter Filter
	// Queue bounds the events that wait for the reader; at least 1.
	Queue int
	// After is the identity of the last event that the reader has got before; it
	// gets what came since then. Empty for what comes from now on.
	After string
}

// Reader gets events in their order. Where its queue was full it gets one
// EventsLost in the place of all that are missing. Next is used by one goroutine at
// a time, the other methods by any.
type Reader struct {
	hub     *Hub
	options ReaderOptions
	begins  string
	signal  chan struct{}

	mu    sync.Mutex
	queue []Event
	gap   gap    // behind the queue
	lost  uint64 // in all
}

// gap is what is missing between two events.
type gap struct {
	lost uint64 // 0 for no gap
	last Event  // that is missing
}

// Subscribe returns a reader, which must be closed.
func (h *Hub) Subscribe(o ReaderOptions) *Reader {
	o.Queue = max(1, o.Queue)
	r := &Reader{hub: h, options: o, signal: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.begins = o.After; o.After != "" {
		r.resume()
	} else {
		r.begins = h.id(h.newest)
	}
	h.readers = append(h.readers, r)
	return r
}

// Begins returns the identity of the event after which the reader begins. A reader
// that has got none since then can come back with it.
func (r *Reader) Begins() string { return r.begins }

// resume queues what came after options.After. The caller locks the hub.
func (r *Reader) resume() {
	h := r.hub
	after, known := h.number(r.options.After)
	oldest := h.newest - uint64(len(h.history)) // the newest that is forgotten
	last := Event{ID: h.id(oldest), Time: time.Now().UTC()}
	if len(h.history) > 0 {
		last.Time = h.history[0].Time
	}
	switch {
	case !known: // of an earlier run, so all of this one came after it
		r.queue = append(r.queue, h.lostEvent(last, 0))
	case after < oldest:
		r.queue = append(r.queue, h.lostEvent(last, oldest-after))
	}
	first := 0
	if known && after > oldest {
		first = int(after - oldest)
	}
	for i := range h.history[first:] {
		r.offer(&h.history[first+i])
	}
}

// lostEvent returns the event that tells of a gap which ends with last.
func (h *Hub) lostEvent(last Event, lost uint64) Event {
	data, _ := json.Marshal(Lost{lost}) // never fails
	return Event{ID: last.ID, Time: last.Time, Node: h.node, Type: EventsLost, Data: data}
}

// Change makes the reader get what a filter chooses, and its queue as long, from now
// on. What waits stays.
func (r *Reader) Change(f Filter, queue int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.options.Filter, r.options.Queue = f, max(1, queue)
}

// offer queues e if the reader wants it. A reader that lost events gets no more
// until half its queue is free: a few large gaps are better than many small ones.
func (r *Reader) offer(e *Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.options.Filter.matches(e) {
		return
	}
	full := len(r.queue) >= r.options.Queue
	if full || r.gap.lost > 0 && len(r.queue) > r.options.Queue/2 {
		r.gap = gap{r.gap.lost + 1, *e}
		r.lost++
		r.hub.lost.Add(1)
		return
	}
	r.closeGap()
	r.queue = append(r.queue, *e)
	select {
	case r.signal <- struct{}{}:
	default:
	}
}

// closeGap queues the event that tells of the gap, if there is one. It needs no
// place of its own in the queue. The caller locks.
func (r *Reader) closeGap() {
	if r.gap.lost > 0 {
		r.queue = append(r.queue, r.hub.lostEvent(r.gap.last, r.gap.lost))
		r.gap = gap{}
	}
}

// Next returns the next event and waits for one until ctx ends. The error is ctx's,
// or ErrClosed after the last event.
func (r *Reader) Next(ctx context.Context) (Event, error) {
	for {
		closed := false
		select {
		case <-r.hub.done: // looked at before the queue: nothing is queued after it
			closed = true
		default:
		}
		if e, ok := r.poll(); ok {
			return e, nil
		}
		if closed {
			return Event{}, ErrClosed
		}
		select {
		case <-r.signal:
		case <-r.hub.done:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}

// poll returns what is there.
func (r *Reader) poll() (Event, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		r.closeGap()
	}
	if len(r.queue) == 0 {
		return Event{}, false
	}
	e := r.queue[0]
	r.queue[0] = Event{} // its memory shall not wait for the array's
	r.queue = r.queue[1:]
	return e, true
}

// Waiting returns how many events wait for the reader.
func (r *Reader) Waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue)
}

// Lost returns how many events the reader did not get because it was too slow.
func (r *Reader) Lost() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}

// Close ends the subscription. A Next that waits keeps waiting for its context.
func (r *Reader) Close() {
	h := r.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	h.readers = slices.DeleteFunc(h.readers, func(other *Reader) bool { return other == r })
}
