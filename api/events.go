package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmedia/weir/pkg/event"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/streamname"
)

const (
	// maxEventReaders bounds the answers with events at once: some pages of the
	// console and some programs.
	maxEventReaders = 64
	// eventQueue bounds the events that wait for a reader, of some 700 bytes each.
	eventQueue = event.History
	// keepAlive is less than the 60 s after which proxies give up a silent answer.
	keepAlive = 15 * time.Second
	// eventStall is for how long a reader may take nothing, eventFarewell for how long
	// one may take to take the rest once the server stops.
	eventStall    = 30 * time.Second
	eventFarewell = 2 * time.Second
	// eventsFor bounds an answer: browsers ask again by themselves and miss nothing,
	// and what allows them is looked at again.
	eventsFor = 15 * time.Minute
	// maxFilters bounds the selectors and patterns of a request.
	maxFilters = 32
)

// ServerInfo is the data of the events about the server.
type ServerInfo struct {
	Version    string  `json:"version"`
	UptimeS    float64 `json:"uptime_s"`
	Streams    int     `json:"streams"`
	Publishers int     `json:"publishers"`
	Viewers    int     `json:"viewers"`
}

// ClientInfo is the data of stream.not_found: who wanted to play.
type ClientInfo struct {
	Protocol string `json:"protocol"`
	Remote   string `json:"remote"`
	User     string `json:"user"`
	Agent    string `json:"agent"`
}

// RefusalInfo is the data of session.refused: who wanted to publish or play, and why it
// may not.
type RefusalInfo struct {
	Protocol string         `json:"protocol"`
	Remote   string         `json:"remote"`
	User     string         `json:"user"`
	Agent    string         `json:"agent"`
	Action   session.Action `json:"action"`
	Reason   reason.Reason  `json:"reason"`
}

// RecordFailureInfo is the data of record.error and record.recovered: a stream that is
// not recorded as it should be, or is again, or has nothing more to record.
type RecordFailureInfo struct {
	Stream string        `json:"stream"`
	File   string        `json:"file"` // that was being written, or is now; empty if none was or is
	Reason reason.Reason `json:"reason"`
	Error  string        `json:"error"` // empty in record.recovered
}

// DescribeSession returns what the API shows of a session.
func DescribeSession(s session.Snapshot) SessionInfo { return newSessionInfo(&s) }

// DescribeEnd returns the data of session.closed.
func DescribeEnd(e session.End) SessionInfo {
	i := newSessionInfo(&e.Snapshot)
	i.Reason, i.DurationS = e.Reason, e.Duration.Round(time.Microsecond).Seconds()
	return i
}

// newEventFilter reads a query. An error is about the parameter field.
func newEventFilter(stream, types string) (f event.Filter, field string, err error) {
	if stream != "" {
		for text := range strings.SplitSeq(stream, ",") {
			p, err := streamname.ParsePattern(text)
			if err != nil {
				return f, "stream", err
			}
			f.Streams = append(f.Streams, p)
		}
	}
	if types != "" {
		for text := range strings.SplitSeq(types, ",") {
			var s event.Selector
			if err := s.UnmarshalText([]byte(text)); err != nil {
				return f, "types", err
			}
			f.Types = append(f.Types, s)
		}
	}
	if len(f.Streams) > maxFilters || len(f.Types) > maxFilters {
		return f, "types", fmt.Errorf("at most %d streams and types can be named", maxFilters)
	}
	return f, "", nil
}

// events answers with what happens as server-sent events (HTML Standard, 9.2), until
// the client goes or the server stops.
func (a *api) events(c *gin.Context) {
	f, field, err := newEventFilter(c.Query("stream"), c.Query("types"))
	if err != nil {
		fail(c, http.StatusBadRequest, string(reason.BadRequest), err.Error(), field)
		return
	}
	if a.eventReaders.Add(1) > maxEventReaders {
		a.eventReaders.Add(-1)
		fail(c, http.StatusServiceUnavailable, string(reason.LimitReached), fmt.Sprintf("%d clients read events already", maxEventReaders), "")
		return
	}
	defer a.eventReaders.Add(-1)
	c.Header("Content-Type", "text/event-stream")
	c.Header("X-Accel-Buffering", "no") // nginx would hold events back
	c.Status(http.StatusOK)
	if c.Request.Method == http.MethodHead {
		return
	}
	reader := a.Events.Subscribe(event.ReaderOptions{Filter: f, Queue: eventQueue, After: c.GetHeader("Last-Event-ID")})
	defer reader.Close()
	ctx, cancel := context.WithTimeout(c.Request.Context(), eventsFor)
	defer cancel()
	out := &eventWriter{writer: c.Writer, control: http.NewResponseController(c.Writer)}
	defer out.hurryAfter(a.Events.Done())()
	out.send(ctx, reader)
}

// eventWriter writes server-sent events to a client that may be slow.
type eventWriter struct {
	writer  http.ResponseWriter
	control *http.ResponseController

	mu    sync.Mutex
	hurry bool // the deadline stays as it is
}

// hurryAfter gives the client little time once done is closed. The function that it
// returns must be called at the end.
func (w *eventWriter) hurryAfter(done <-chan struct{}) (stop func()) {
	ended, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-done:
			w.mu.Lock()
			defer w.mu.Unlock()
			w.hurry = true
			_ = w.control.SetWriteDeadline(time.Now().Add(eventFarewell)) // fails only in tests without a connection
		case <-ended:
		}
	}()
	return func() {
		close(ended)
		<-stopped
	}
}

// send passes events on, and comments while there are none, until there is a reason
// to end.
func (w *eventWriter) send(ctx context.Context, reader *event.Reader) {
	// So that the client sees its answer begin, and knows what to come back with.
	if !w.write(": events of weir\nid: " + reader.Begins() + "\n\n") {
		return
	}
	for ctx.Err() == nil {
		patience, cancel := context.WithTimeout(ctx, keepAlive)
		e, err := reader.Next(patience)
		cancel()
		text := ":\n\n"
		switch {
		case errors.Is(err, event.ErrClosed):
			return
		case err == nil:
			text = formatEvent(e)
		}
		if !w.write(text) {
			return
		}
	}
}

// formatEvent leaves the field "event" out: clients get all types by one handler.
func formatEvent(e event.Event) string {
	data, err := json.Marshal(e)
	if err != nil { // its data were valid once
		panic(fmt.Sprintf("api: %v", err))
	}
	return "id: " + e.ID + "\ndata: " + string(data) + "\n\n"
}

// write reports whether the client took text.
func (w *eventWriter) write(text string) bool {
	w.mu.Lock()
	if !w.hurry {
		_ = w.control.SetWriteDeadline(time.Now().Add(eventStall)) // if it fails, so does the write
	}
	w.mu.Unlock()
	if _, err := w.writer.Write([]byte(text)); err != nil {
		return false
	}
	return w.control.Flush() == nil
}
