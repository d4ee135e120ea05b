package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/api/client"
)

// topCommand is "weir top".
type topCommand struct {
	serverFlags
	Every time.Duration `default:"2s" help:"Time between two looks (${default})."`
	Once  bool          `help:"Print one table and end."`
	Last  int           `default:"10" help:"How many viewers to show, those that are furthest behind (${default})."`
}

// minEvery keeps the command from being a load.
const minEvery = 200 * time.Millisecond

// Run shows the streams with most viewers, and the viewers furthest behind, again and
// again.
func (t *topCommand) Run(con *console) error {
	if t.Every < minEvery {
		return &usageError{fmt.Errorf("--every: must be at least %v, is %v", minEvery, t.Every)}
	}
	live := false
	if f, ok := con.out.(*os.File); ok {
		info, err := f.Stat()
		live = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return t.ask(func(ctx context.Context, c *client.Client) error {
		for {
			if err := t.show(ctx, con, c, live && !t.Once); err != nil {
				if ctx.Err() != nil {
					return nil // the user's signal
				}
				return err
			}
			if t.Once {
				return nil
			}
			select {
			case <-time.After(t.Every):
			case <-ctx.Done():
				return nil
			}
		}
	})
}

// show prints one table, in place of the one before if live.
func (t *topCommand) show(ctx context.Context, con *console, c *client.Client, live bool) error {
	info, err := c.Info(ctx)
	if err != nil {
		return err
	}
	streams, err := c.Streams(ctx)
	if err != nil {
		return err
	}
	sessions, total, err := c.Sessions(ctx, nil)
	if err != nil {
		return err
	}
	var viewers int
	var in, out float64
	for _, s := range streams {
		viewers += s.ViewersTotal
	}
	for _, s := range sessions {
		in += s.BitrateIn
		out += s.BitrateOut
	}
	about := ""
	if total > len(sessions) { // the rest is taken to be like those on the first page
		out *= float64(total) / float64(len(sessions))
		in *= float64(total) / float64(len(sessions))
		about = "about "
	}
	slices.SortStableFunc(streams, func(a, b api.StreamInfo) int { return b.ViewersTotal - a.ViewersTotal })
	if live {
		const clear = "\x1b[H\x1b[2J"
		if _, err := fmt.Fprint(con.out, clear); err != nil {
			return err
		}
	}
	up := (time.Duration(info.UptimeS) * time.Second).String()
	if _, err := fmt.Fprintf(con.out, "weir %s at %s, up %s: %d streams, %d viewers, %s%s in, %s out\n\n",
		info.Version, t.Server, up, len(streams), viewers, about, bitrate(in), bitrate(out)); err != nil {
		return err
	}
	if err := printStreams(con, streams); err != nil {
		return err
	}
	return t.printLast(con, sessions)
}

// printLast prints the viewers that are furthest behind.
func (t *topCommand) printLast(con *console, list []api.SessionInfo) error {
	list = slices.DeleteFunc(list, func(s api.SessionInfo) bool { return s.LagMS == nil })
	slices.SortStableFunc(list, func(a, b api.SessionInfo) int { return cmp.Compare(*b.LagMS, *a.LagMS) })
	if list = list[:max(0, min(len(list), t.Last))]; len(list) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(con.out); err != nil {
		return err
	}
	rows := newTable(con, "SESSION", "PROTOCOL", "STREAM", "REMOTE", "BITRATE", "LAG", "SKIPS")
	for _, s := range list {
		rows.row(s.ID, s.Protocol, s.Stream, s.Remote, bitrate(s.BitrateOut), lag(s), s.Skips)
	}
	return rows.Flush()
}
