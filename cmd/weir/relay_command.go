package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/api/client"
)

// pullCommand is "weir pull".
type pullCommand struct {
	List   pullList   `cmd:"" default:"withargs" help:"List what is fetched, and the rules (the default)."`
	Add    pullAdd    `cmd:"" help:"Fetch a stream, or those of a pattern, from the first URL that brings it."`
	Remove pullRemove `cmd:"" help:"Undo an add."`
	Stop   pullStop   `cmd:"" help:"Do not fetch a stream until it is started."`
	Start  pullStart  `cmd:"" help:"Undo a stop."`
}

// forwardCommand is "weir forward".
type forwardCommand struct {
	List   forwardList   `cmd:"" default:"withargs" help:"List what is sent on, and the rules (the default)."`
	Add    forwardAdd    `cmd:"" help:"Send a stream, or those of a pattern, to all these URLs while it is published."`
	Remove forwardRemove `cmd:"" help:"Undo an add."`
	Stop   forwardStop   `cmd:"" help:"Do not send a stream on, or not to one target, until it is started."`
	Start  forwardStart  `cmd:"" help:"Undo a stop."`
}

// relayStream is what most of these commands are about.
type relayStream struct {
	serverFlags
	Stream string `arg:"" help:"Its name."`
}

// relayPattern is what is added and removed.
type relayPattern struct {
	serverFlags
	Stream string `arg:"" help:"A name, or a pattern such as 'cam/{id}', of which {id} can stand in URLs."`
}

// relayPatience is what rules of both kinds have.
type relayPatience struct {
	Timeout   string `help:"For how long the other side may say nothing." placeholder:"TIME"`
	MinDelay  string `help:"From a failure to the next try." placeholder:"TIME"`
	MaxDelay  string `help:"The longest such time." placeholder:"TIME"`
	Transport string `help:"tcp or udp for media by RTSP." placeholder:"NAME"`
}

type pullList struct {
	serverFlags
	JSON bool `name:"json" help:"Print as JSON."`
}

// Run lists what is fetched.
func (p *pullList) Run(con *console) error {
	return p.ask(func(ctx context.Context, c *client.Client) error {
		list, err := c.Pulls(ctx)
		if err != nil {
			return err
		}
		if p.JSON {
			return printJSON(con, list)
		}
		return printRelays(con, "SOURCE", list.Pulls, list.Rules)
	})
}

type forwardList struct {
	serverFlags
	JSON bool `name:"json" help:"Print as JSON."`
}

// Run lists what is sent on.
func (f *forwardList) Run(con *console) error {
	return f.ask(func(ctx context.Context, c *client.Client) error {
		list, err := c.Forwards(ctx)
		if err != nil {
			return err
		}
		if f.JSON {
			return printJSON(con, list)
		}
		return printRelays(con, "TARGET", list.Forwards, list.Rules)
	})
}

// printRelays prints a table of streams, and one of rules if there are any.
func printRelays(con *console, peer string, list []api.RelayInfo, rules []api.RelayRule) error {
	t := newTable(con, "STREAM", "STATE", peer, "FOR", "ATTEMPTS", "BITRATE", "NEXT", "ERROR")
	for _, r := range list {
		next := "-"
		if r.Next != nil {
			next = r.Next.Local().Format(time.TimeOnly)
		}
		t.row(r.Stream, r.State, cmp.Or(r.Peer, "-"), time.Since(r.Since).Round(time.Second), r.Attempts, bitrate(r.Bitrate), next, cmp.Or(r.Error, "-"))
	}
	if err := t.Flush(); err != nil || len(rules) == 0 {
		return err
	}
	_, _ = fmt.Fprintln(con.out) // Flush tells
	t = newTable(con, "RULE", peer, "MODE", "FROM")
	for _, r := range rules {
		from := "configuration"
		if r.Added {
			from = "added"
		}
		t.row(strings.Join(r.Streams, ", "), strings.Join(r.Peers, ", "), cmp.Or(r.Mode, "-"), from)
	}
	return t.Flush()
}

type pullAdd struct {
	relayPattern
	URLs       []string `arg:"" name:"url" help:"Where it comes from, in order of preference."`
	Always     bool     `help:"Fetch it without viewers too."`
	CloseAfter string   `help:"How long it is fetched after the last viewer." placeholder:"TIME"`
	Retry      int      `help:"Rounds of failures after which it gives up; 0 for never." placeholder:"N"`
	relayPatience
}

// Run adds a pull.
func (p *pullAdd) Run(*console) error {
	rule := api.NewPull{
		Stream: p.Stream, Sources: p.URLs, CloseAfter: p.CloseAfter, Retry: p.Retry,
		Timeout: p.Timeout, MinDelay: p.MinDelay, MaxDelay: p.MaxDelay, Transport: p.Transport,
	}
	if p.Always {
		rule.Mode = "always"
	}
	return p.ask(func(ctx context.Context, c *client.Client) error {
		_, err := c.AddPull(ctx, rule)
		return err
	})
}

type forwardAdd struct {
	relayPattern
	URLs   []string `arg:"" name:"url" help:"Where it goes."`
	Audio  string   `help:"copy, aac or opus: what sound becomes on its way." placeholder:"NAME"`
	MaxLag string   `help:"A target further behind is sent on with the newest key frame." placeholder:"TIME"`
	relayPatience
}

// Run adds a forward.
func (f *forwardAdd) Run(*console) error {
	rule := api.NewForward{
		Stream: f.Stream, Targets: f.URLs, Audio: f.Audio, MaxLag: f.MaxLag,
		Timeout: f.Timeout, MinDelay: f.MinDelay, MaxDelay: f.MaxDelay, Transport: f.Transport,
	}
	return f.ask(func(ctx context.Context, c *client.Client) error {
		_, err := c.AddForward(ctx, rule)
		return err
	})
}

type pullRemove struct{ relayPattern }

// Run removes a pull.
func (p *pullRemove) Run(*console) error {
	return p.ask(func(ctx context.Context, c *client.Client) error { return c.RemovePull(ctx, p.Stream) })
}

type forwardRemove struct{ relayPattern }

// Run removes a forward.
func (f *forwardRemove) Run(*console) error {
	return f.ask(func(ctx context.Context, c *client.Client) error { return c.RemoveForward(ctx, f.Stream) })
}

type pullStop struct{ relayStream }

// Run stops a pull.
func (p *pullStop) Run(*console) error {
	return p.ask(func(ctx context.Context, c *client.Client) error { return c.StopPull(ctx, p.Stream) })
}

type pullStart struct{ relayStream }

// Run starts a pull.
func (p *pullStart) Run(*console) error {
	return p.ask(func(ctx context.Context, c *client.Client) error { return c.StartPull(ctx, p.Stream) })
}

// forwardPart is a stream, and a target of it or all.
type forwardPart struct {
	relayStream
	Target string `arg:"" optional:"" help:"One of its targets, as weir forward shows it."`
}

type forwardStop struct{ forwardPart }

// Run stops a forward.
func (f *forwardStop) Run(*console) error {
	return f.ask(func(ctx context.Context, c *client.Client) error { return c.StopForward(ctx, f.Stream, f.Target) })
}

type forwardStart struct{ forwardPart }

// Run starts a forward.
func (f *forwardStart) Run(*console) error {
	return f.ask(func(ctx context.Context, c *client.Client) error { return c.StartForward(ctx, f.Stream, f.Target) })
}
