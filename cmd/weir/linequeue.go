package main

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// queuedBytes bounds the lines that wait for their reader: some 5,000.
	queuedBytes = 1 << 20
	// linePatience is for how long a line is waited for. Pipes, files and terminals take
	// one within a millisecond; a publisher does not notice 20.
	linePatience = 20 * time.Millisecond
	// flushTime is what a reader that has fallen behind has at the end.
	flushTime = 2 * time.Second
)

// lineQueue writes lines in a goroutine of its own, for a reader that lives but reads
// nothing, such as a log collector that hangs, must not stop who has something to say. A
// reader that keeps up is waited for, so that a line is out before the program can crash.
// One that does not is not waited for again until it has taken all there is; what the
// queue cannot hold meanwhile is dropped.
type lineQueue struct {
	w io.Writer
	// tell writes to w how many lines were dropped; it may be nil.
	tell    func(dropped uint64) error
	dropped *atomic.Uint64 // counts them
	done    chan struct{}

	mu     sync.Mutex
	more   sync.Cond
	next   batch
	behind bool // the reader, so that nobody waits for it
	closed bool
}

// batch is what is written at once.
type batch struct {
	text    []byte
	dropped uint64        // lines after it
	written chan struct{} // closed when it is
}

func newLineQueue(w io.Writer, dropped *atomic.Uint64, tell func(dropped uint64) error) *lineQueue {
	q := &lineQueue{w: w, dropped: dropped, tell: tell, done: make(chan struct{}), next: batch{written: make(chan struct{})}}
	q.more.L = &q.mu
	go q.run()
	return q
}

// Write takes whole lines, and all of them or none. It never fails.
func (q *lineQueue) Write(text []byte) (int, error) {
	if written := q.put(text); written != nil {
		patience := time.NewTimer(linePatience)
		defer patience.Stop()
		select {
		case <-written:
		case <-patience.C:
			q.giveUp(written)
		}
	}
	return len(text), nil
}

// put queues lines and returns what to wait for, nil for nothing.
func (q *lineQueue) put(text []byte) (written <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.next.text)+len(text) > queuedBytes {
		n := lines(text)
		q.next.dropped += n
		q.dropped.Add(n)
		return nil
	}
	q.next.text = append(q.next.text, text...)
	q.more.Signal()
	if q.behind {
		return nil
	}
	return q.next.written
}

func (q *lineQueue) giveUp(written <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-written: // just now
	default:
		q.behind = true
	}
}

// take waits for the next batch; one without text is the end.
func (q *lineQueue) take() batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.next.text) == 0 {
		q.behind = false
	}
	for len(q.next.text) == 0 && !q.closed {
		q.more.Wait()
	}
	b := q.next
	q.next = batch{written: make(chan struct{})}
	return b
}

func (q *lineQueue) run() {
	defer close(q.done)
	var untold uint64
	for b := q.take(); len(b.text) > 0; b = q.take() {
		n, err := q.w.Write(b.text)
		if err != nil { // nobody reads any more, or a disk is full
			lost := lines(b.text[n:])
			q.dropped.Add(lost)
			untold += lost
		}
		untold += b.dropped
		if untold > 0 && q.tell != nil && q.tell(untold) == nil {
			untold = 0
		}
		close(b.written)
	}
}

// close takes no more lines and returns when those that wait are written, or after the
// timeout.
func (q *lineQueue) close(timeout time.Duration) {
	q.mu.Lock()
	q.closed = true
	q.more.Signal()
	q.mu.Unlock()
	select {
	case <-q.done:
	case <-time.After(timeout):
	}
}

func lines(text []byte) uint64 { return uint64(bytes.Count(text, []byte{'\n'})) }

// countDropped shows how many lines of the log were dropped.
func countDropped(n *atomic.Uint64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "weir_log_dropped_lines_total", Help: "Lines of the log that were dropped since nobody took them.",
	}, func() float64 { return float64(n.Load()) })
}
