package main

import (
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
}

// minEvery keeps the command from being a load.
const minEvery = 200 * time.Millisecond

// Run shows the streams with most viewers, again and again.
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
	var viewers int
	var in, out float64
	for _, s := range streams {
		viewers += s.ViewersTotal
		in += s.Bitrate
		out += s.Bitrate * float64(s.ViewersTotal)
	}
	slices.SortStableFunc(streams, func(a, b api.StreamInfo) int { return b.ViewersTotal - a.ViewersTotal })
	if live {
		const clear = "\x1b[H\x1b[2J"
		if _, err := fmt.Fprint(con.out, clear); err != nil {
			return err
		}
	}
	up := (time.Duration(info.UptimeS) * time.Second).String()
	if _, err := fmt.Fprintf(con.out, "weir %s at %s, up %s: %d streams, %d viewers, %s in, about %s out\n\n",
		info.Version, t.Server, up, len(streams), viewers, bitrate(in), bitrate(out)); err != nil {
		return err
	}
	return printStreams(con, streams)
}
