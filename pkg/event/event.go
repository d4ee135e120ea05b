// Package event holds what happens in a server as one stream of events, and hands
// it to readers that may be slow: nobody who publishes an event ever waits.
package event

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weirmedia/weir/pkg/streamname"
)

// Type says what happened. docs/hooks.md describes each.
type Type string

// The types of events.
const (
	StreamPublished     Type = "stream.published"
	StreamUnpublished   Type = "stream.unpublished"
	StreamLayoutChanged Type = "stream.layout_changed"
	StreamNotFound      Type = "stream.not_found"
	StreamNoViewers     Type = "stream.no_viewers"

	SessionOpened  Type = "session.opened"
	SessionClosed  Type = "session.closed"
	SessionRefused Type = "session.refused"

	ServerStarted   Type = "server.started"
	ServerReloaded  Type = "server.reloaded"
	ServerHeartbeat Type = "server.heartbeat"
	ServerStopping  Type = "server.stopping"

	RecordSegment   Type = "record.segment"
	RecordError     Type = "record.error"
	RecordRecovered Type = "record.recovered"

	// EventsLost is no event of the server but of one reader: it stands where others
	// are missing.
	EventsLost Type = "events_lost"
)

// Types returns all types.
func Types() []Type {
	return []Type{
		StreamPublished, StreamUnpublished, StreamLayoutChanged, StreamNotFound, StreamNoViewers,
		SessionOpened, SessionClosed, SessionRefused, ServerStarted, ServerReloaded, ServerHeartbeat, ServerStopping,
		RecordSegment, RecordError, RecordRecovered, EventsLost,
	}
}

// Event is something that happened. It is immutable.
type Event struct {
	// ID is unique, and greater, as a text, than those of earlier events of the same
	// server. EventsLost has that of the last event that is missing.
	ID   string    `json:"id"`
	Time time.Time `json:"time"` // UTC
	// Node is the name of the server.
	Node string `json:"node"`
	Type Type   `json:"type"`
	// Stream and Session are what it is about, or empty.
	Stream  string          `json:"stream"`
	Session string          `json:"session"`
	Data    json.RawMessage `json:"data"`
}

// Lost is the data of EventsLost.
type Lost struct {
	// Lost is how many events are missing, at most; 0 if that is not known.
	Lost uint64 `json:"lost"`
}

// Selector is a type of events, or "stream.*", "session.*", "server.*", "record.*" for all that
// begin so. The zero Selector matches nothing.
type Selector string

// UnmarshalText sets s to a selector that matches at least one type.
func (s *Selector) UnmarshalText(text []byte) error {
	candidate := Selector(text)
	if !slices.ContainsFunc(Types(), candidate.matches) || candidate == Selector(EventsLost) {
		return fmt.Errorf(`must be an event such as %q, or a group such as "stream.*", is %.64q`, StreamPublished, text)
	}
	*s = candidate
	return nil
}

// MarshalText returns the text.
func (s Selector) MarshalText() ([]byte, error) { return []byte(s), nil }

func (s Selector) matches(t Type) bool {
	if group, ok := strings.CutSuffix(string(s), "*"); ok {
		return strings.HasSuffix(group, ".") && strings.HasPrefix(string(t), group)
	}
	return string(s) == string(t)
}

// Filter chooses events. The zero Filter matches all.
type Filter struct {
	// Types is which; empty for all.
	Types []Selector
	// Streams is on which streams; empty for all. Events that concern no stream are
	// not affected.
	Streams []streamname.Pattern
}

func (f *Filter) matches(e *Event) bool {
	if len(f.Types) > 0 && !slices.ContainsFunc(f.Types, func(s Selector) bool { return s.matches(e.Type) }) {
		return false
	}
	return len(f.Streams) == 0 || e.Stream == "" || slices.ContainsFunc(f.Streams, func(p streamname.Pattern) bool {
		_, ok := p.Match(e.Stream)
		return ok
	})
}
