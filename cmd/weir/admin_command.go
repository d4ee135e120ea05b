package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/api/client"
)

// serverFlags say which server a command is about.
type serverFlags struct {
	Server string `default:"http://127.0.0.1:8080" env:"WEIR_SERVER" help:"Where the server is (${default})." placeholder:"URL"`
	Token  string `env:"WEIR_TOKEN" help:"Token, for a server on another machine." placeholder:"TOKEN"`
}

// ask calls do with a client, until a signal comes.
func (f *serverFlags) ask(do func(ctx context.Context, c *client.Client) error) error {
	c, err := client.New(f.Server, f.Token)
	if err != nil {
		return &usageError{fmt.Errorf("--server: %w", err)}
	}
	defer c.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return do(ctx, c)
}

// streamsCommand is "weir streams".
type streamsCommand struct {
	serverFlags
	JSON bool `name:"json" help:"Print as JSON."`
}

// Run lists the streams.
func (s *streamsCommand) Run(con *console) error {
	return s.ask(func(ctx context.Context, c *client.Client) error {
		list, err := c.Streams(ctx)
		if err != nil {
			return err
		}
		if s.JSON {
			return printJSON(con, list)
		}
		return printStreams(con, list)
	})
}

func printJSON(con *console, v any) error {
	e := json.NewEncoder(con.out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func printStreams(con *console, list []api.StreamInfo) error {
	t := newTable(con, "STREAM", "STATE", "TRACKS", "BITRATE", "VIEWERS", "FROM")
	for _, s := range list {
		var tracks []string
		for _, track := range s.Tracks {
			tracks = append(tracks, strings.TrimSpace(fmt.Sprintf("%s %s", track.Codec, size(track))))
		}
		from := "-"
		if p := s.Publisher; p != nil {
			from = p.Protocol + " " + p.Remote
		}
		t.row(s.Name, s.State, strings.Join(tracks, ", "), bitrate(s.Bitrate), s.ViewersTotal, from)
	}
	return t.Flush()
}

func size(t api.TrackInfo) string {
	if t.Width == 0 {
		return ""
	}
	return fmt.Sprintf("%dx%d", t.Width, t.Height)
}

func bitrate(bits float64) string {
	if bits >= 1e6 {
		return fmt.Sprintf("%.1f Mbit/s", bits/1e6)
	}
	return fmt.Sprintf("%.0f kbit/s", bits/1e3)
}

// sessionsCommand is "weir sessions".
type sessionsCommand struct {
	serverFlags
	Protocol string `help:"Only those of a protocol, such as rtmp." placeholder:"NAME"`
	Action   string `help:"Only publishers (publish) or viewers (play)." placeholder:"ACTION"`
	Stream   string `help:"Only those of a stream." placeholder:"NAME"`
	User     string `help:"Only those of a user." placeholder:"NAME"`
	Remote   string `help:"Only those whose address begins so." placeholder:"ADDRESS"`
	JSON     bool   `name:"json" help:"Print as JSON."`
}

// Run lists sessions.
func (s *sessionsCommand) Run(con *console) error {
	filter := url.Values{}
	for name, value := range map[string]string{"protocol": s.Protocol, "action": s.Action, "stream": s.Stream, "user": s.User, "remote": s.Remote} {
		if value != "" {
			filter.Set(name, value)
		}
	}
	return s.ask(func(ctx context.Context, c *client.Client) error {
		list, total, err := c.Sessions(ctx, filter)
		if err != nil {
			return err
		}
		if s.JSON {
			return printJSON(con, list)
		}
		t := newTable(con, "SESSION", "PROTOCOL", "ACTION", "STREAM", "REMOTE", "USER", "FOR", "IN", "OUT", "SKIPS")
		for _, x := range list {
			user := x.User
			if user == "" {
				user = "-"
			}
			t.row(x.ID, x.Protocol, x.Action, x.Stream, x.Remote, user, time.Since(x.Since).Round(time.Second), bytesText(x.BytesIn), bytesText(x.BytesOut), x.Skips)
		}
		if err := t.Flush(); err != nil || total == len(list) {
			return err
		}
		_, err = fmt.Fprintf(con.out, "%d of %d\n", len(list), total)
		return err
	})
}

func bytesText(n uint64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.0f KB", float64(n)/1e3)
}

// kickCommand is "weir kick".
type kickCommand struct {
	serverFlags
	Session string `arg:"" optional:"" help:"The session, as weir sessions lists it."`
	Stream  string `help:"In place of a session: the publisher of a stream." placeholder:"NAME"`
}

// Run closes a session.
func (k *kickCommand) Run(*console) error {
	if (k.Session == "") == (k.Stream == "") {
		return &usageError{fmt.Errorf("either a session or --stream")}
	}
	return k.ask(func(ctx context.Context, c *client.Client) error {
		if k.Stream != "" {
			return c.Release(ctx, k.Stream)
		}
		return c.Kick(ctx, k.Session)
	})
}

// table writes rows in columns.
type table struct{ *tabwriter.Writer }

func newTable(con *console, head ...any) *table {
	t := &table{tabwriter.NewWriter(con.out, 0, 8, 2, ' ', 0)}
	t.row(head...)
	return t
}

// row writes a row. What peers chose must not command the terminal.
func (t *table) row(cells ...any) {
	for i, c := range cells {
		text := strings.Map(func(r rune) rune {
			if r < ' ' || r >= 0x7F && r < 0xA0 {
				return '?'
			}
			return r
		}, fmt.Sprint(c))
		if i > 0 {
			text = "\t" + text
		}
		_, _ = fmt.Fprint(t, text) // Flush tells
	}
	_, _ = fmt.Fprintln(t)
}
