package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/api/client"
	"github.com/weirmedia/weir/pkg/session"
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
	err = do(ctx, c)
	var network *net.OpError
	if errors.As(err, &network) && network.Op == "dial" {
		return fmt.Errorf("no server answers at %s; --server URL is for another: %w", network.Addr, network.Err)
	}
	return err
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
		from := "-"
		if p := s.Publisher; p != nil {
			from = p.Protocol + " " + p.Remote
		}
		t.row(s.Name, s.State, tracksText(s.Tracks), bitrate(s.Bitrate), s.ViewersTotal, from)
	}
	return t.Flush()
}

// tracksText names tracks in a line.
func tracksText(list []api.TrackInfo) string {
	var tracks []string
	for _, t := range list {
		tracks = append(tracks, strings.TrimSpace(fmt.Sprintf("%s %s", t.Codec, size(t))))
	}
	return strings.Join(tracks, ", ")
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
	ID       string `arg:"" optional:"" help:"One of them: all that is known of it, with its timeline." placeholder:"SESSION"`
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
		if s.ID != "" {
			return s.one(ctx, con, c)
		}
		list, total, err := c.Sessions(ctx, filter)
		if err != nil {
			return err
		}
		if s.JSON {
			return printJSON(con, list)
		}
		t := newTable(con, "SESSION", "PROTOCOL", "ACTION", "STREAM", "REMOTE", "USER", "FOR", "IN", "OUT", "BITRATE", "LAG", "SKIPS")
		for _, x := range list {
			t.row(x.ID, x.Protocol, x.Action, x.Stream, x.Remote, cmp.Or(x.User, "-"), time.Since(x.Since).Round(time.Second),
				bytesText(x.BytesIn), bytesText(x.BytesOut), bitrate(rate(x)), lag(x), x.Skips)
		}
		if err := t.Flush(); err != nil || total == len(list) {
			return err
		}
		_, err = fmt.Fprintf(con.out, "%d of %d\n", len(list), total)
		return err
	})
}

// one prints one session.
func (s *sessionsCommand) one(ctx context.Context, con *console, c *client.Client) error {
	x, err := find(ctx, c, s.ID)
	if err != nil {
		return err
	}
	if s.JSON {
		return printJSON(con, x)
	}
	t := newTable(con, "SESSION", x.ID)
	for _, line := range [][2]any{
		{"protocol", x.Protocol + " " + x.Transport}, {"action", x.Action}, {"stream", x.Stream}, {"state", x.State},
		{"remote", x.Remote}, {"user", cmp.Or(x.User, "-")}, {"agent", cmp.Or(x.Agent, "-")},
		{"bytes", bytesText(x.BytesIn) + " in, " + bytesText(x.BytesOut) + " out"},
		{"bitrate", bitrate(x.BitrateIn) + " in, " + bitrate(x.BitrateOut) + " out"},
		{"frames", fmt.Sprintf("%d in, %d out", x.FramesIn, x.FramesOut)},
		{"lag", lag(x)}, {"skips", fmt.Sprintf("%d, %d frames", x.Skips, x.FramesSkipped)},
	} {
		t.row(line[0], line[1])
	}
	for _, step := range x.Timeline {
		t.row(step.At.Local().Format("15:04:05.000"), strings.TrimSpace(string(step.What)+" "+step.Detail))
	}
	return t.Flush()
}

// find returns a session that goes on, or has ended of late.
func find(ctx context.Context, c *client.Client, id string) (api.SessionInfo, error) {
	x, err := c.Session(ctx, id)
	var no *client.Error
	if !errors.As(err, &no) || no.Status != http.StatusNotFound {
		return x, err
	}
	ended, other := c.Ended(ctx, nil)
	if i := slices.IndexFunc(ended, func(e api.EndedInfo) bool { return e.Session.ID == id }); other == nil && i >= 0 {
		return ended[i].Session, nil
	}
	return x, err
}

// rate returns the rate at which media goes through a session.
func rate(s api.SessionInfo) float64 {
	if s.Action == session.Publish {
		return s.BitrateIn
	}
	return s.BitrateOut
}

func lag(s api.SessionInfo) string {
	if s.LagMS == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f ms", *s.LagMS)
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

// printable returns text such that what peers chose does not command the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7F && r < 0xA0 {
			return '?'
		}
		return r
	}, text)
}

// row writes a row.
func (t *table) row(cells ...any) {
	for i, c := range cells {
		text := printable(fmt.Sprint(c))
		if i > 0 {
			text = "\t" + text
		}
		_, _ = fmt.Fprint(t, text) // Flush tells
	}
	_, _ = fmt.Fprintln(t)
}
