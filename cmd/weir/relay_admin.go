package main

import (
	"encoding"
	"errors"
	"strings"
	"time"

	"github.com/weirmedia/weir/api"
	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/streamname"
	"github.com/weirmedia/weir/pkg/transcode"
	"github.com/weirmedia/weir/protocols/relay"
)

// pulls is what the API shows and changes of streams that are fetched.
type pulls struct{ app *app }

// forwards is the same of streams that are sent elsewhere.
type forwards struct{ app *app }

var (
	_ api.Relay[api.NewPull, api.StreamOfPull]       = pulls{}
	_ api.Relay[api.NewForward, api.StreamOfForward] = forwards{}
)

// List implements api.Relay.
func (p pulls) List() []api.RelayInfo { return describeRelays(p.app.relay.Pulls(), p.app.sessions) }

// List implements api.Relay.
func (f forwards) List() []api.RelayInfo {
	return describeRelays(f.app.relay.Forwards(), f.app.sessions)
}

// moment returns t in UTC, nil if it is zero.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}

func describeRelays(all []relay.Status, sessions *session.Registry) (out []api.RelayInfo) {
	for _, s := range all {
		info := api.RelayInfo{
			Stream: s.Stream, Mode: string(s.Mode), State: string(s.State), Peer: s.Peer, Session: s.Session, Since: s.Since.UTC(),
			Attempts: s.Attempts, Error: s.Error, FailedAt: moment(s.FailedAt), Next: moment(s.Next),
		}
		if x, ok := sessions.Get(s.Session); ok {
			in, sent := x.Rates()
			info.Bitrate = max(in, sent) // media goes one way only
		}
		out = append(out, info)
	}
	return out
}

// Rules implements api.Relay.
func (p pulls) Rules() []api.RelayRule {
	return describeRules(section[*relay.Config](p.app.configuration.current()).PullRules())
}

// Rules implements api.Relay.
func (f forwards) Rules() []api.RelayRule {
	return describeRules(section[*relay.Config](f.app.configuration.current()).ForwardRules())
}

func describeRules(all []relay.Rule) (out []api.RelayRule) {
	for _, r := range all {
		out = append(out, describeRule(r))
	}
	return out
}

func describeRule(r relay.Rule) api.RelayRule {
	return api.RelayRule{Streams: r.Streams, Peers: r.Peers, Mode: string(r.Mode), Added: r.Added}
}

// Add implements api.Relay.
func (p pulls) Add(by string, n api.NewPull) (api.RelayRule, error) {
	var f fields
	rule := relay.Pull{Scope: f.scope(n.Stream), Retry: n.Retry, Sources: urls(n.Sources)}
	rule.Mode = field[relay.Mode](&f, "mode", n.Mode)
	rule.CloseAfter = field[config.Duration](&f, "close_after", n.CloseAfter)
	rule.Timeout = field[config.Duration](&f, "timeout", n.Timeout)
	rule.MinDelay = field[config.Duration](&f, "min_delay", n.MinDelay)
	rule.MaxDelay = field[config.Duration](&f, "max_delay", n.MaxDelay)
	rule.Transport = field[relay.Transport](&f, "transport", n.Transport)
	if f.err != nil {
		return api.RelayRule{}, f.err
	}
	err := p.app.editRelay(by, func(c *relay.Config) (relay.Edits, error) { return c.AddPull(rule) })
	return describeRule(rule.Describe(true)), err
}

// Add implements api.Relay.
func (f forwards) Add(by string, n api.NewForward) (api.RelayRule, error) {
	var fs fields
	rule := relay.Forward{Scope: fs.scope(n.Stream), Targets: urls(n.Targets)}
	rule.Audio = field[transcode.Choice](&fs, "audio", n.Audio)
	rule.Timeout = field[config.Duration](&fs, "timeout", n.Timeout)
	rule.MinDelay = field[config.Duration](&fs, "min_delay", n.MinDelay)
	rule.MaxDelay = field[config.Duration](&fs, "max_delay", n.MaxDelay)
	rule.MaxLag = field[config.Duration](&fs, "max_lag", n.MaxLag)
	rule.Transport = field[relay.Transport](&fs, "transport", n.Transport)
	if fs.err != nil {
		return api.RelayRule{}, fs.err
	}
	err := f.app.editRelay(by, func(c *relay.Config) (relay.Edits, error) { return c.AddForward(rule) })
	return describeRule(rule.Describe(true)), err
}

// Remove implements api.Relay.
func (p pulls) Remove(by, pattern string) error {
	return p.app.editRelay(by, func(c *relay.Config) (relay.Edits, error) { return c.RemovePull(pattern) })
}

// Remove implements api.Relay.
func (f forwards) Remove(by, pattern string) error {
	return f.app.editRelay(by, func(c *relay.Config) (relay.Edits, error) { return c.RemoveForward(pattern) })
}

// Stop implements api.Relay.
func (p pulls) Stop(by string, what api.StreamOfPull) error {
	return p.app.editStream(by, what.Stream, func(c *relay.Config, name string) (relay.Edits, error) {
		return c.StopPull(name, p.app.relay.Fetches(name))
	})
}

// Start implements api.Relay.
func (p pulls) Start(by string, what api.StreamOfPull) error {
	return p.app.editStream(by, what.Stream, (*relay.Config).StartPull)
}

// Stop implements api.Relay.
func (f forwards) Stop(by string, what api.StreamOfForward) error {
	return f.app.editStream(by, what.Stream, func(c *relay.Config, name string) (relay.Edits, error) {
		return c.StopForward(relay.StoppedForward{Stream: name, Target: what.Target})
	})
}

// Start implements api.Relay.
func (f forwards) Start(by string, what api.StreamOfForward) error {
	return f.app.editStream(by, what.Stream, func(c *relay.Config, name string) (relay.Edits, error) {
		return c.StartForward(relay.StoppedForward{Stream: name, Target: what.Target})
	})
}

// fields reads what a request has as text; err is the first error.
type fields struct{ err error }

// scope is for the streams of a pattern.
func (f *fields) scope(pattern string) streamname.Scope {
	p, err := streamname.ParsePattern(pattern)
	if err != nil {
		f.err = wrongField("stream", err)
	}
	return streamname.Scope{Streams: []streamname.Pattern{p}}
}

// field reads one text; an empty one stands for nothing.
func field[T any, P interface {
	*T
	encoding.TextUnmarshaler
}](f *fields, name, text string) *T {
	if text == "" {
		return nil
	}
	value := new(T)
	if err := P(value).UnmarshalText([]byte(text)); err != nil && f.err == nil {
		f.err = wrongField(name, err)
	}
	return value
}

func urls(texts []string) (out []relay.URL) {
	for _, text := range texts {
		out = append(out, relay.URL(text))
	}
	return out
}

func wrongField(name string, err error) error {
	return &api.ConfigError{Code: string(reason.BadRequest), Field: name, Err: err}
}

// editStream edits the relay's section for a stream.
func (a *app) editStream(by, stream string, edit func(c *relay.Config, name string) (relay.Edits, error)) error {
	name, err := streamname.Parse(stream)
	if err != nil {
		return &api.ConfigError{Code: string(reason.BadName), Field: "stream", Err: err}
	}
	return a.editRelay(by, func(c *relay.Config) (relay.Edits, error) { return edit(c, name) })
}

// editRelay edits the relay's section and keeps that.
func (a *app) editRelay(by string, edit func(*relay.Config) (relay.Edits, error)) error {
	return a.configuration.edit(by, func(s *settings) (map[string]*string, error) {
		edits, err := edit(section[*relay.Config](s))
		if err != nil {
			return nil, refusedEdit(err)
		}
		changes := map[string]*string{}
		for key, text := range edits {
			changes["relay."+key] = &text
		}
		return changes, nil
	})
}

// refusedEdit is the error about a rule that is not what it must be.
func refusedEdit(err error) error {
	for known, code := range map[error]string{
		relay.ErrNoRule: api.RuleNotFound, relay.ErrExists: api.RuleExists, relay.ErrFromFile: api.RuleFromFile,
	} {
		if errors.Is(err, known) {
			return &api.ConfigError{Code: code, Err: err}
		}
	}
	key, _, _ := strings.Cut(err.Error(), ":")
	key, _, _ = strings.Cut(key, "[") // of a list it is the whole
	if key == "streams" {
		key = "stream"
	}
	return wrongField(key, err)
}
