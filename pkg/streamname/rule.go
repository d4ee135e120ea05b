package streamname

import (
	"fmt"
)

// Scope says for which streams a rule is. A rule is a struct that embeds it and
// holds settings for these streams: of a list of rules the first that matches a
// stream counts, and it alone.
type Scope struct {
	Streams []Pattern `yaml:"streams" help:"Which streams: '*' or '{x}' stands for one segment, '**' for all that follow." example:"['cam/**']"`
}

// Rule is what embeds a Scope.
type Rule interface{ scope() Scope }

func (s Scope) scope() Scope { return s }

func (s Scope) match(name string) (captures map[string]string, ok bool) {
	for _, p := range s.Streams {
		if captures, ok = p.Match(name); ok {
			return captures, true
		}
	}
	return nil, false
}

func (s Scope) covers(q Pattern) bool {
	for _, p := range s.Streams {
		if p.Covers(q) {
			return true
		}
	}
	return false
}

// RuleFor returns the first rule that is for the stream of that name, and the
// zero rule if none is.
func RuleFor[R Rule](rules []R, name string) (rule R) {
	rule, _, _ = MatchRule(rules, name)
	return rule
}

// MatchRule does what RuleFor does, and tells what the pattern that matches
// captures, and whether there is one.
func MatchRule[R Rule](rules []R, name string) (rule R, captures map[string]string, ok bool) {
	for _, r := range rules {
		if captures, ok = r.scope().match(name); ok {
			return r, captures, true
		}
	}
	return rule, nil, false
}

// Or returns what a rule sets, or what counts for all streams if it leaves that
// out.
func Or[T any](set *T, all T) T {
	if set == nil {
		return all
	}
	return *set
}

// CheckRules returns the first error of the rules, which are a key of a section,
// such as "streams": a rule without patterns, or what check, whose errors start with
// a key, finds wrong with one.
func CheckRules[R Rule](key string, rules []R, check func(R) error) error {
	for i, r := range rules {
		if len(r.scope().Streams) == 0 {
			return fmt.Errorf("%s[%d].streams: needs at least one pattern", key, i)
		}
		if err := check(r); err != nil {
			return fmt.Errorf("%s[%d].%w", key, i, err)
		}
	}
	return nil
}

// RuleWarnings names the patterns of the rules, which are a key of a section, that
// have no effect, because patterns before them match all that they
// match.
func RuleWarnings[R Rule](key string, rules []R) []string {
	var all []string
	for i, r := range rules {
		patterns := r.scope().Streams
		for j, p := range patterns {
			if before := (Scope{patterns[:j]}); before.covers(p) {
				all = append(all, fmt.Sprintf("%s[%d].streams[%d]: %q has no effect, a pattern before it matches the same", key, i, j, p))
				continue
			}
			for earlier, other := range rules[:i] {
				if other.scope().covers(p) {
					all = append(all, fmt.Sprintf("%s[%d].streams[%d]: %q has no effect, %s[%d] matches the same first", key, i, j, p, key, earlier))
					break
				}
			}
		}
	}
	return all
}
