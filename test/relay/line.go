package relay

import (
	"container/heap"
	"math/rand/v2"
	"sync"
	"time"
)

// maxWaiting bounds the datagrams of a line that are under way.
const maxWaiting = 8192

// way is one direction of a relay: what happens there, and what has happened.
type way struct {
	mu         sync.Mutex
	conditions Conditions
	figures    Figures
}

// line carries datagrams of one peer in one direction.
type line struct {
	way    *way
	random *rand.Rand
	send   func([]byte)
	wake   chan struct{}

	// The way's lock guards these too.
	waiting datagrams
	next    uint64    // number of the next datagram
	latest  time.Time // when the latest is due
	sent    uint64    // greatest number that was sent, plus one
}

func newLine(w *way, seed, stream uint64, send func([]byte)) *line {
	return &line{way: w, random: rand.New(rand.NewPCG(seed, stream)), send: send, wake: make(chan struct{}, 1)}
}

// push takes in a datagram that came at the time now, and keeps b unless it is
// lost. Each takes the same numbers from the generator, whatever becomes of it.
func (l *line) push(now time.Time, b []byte) {
	w := l.way
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &w.conditions
	lost, jitter := l.random.Float64() < c.Loss, l.random.Float64()
	w.figures.Received++
	switch {
	case lost:
		w.figures.Lost++
		return
	case len(l.waiting) == maxWaiting:
		w.figures.Overflowed++
		return
	}
	due := now.Add(c.Delay + time.Duration(jitter*float64(c.Jitter)))
	if !c.Reorder && due.Before(l.latest) {
		due = l.latest
	}
	if due.After(l.latest) {
		l.latest = due
	}
	heap.Push(&l.waiting, datagram{due: due, number: l.next, bytes: b})
	l.next++
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// pop returns the next datagram that is due at the time now; if there is none, it
// returns nil and how long it takes until there is, a negative time if none waits.
func (l *line) pop(now time.Time) ([]byte, time.Duration) {
	w := l.way
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(l.waiting) == 0 {
		return nil, -1
	}
	if wait := l.waiting[0].due.Sub(now); wait > 0 {
		return nil, wait
	}
	d := heap.Pop(&l.waiting).(datagram)
	w.figures.Sent++
	if d.number < l.sent {
		w.figures.Overtaken++
	}
	l.sent = max(l.sent, d.number+1)
	return d.bytes, 0
}

// run sends what is due until closed is.
func (l *line) run(closed <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-closed:
			return
		case <-l.wake:
		case <-timer.C:
		}
		for {
			b, wait := l.pop(time.Now())
			if b == nil {
				if wait > 0 {
					timer.Reset(wait)
				}
				break
			}
			l.send(b)
		}
	}
}

// datagram is under way.
type datagram struct {
	due    time.Time
	number uint64
	bytes  []byte
}

// datagrams is a heap by time, then by number.
type datagrams []datagram

var _ heap.Interface = (*datagrams)(nil)

// Len implements heap.Interface.
func (q datagrams) Len() int { return len(q) }

// Less implements heap.Interface.
func (q datagrams) Less(i, j int) bool {
	if !q[i].due.Equal(q[j].due) {
		return q[i].due.Before(q[j].due)
	}
	return q[i].number < q[j].number
}

// Swap implements heap.Interface.
func (q datagrams) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *datagrams) Push(d any) { *q = append(*q, d.(datagram)) }

// Pop implements heap.Interface.
func (q *datagrams) Pop() any {
	last := len(*q) - 1
	d := (*q)[last]
	(*q)[last] = datagram{}
	*q = (*q)[:last]
	return d
}
