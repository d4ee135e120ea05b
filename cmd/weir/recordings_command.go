package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/api/client"
)

// recordingsCommand is "weir recordings".
type recordingsCommand struct {
	serverFlags
	Stream string    `help:"Only those of a stream." placeholder:"NAME"`
	From   time.Time `format:"2006-01-02T15:04:05Z07:00" help:"Only what ended later than this." placeholder:"TIME"`
	To     time.Time `format:"2006-01-02T15:04:05Z07:00" help:"Only what started earlier than this." placeholder:"TIME"`
	JSON   bool      `name:"json" help:"Print as JSON."`
}

// Run lists recordings.
func (r *recordingsCommand) Run(con *console) error {
	filter := url.Values{}
	if r.Stream != "" {
		filter.Set("stream", r.Stream)
	}
	for name, t := range map[string]time.Time{"from": r.From, "to": r.To} {
		if !t.IsZero() {
			filter.Set(name, t.Format(time.RFC3339))
		}
	}
	return r.ask(func(ctx context.Context, c *client.Client) error {
		list, err := allRecordings(ctx, c, filter)
		if err != nil {
			return err
		}
		if r.JSON {
			return printJSON(con, list)
		}
		t := newTable(con, "RECORDING", "STREAM", "START", "FOR", "SIZE", "TRACKS", "ENDED", "FILE")
		for _, x := range list {
			duration := time.Duration(x.DurationS * float64(time.Second)).Round(time.Second)
			t.row(x.ID, x.Stream, x.Start.Local().Format(time.DateTime), duration, bytesText(uint64(x.Bytes)),
				cmp.Or(strings.Join(x.Tracks, ", "), "-"), cmp.Or(x.Why, "-"), x.File)
		}
		return t.Flush()
	})
}

// allRecordings returns all pages of a list.
func allRecordings(ctx context.Context, c *client.Client, filter url.Values) ([]api.RecordingInfo, error) {
	list := []api.RecordingInfo{}
	for {
		page, more, err := c.Recordings(ctx, filter)
		if err != nil {
			return nil, err
		}
		if list = append(list, page...); !more {
			return list, nil
		}
		if len(page) == 0 {
			return nil, fmt.Errorf("the server has more recordings, but names none")
		}
		filter.Set("after", page[len(page)-1].ID)
	}
}
