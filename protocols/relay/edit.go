package relay

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/streamname"
)

// Edits are new values for keys of the section, such as "added_pulls": YAML with all
// secrets. Empty Edits change nothing.
type Edits map[string]string

// Why the configuration cannot be edited.
var (
	ErrNoRule   = errors.New("no rule is for that")
	ErrExists   = errors.New("there is such a rule already")
	ErrFromFile = errors.New("the rule comes from the configuration and is removed there; it can be stopped")
)

// rule is a Pull or a Forward.
type rule interface {
	streamname.Rule
	patterns() []streamname.Pattern
	urls() (key string, list []URL)
}

func (p Pull) patterns() []streamname.Pattern    { return p.Streams }
func (p Pull) urls() (key string, list []URL)    { return "sources", p.Sources }
func (f Forward) patterns() []streamname.Pattern { return f.Streams }
func (f Forward) urls() (key string, list []URL) { return "targets", f.Targets }

// has reports whether the rule has a pattern of that text.
func has[R rule](r R, pattern string) bool {
	return slices.ContainsFunc(r.patterns(), func(p streamname.Pattern) bool { return p.String() == pattern })
}

// match returns the rule for a stream: those that were added come first.
func match[R rule](added, own []R, name string) (r R, captures map[string]string, ok bool) {
	if r, captures, ok = streamname.MatchRule(added, name); ok {
		return r, captures, true
	}
	return streamname.MatchRule(own, name)
}

// checkAdded is streamname.CheckRules for rules that were added.
func checkAdded[R rule](key string, added []R, check func(R) error) error {
	for i, r := range added {
		if n := len(r.patterns()); n != 1 {
			return fmt.Errorf("%s[%d].streams: must be one pattern, are %d", key, i, n)
		}
		if pattern := r.patterns()[0].String(); slices.ContainsFunc(added[:i], func(o R) bool { return has(o, pattern) }) {
			return fmt.Errorf("%s[%d].streams: %q is there twice", key, i, pattern)
		}
	}
	return errors.Join(streamname.CheckRules(key, added, check), checkLength(key, added))
}

// add returns the rules with one more. It comes before those that match all that it
// matches, which would leave it without effect.
func add[R rule](added []R, r R) ([]R, error) {
	key, list := r.urls()
	for i, u := range list {
		if u.masked() {
			return nil, fmt.Errorf("%s[%d]: holds %s for what is not shown; that must be given anew", key, i, config.Hidden)
		}
	}
	pattern := r.patterns()[0]
	if slices.ContainsFunc(added, func(o R) bool { return has(o, pattern.String()) }) {
		return nil, ErrExists
	}
	at := slices.IndexFunc(added, func(o R) bool { return o.patterns()[0].Covers(pattern) })
	if at < 0 {
		at = len(added)
	}
	return slices.Insert(slices.Clone(added), at, r), nil
}

// remove returns the rules without that of a pattern.
func remove[R rule](added, own []R, pattern string) ([]R, error) {
	found := func(r R) bool { return has(r, pattern) }
	switch {
	case slices.ContainsFunc(added, found):
		return without(added, found), nil
	case slices.ContainsFunc(own, found):
		return nil, ErrFromFile
	}
	return nil, ErrNoRule
}

// AddPull adds a pull of one pattern. It fails with ErrExists, or an error that starts
// with the key that is wrong.
func (c *Config) AddPull(p Pull) (Edits, error) {
	if err := c.checkPull(p); err != nil {
		return nil, err
	}
	added, err := add(c.AddedPulls, p)
	if err != nil {
		return nil, err
	}
	return edits("added_pulls", plain(added)), nil
}

// AddForward is AddPull for forwards.
func (c *Config) AddForward(f Forward) (Edits, error) {
	if err := c.checkForward(f); err != nil {
		return nil, err
	}
	added, err := add(c.AddedForwards, f)
	if err != nil {
		return nil, err
	}
	return edits("added_forwards", plain(added)), nil
}

// RemovePull removes the pull of that pattern that was added, and forgets which of its
// streams are stopped. It fails with ErrNoRule or ErrFromFile.
func (c *Config) RemovePull(pattern string) (Edits, error) {
	added, err := remove(c.AddedPulls, c.Pulls, pattern)
	if err != nil {
		return nil, err
	}
	stopped := without(c.StoppedPulls, func(name string) bool {
		_, _, before := match(c.AddedPulls, c.Pulls, name)
		_, _, after := match(added, c.Pulls, name)
		return before && !after
	})
	return changed(edits("added_pulls", plain(added)), "stopped_pulls", c.StoppedPulls, stopped), nil
}

// RemoveForward is RemovePull for forwards.
func (c *Config) RemoveForward(pattern string) (Edits, error) {
	added, err := remove(c.AddedForwards, c.Forwards, pattern)
	if err != nil {
		return nil, err
	}
	stopped := without(c.StoppedForwards, func(s StoppedForward) bool {
		_, _, before := match(c.AddedForwards, c.Forwards, s.Stream)
		_, _, after := match(added, c.Forwards, s.Stream)
		return before && !after
	})
	return changed(edits("added_forwards", plain(added)), "stopped_forwards", c.StoppedForwards, stopped), nil
}

// StopPull has a stream not fetched until it is started. Asked tells that it is
// fetched without a rule; else the error is ErrNoRule if there is none.
func (c *Config) StopPull(name string, asked bool) (Edits, error) {
	if slices.Contains(c.StoppedPulls, name) {
		return nil, nil
	}
	if _, _, ok := match(c.AddedPulls, c.Pulls, name); !ok && !asked {
		return nil, ErrNoRule
	}
	return edits("stopped_pulls", append(slices.Clone(c.StoppedPulls), name)), nil
}

// StartPull undoes StopPull. It fails with ErrNoRule if there is nothing to start.
func (c *Config) StartPull(name string) (Edits, error) {
	stopped := without(c.StoppedPulls, func(s string) bool { return s == name })
	if _, _, ok := match(c.AddedPulls, c.Pulls, name); !ok && len(stopped) == len(c.StoppedPulls) {
		return nil, ErrNoRule
	}
	return changed(Edits{}, "stopped_pulls", c.StoppedPulls, stopped), nil
}

// StopForward has a stream not sent to a target, or to none if that is empty, until it
// is started. It fails with ErrNoRule if it would not be sent there.
func (c *Config) StopForward(s StoppedForward) (Edits, error) {
	if !c.sends(s) {
		return nil, ErrNoRule
	}
	if slices.Contains(c.StoppedForwards, StoppedForward{Stream: s.Stream}) || slices.Contains(c.StoppedForwards, s) {
		return nil, nil
	}
	others := without(c.StoppedForwards, func(o StoppedForward) bool { return s.Target == "" && o.Stream == s.Stream })
	return edits("stopped_forwards", append(others, s)), nil
}

// StartForward undoes StopForward. Other targets of a stream that was stopped as a
// whole stay stopped. It fails with ErrNoRule if there is nothing to start.
func (c *Config) StartForward(s StoppedForward) (Edits, error) {
	undone := func(o StoppedForward) bool { return o == s || s.Target == "" && o.Stream == s.Stream }
	if !slices.ContainsFunc(c.StoppedForwards, undone) && !c.sends(s) {
		return nil, ErrNoRule
	}
	all := StoppedForward{Stream: s.Stream}
	var stopped []StoppedForward
	if s.Target != "" && slices.Contains(c.StoppedForwards, all) {
		for _, peer := range c.targets(s.Stream) {
			stopped = append(stopped, StoppedForward{s.Stream, peer})
		}
	}
	stopped = without(append(without(c.StoppedForwards, func(o StoppedForward) bool { return o == all }), stopped...), undone)
	return changed(Edits{}, "stopped_forwards", c.StoppedForwards, stopped), nil
}

// sends reports whether a rule sends the stream to that target, or to any if it is
// empty.
func (c *Config) sends(s StoppedForward) bool {
	_, _, ok := match(c.AddedForwards, c.Forwards, s.Stream)
	return ok && (s.Target == "" || slices.Contains(c.targets(s.Stream), s.Target))
}

// targets returns how the targets of a stream are shown.
func (c *Config) targets(stream string) []string {
	all, _, err := c.forwardOrders(stream)
	if err != nil {
		return nil
	}
	return all.shown()
}

// without returns the list without what is to be dropped.
func without[T any](list []T, drop func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), drop)
}

// changed adds a key to e if its value is another than before.
func changed[T comparable](e Edits, key string, before, after []T) Edits {
	if !slices.Equal(before, after) {
		e[key] = text(after)
	}
	return e
}

func edits(key string, value any) Edits { return Edits{key: text(value)} }

// text returns a value as JSON, which is YAML.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts and numbers always can be
	}
	return string(b)
}

// plain returns what the rules set, by key. Unlike what they marshal to, it has all
// secrets.
func plain[R rule](rules []R) []map[string]any {
	out := make([]map[string]any, len(rules))
	for i, r := range rules {
		out[i] = map[string]any{}
		v := reflect.ValueOf(r)
		for _, f := range reflect.VisibleFields(v.Type()) {
			key, value := f.Tag.Get("yaml"), v.FieldByIndex(f.Index)
			if key != "" && !value.IsZero() {
				out[i][key] = value.Interface()
			}
		}
		key, list := r.urls()
		revealed := make([]string, len(list))
		for j, u := range list {
			revealed[j] = u.Reveal()
		}
		out[i][key] = revealed
	}
	return out
}

// Rule is a pull or forward of the configuration, without secrets.
type Rule struct {
	Streams []string // patterns
	Peers   []string // URLs, to be filled, without credentials and query
	Mode    Mode     // of a pull
	Added   bool     // by the API
}

// Describe returns what there is to tell of a pull.
func (p Pull) Describe(added bool) Rule {
	r := describe(p, added)
	r.Mode = streamname.Or(p.Mode, OnDemand)
	return r
}

// Describe returns what there is to tell of a forward.
func (f Forward) Describe(added bool) Rule { return describe(f, added) }

func describe(r rule, added bool) Rule {
	out := Rule{Added: added}
	for _, p := range r.patterns() {
		out.Streams = append(out.Streams, p.String())
	}
	_, urls := r.urls()
	for _, u := range urls {
		out.Peers = append(out.Peers, u.Shown())
	}
	return out
}

// PullRules returns the rules by which streams are fetched, in the order in which they
// are matched.
func (c *Config) PullRules() []Rule { return describeAll(c.AddedPulls, c.Pulls, Pull.Describe) }

// ForwardRules is PullRules for forwards.
func (c *Config) ForwardRules() []Rule {
	return describeAll(c.AddedForwards, c.Forwards, Forward.Describe)
}

func describeAll[R rule](added, own []R, describe func(r R, added bool) Rule) []Rule {
	out := []Rule{}
	for _, r := range added {
		out = append(out, describe(r, true))
	}
	for _, r := range own {
		out = append(out, describe(r, false))
	}
	return out
}
