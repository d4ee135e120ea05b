package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/event"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/relay"
)

// eventAnswer is what a receiver may answer to some events.
type eventAnswer struct {
	// Pull says where a stream that was not found comes from.
	Pull *struct {
		Sources    []relay.URL `json:"sources"`
		CloseAfter string      `json:"close_after"`
	} `json:"pull"`
	// Record tells that a stream that is published is recorded.
	Record json.RawMessage `json:"record"`
	// Close closes the publisher of a stream without viewers.
	Close bool `json:"close"`
}

// answered does what a receiver of events wants. What it cannot be given costs a line
// in the log: the event was accepted.
func (a *app) answered(e event.Event, body []byte) {
	switch e.Type {
	case event.StreamNotFound, event.StreamNoViewers:
	case event.StreamPublished:
		if len(bytes.TrimSpace(body)) == 0 {
			return // which most receivers answer
		}
	default:
		return
	}
	if err := a.obey(e, body); err != nil {
		a.log.Warn("the answer to an event is of no use", slog.String("type", string(e.Type)), slog.String("stream", e.Stream),
			slog.String("error", err.Error()))
	}
}

func (a *app) obey(e event.Event, body []byte) error {
	var answer eventAnswer
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&answer); err != nil {
		return errors.New("it is no JSON object of the form {\"pull\": {\"sources\": […]}}, {\"record\": true} or {\"close\": true}") // err may repeat it
	}
	switch {
	case e.Type == event.StreamNotFound && answer.Pull != nil:
		p := relay.Pull{Sources: answer.Pull.Sources}
		if text := answer.Pull.CloseAfter; text != "" {
			d, err := time.ParseDuration(text)
			if err != nil || d < 0 {
				return errors.New("close_after: must be a duration such as 10s")
			}
			p.CloseAfter = new(config.Duration(d))
		}
		return a.relay.Fetch(e.Stream, p)
	case e.Type == event.StreamPublished && len(answer.Record) > 0:
		return a.recordAnswered(e.Stream, answer.Record)
	case e.Type == event.StreamNoViewers && answer.Close:
		if s := a.bus.Stream(e.Stream); s != nil && a.events.unwatched(e.Stream) {
			a.sessions.Kill(s.Info().Session, reason.NoViewers)
		}
	}
	return nil
}
