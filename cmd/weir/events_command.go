package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"strings"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/api/client"
	"github.com/weirmedia/weir/pkg/event"
)

// eventsCommand is "weir events".
type eventsCommand struct {
	serverFlags
	Types  string `help:"Only these, such as stream.*,session.closed." placeholder:"TYPES"`
	Stream string `help:"Only of streams that a pattern names, such as live/**." placeholder:"PATTERNS"`
	JSON   bool   `name:"json" help:"Print as JSON, one event in a line."`
}

// Run prints what happens, until a signal comes or the server says no.
func (e *eventsCommand) Run(con *console) error {
	filter := url.Values{}
	for name, value := range map[string]string{"types": e.Types, "stream": e.Stream} {
		if value != "" {
			filter.Set(name, value)
		}
	}
	return e.ask(func(ctx context.Context, c *client.Client) error { return e.follow(ctx, con, c.Events(ctx, filter)) })
}

// follow prints events until there are no more.
func (e *eventsCommand) follow(ctx context.Context, con *console, events iter.Seq2[event.Event, error]) error {
	for happened, err := range events {
		switch {
		case ctx.Err() != nil:
			return nil // the user's signal
		case err != nil:
			return err
		}
		if err := e.print(con, happened); err != nil {
			return err
		}
	}
	return nil
}

func (e *eventsCommand) print(con *console, happened event.Event) error {
	if e.JSON {
		return json.NewEncoder(con.out).Encode(happened)
	}
	about := happened.Stream
	if about == "" {
		about = happened.Node
	}
	_, err := fmt.Fprintf(con.out, "%s  %-21s %s  %s\n", happened.Time.Local().Format("15:04:05.000"), happened.Type,
		printable(about), printable(summary(happened)))
	return err
}

// summary says in words what the data of an event hold.
func summary(e event.Event) string {
	var err error
	var text string
	switch e.Type {
	case event.StreamPublished, event.StreamUnpublished, event.StreamLayoutChanged, event.StreamNoViewers:
		var s api.StreamInfo
		err = json.Unmarshal(e.Data, &s)
		if text = tracksText(s.Tracks); s.Publisher != nil {
			text += " from " + s.Publisher.Protocol + " " + s.Publisher.Remote
		}
	case event.SessionOpened, event.SessionClosed:
		var s api.SessionInfo
		err = json.Unmarshal(e.Data, &s)
		text = fmt.Sprintf("%s %s %s %s %s", e.Session, s.Protocol, s.Action, s.Remote, s.User)
		if e.Type == event.SessionClosed {
			after := time.Duration(s.DurationS * float64(time.Second)).Round(time.Millisecond)
			text += fmt.Sprintf(" %s after %v, %s in, %s out", s.Reason, after, bytesText(s.BytesIn), bytesText(s.BytesOut))
		}
	case event.SessionRefused:
		var r api.RefusalInfo
		err = json.Unmarshal(e.Data, &r)
		text = fmt.Sprintf("%s %s %s %s: %s", r.Protocol, r.Action, r.Remote, r.User, r.Reason)
	case event.StreamNotFound:
		var c api.ClientInfo
		err = json.Unmarshal(e.Data, &c)
		text = fmt.Sprintf("%s %s %s %s", e.Session, c.Protocol, c.Remote, c.User)
	case event.ServerStarted, event.ServerHeartbeat, event.ServerStopping:
		var s api.ServerInfo
		err = json.Unmarshal(e.Data, &s)
		text = fmt.Sprintf("%s, up %v: %d streams, %d publishers, %d viewers",
			s.Version, time.Duration(s.UptimeS)*time.Second, s.Streams, s.Publishers, s.Viewers)
	case event.ServerReloaded:
		var c api.ConfigChange
		err = json.Unmarshal(e.Data, &c)
		text = "changed: " + cmp.Or(strings.Join(c.Changed, " "), "nothing")
		if len(c.Restart) > 0 {
			text += "; after a restart: " + strings.Join(c.Restart, " ")
		}
	case event.RecordSegment:
		var r struct {
			File, Why string
			Bytes     uint64
			DurationS float64 `json:"duration_s"`
		}
		err = json.Unmarshal(e.Data, &r)
		text = fmt.Sprintf("%s, %v, %s: %s", r.File, time.Duration(r.DurationS*float64(time.Second)).Round(time.Millisecond), bytesText(r.Bytes), r.Why)
	case event.RecordError, event.RecordRecovered:
		var f api.RecordFailureInfo
		err = json.Unmarshal(e.Data, &f)
		text = strings.TrimSpace(fmt.Sprintf("%s %s %s", f.File, f.Reason, f.Error))
	case event.EventsLost:
		var l event.Lost
		err = json.Unmarshal(e.Data, &l)
		text = "some events are missing here"
		if l.Lost > 0 {
			text = fmt.Sprintf("%d events are missing here", l.Lost)
		}
	default: // of a newer server
		text = string(e.Data)
	}
	if err != nil {
		return string(e.Data)
	}
	return text
}
