package event

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// History is how many events a hub remembers for readers that come back. At some
// 700 bytes each they are 360 KB; readers come back after seconds.
const History = 512

// ErrClosed is what readers get after the last event.
var ErrClosed = errors.New("there will be no more events")

// Hub hands every event to every reader that wants it, in one order for all. All
// methods are safe for concurrent use.
type Hub struct {
	node string
	run  string // what all identities of this hub begin with
	log  *slog.Logger
	lost atomic.Uint64
	done chan struct{} // closed by Close

	mu      sync.Mutex
	newest  uint64  // number of the newest event; the first has 1
	history []Event // the newest, oldest first
	readers []*Reader
	closed  bool
}

// NewHub returns a hub without events. Node is the server's name in events; log may
// be nil.
func NewHub(node string, log *slog.Logger) *Hub {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	// Time puts a server's runs in order, chance keeps servers apart.
	run := fmt.Sprintf("%012x%s", time.Now().UnixMilli(), strings.ToLower(rand.Text()[:6]))
	return &Hub{node: node, run: run, log: log, done: make(chan struct{})}
}

// Publish tells all readers. Data is marshalled to JSON; stream and session may be
// empty. It never waits, and after Close it does nothing.
func (h *Hub) Publish(t Type, stream, session string, data any) {
	text, err := json.Marshal(data)
	if err != nil { // a fault of the caller, but the event must not be lost
		h.log.Error("the data of an event cannot be written", slog.String("type", string(t)), slog.String("error", err.Error()))
		text = []byte("null")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.newest++
	e := Event{ID: h.id(h.newest), Time: time.Now().UTC(), Node: h.node, Type: t, Stream: stream, Session: session, Data: text}
	if len(h.history) == History {
		h.history[0] = Event{} // its memory shall not wait for the array's
		h.history = h.history[1:]
	}
	h.history = append(h.history, e)
	for _, r := range h.readers {
		r.offer(&e)
	}
}

// id returns the identity of the event with a number. All have the same length, so
// that they can be compared as texts.
func (h *Hub) id(number uint64) string { return fmt.Sprintf("%s-%012x", h.run, number) }

// number is the inverse of id, if the event is one of this hub's.
func (h *Hub) number(id string) (uint64, bool) {
	run, text, ok := strings.Cut(id, "-")
	if !ok || run != h.run {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 16, 64)
	return n, err == nil && n <= h.newest
}

// Close ends the stream of events. Readers get what waits for them, then ErrClosed.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	close(h.done)
}

// Done is closed when there will be no more events.
func (h *Hub) Done() <-chan struct{} { return h.done }

// Lost returns how many events all readers together did not get because they were
// too slow.
func (h *Hub) Lost() uint64 { return h.lost.Load() }
