package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"mime"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/event"
)

const (
	// inFlight bounds the events that are being sent to one receiver at once, each of
	// another stream. At a round trip of 50 ms they are 320 a second.
	inFlight = 16
	// firstDelay is between the first failure and the next attempt; it doubles up to
	// longestDelay.
	firstDelay, longestDelay = 250 * time.Millisecond, 10 * time.Second
	// maxAnswer bounds what is read of an answer, in bytes; what it may say needs less
	// than 2 KiB.
	maxAnswer = 64 << 10
	// complainEvery is the least time between two log lines about a receiver.
	complainEvery = 10 * time.Second
)

// receiver sends events to one service.
type receiver struct {
	settings atomic.Pointer[named] // immutable; the URL stays the same
	log      *slog.Logger
	reader   *event.Reader
	closing  <-chan struct{} // closed when there are no more events
	client   *http.Client
	metrics  *metrics
	answered func(event.Event, []byte) // nil for nobody

	life    context.Context // ends when what waits is not to be sent
	cancel  context.CancelFunc
	running sync.WaitGroup

	slots   chan struct{} // one for each event that is being sent
	sending sync.WaitGroup

	mu         sync.Mutex
	lanes      map[string][]event.Event // by stream, in order; the first is being sent
	unsent     int                      // were given up
	complained time.Time
}

func newReceiver(n named, reader *event.Reader, closing <-chan struct{}, m *metrics, log *slog.Logger) *receiver {
	r := &receiver{
		log: log, reader: reader, closing: closing, metrics: m,
		client: &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: inFlight, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		slots: make(chan struct{}, inFlight), lanes: make(map[string][]event.Event),
	}
	r.settings.Store(&n)
	r.life, r.cancel = context.WithCancel(context.Background())
	return r
}

// start begins to send.
func (r *receiver) start() { r.running.Go(func() { r.run(r.life) }) }

// run sends events until there are no more or ctx ends. Those of no stream, such as
// server.stopping and events_lost, keep their place among all others.
func (r *receiver) run(ctx context.Context) {
	defer r.sending.Wait()
	for {
		e, err := r.reader.Next(ctx)
		if err != nil {
			return
		}
		if e.Stream == "" {
			r.sending.Wait()
			r.deliver(ctx, e)
			continue
		}
		r.slots <- struct{}{} // is free at the latest when ctx ends
		r.enqueue(ctx, e)
	}
}

// enqueue sends e after those of the same stream.
func (r *receiver) enqueue(ctx context.Context, e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lane, busy := r.lanes[e.Stream]
	r.lanes[e.Stream] = append(lane, e)
	if !busy {
		r.sending.Go(func() { r.drain(ctx, e) })
	}
}

// drain sends e and what has come since of the same stream.
func (r *receiver) drain(ctx context.Context, e event.Event) {
	for more := true; more; {
		r.deliver(ctx, e)
		<-r.slots
		e, more = r.next(e.Stream)
	}
}

// next drops the event that was sent from its lane and returns the one behind it.
func (r *receiver) next(stream string) (event.Event, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lane := r.lanes[stream][1:]
	if len(lane) == 0 {
		delete(r.lanes, stream)
		return event.Event{}, false
	}
	r.lanes[stream] = lane
	return lane[0], true
}

// deliver sends e until it is accepted or ctx ends.
func (r *receiver) deliver(ctx context.Context, e event.Event) {
	body, err := json.Marshal(e)
	if err != nil { // its data were valid once
		panic(fmt.Sprintf("hook: %v", err))
	}
	for delay := firstDelay; ctx.Err() == nil; delay = min(2*delay, longestDelay) {
		answer, err := r.post(ctx, body)
		if err != nil {
			if ctx.Err() != nil {
				break // that is no failure of the receiver's, whose metrics may be gone
			}
			r.metrics.failed.WithLabelValues(r.settings.Load().key).Inc()
			r.complain(err)
			r.pause(ctx, delay-rand.N(delay/2)) //nolint:gosec // spreading requests needs no secrecy
			continue
		}
		key := r.settings.Load().key
		r.metrics.sent.WithLabelValues(key).Inc()
		r.metrics.latency.WithLabelValues(key).Observe(time.Since(e.Time).Seconds())
		if r.answered != nil && len(answer) > 0 {
			r.answered(e, answer)
		}
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unsent++
}

// pause waits, but not for long once there are no more events: the server stops.
func (r *receiver) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return
	case <-ctx.Done():
		return
	case <-r.closing:
	}
	timer.Reset(min(d, firstDelay))
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// post sends one event and returns what the answer says in JSON, if it does. Every
// status of 2xx accepts the event; nothing else does.
func (r *receiver) post(ctx context.Context, body []byte) (answer []byte, err error) {
	now := r.settings.Load()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(now.Timeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, now.URL.Reveal(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "weir")
	auth.SignBody(request.Header, now.Secret, body)
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return nil, fmt.Errorf("answered %d", response.StatusCode)
	}
	// The event was accepted, whatever becomes of the rest.
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, nil
	}
	return answer, nil
}

// complain logs a failure, now and then.
func (r *receiver) complain(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.complained) < complainEvery {
		return
	}
	r.complained = time.Now()
	r.log.Warn("a hook's receiver does not accept events", slog.String("receiver", r.settings.Load().key), slog.String("error", config.WithoutURL(err).Error()))
}

// abandon takes no more events and gives up those that wait or are being sent. It does
// not wait.
func (r *receiver) abandon() {
	r.reader.Close()
	r.cancel()
}

// end waits until run has returned and gives back what the receiver holds.
func (r *receiver) end() {
	r.running.Wait()
	r.cancel()
	r.reader.Close()
	r.client.CloseIdleConnections()
	if left := r.unsent + r.reader.Waiting(); left > 0 {
		r.log.Warn("events were not sent", slog.String("receiver", r.settings.Load().key), slog.Int("events", left))
	}
}
